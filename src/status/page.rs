//! The status page: HTML without scripts, in one piece. Floor 4, pure. It shows groups and sources by
//! name, and people in numbers alone.

mod parts;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ready;
use super::view::Stored;
use crate::model::service::ServiceState;
use parts::{holds, runs, sources};

/// What the page may do, and nothing else: use its own style sheet, which is named by its SHA-256.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-xnFpvxIH+WIaymbNOOqFEjwP0ny5wRELRSAF3t1kruY='; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const STYLE: &str = include_str!("page/style.css");

/// The page. `stored`: what the state file adds, or why it cannot be read.
pub fn render(state: &ServiceState, stored: Result<&Stored, &str>, now: Timestamp) -> String {
    let wrong = ready::wrong(state, stored.err(), now);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "rosterd" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "rosterd" }
                    p .faint { "version " (env!("CARGO_PKG_VERSION")) ", " (parts::when(now)) }
                }
                main {
                    (standing(&wrong))
                    (now_and_next(state, now))
                    @if let Some((at, why)) = &state.configuration.refused {
                        section {
                            h2 { "Configuration refused" }
                            p .bad { "A newer configuration was refused " (parts::ago(now, *at)) "; the one before it is in use." }
                            pre { (parts::harmless_lines(why)) }
                        }
                    }
                    @if let Ok(stored) = stored {
                        (holds(stored, now))
                        (runs(stored, now))
                        (sources(state, stored, now))
                    }
                }
                footer .faint {
                    p { "configuration " (digest(&state.configuration.digest)) ", in use since " (parts::when(state.configuration.loaded_at)) }
                    p { "service since " (parts::when(state.started_at)) " · " a href="/metrics" { "metrics" } " · " a href="/readyz" { "readiness" } }
                }
            }
        }
    };
    page.into_string()
}

fn standing(wrong: &[String]) -> Markup {
    html! {
        @if wrong.is_empty() {
            p .standing.good { "Ready" }
        } @else {
            p .standing.bad { "Not ready" }
            ul { @for reason in wrong { li { (parts::harmless(reason)) } } }
        }
    }
}

fn now_and_next(state: &ServiceState, now: Timestamp) -> Markup {
    html! {
        dl {
            dt { "Next run" }
            dd {
                @match state.next_run {
                    Some(next) => { (parts::when(next)) " (" (parts::ago(now, next)) ")" },
                    None => "not scheduled",
                }
            }
            @if let Some(running) = state.running {
                dt { "Under way" }
                dd { "a run (" (running.trigger.as_str()) "), begun " (parts::ago(now, running.since)) }
            }
            dt { "Last success" }
            dd {
                @match state.last_success {
                    Some(at) => { (parts::when(at)) " (" (parts::ago(now, at)) ")" },
                    None => "not known",
                }
            }
            @if let Some(until) = state.throttled_until.filter(|until| *until > now) {
                dt { "Throttled" }
                dd .bad { "Hyperproof said to wait until " (parts::when(until)) " (" (parts::ago(now, until)) ")" }
            }
            @if let Some(error) = state.last_run.as_ref().and_then(|last| last.error.as_ref()) {
                dt { "Last error" }
                dd .bad { (parts::harmless(error)) }
            }
        }
    }
}

/// Enough of a digest to compare it by eye.
fn digest(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_style_sheet() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
        let hash = base64(digest.as_ref());
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the style sheet's hash is {hash}");
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let bits = three.iter().chain([&0; 2]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            for at in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char;
                text.push(if at <= three.len() { digit } else { '=' });
            }
        }
        text
    }
}
