//! Floor 5: the log. Set up once, before anything else happens; everything else just says
//! `tracing::info!`.
//!
//! `ROSTERD_LOG` takes the directives of tracing's `EnvFilter` and wins over `-v` and `-q`.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many times more (`-v`) or, below zero, less (`-q`) was asked for.
    pub verbosity: i16,
    /// How it is written.
    pub format: Format,
    /// In colour, where the format knows colours.
    pub colour: bool,
    /// Whether each line of text says when it was written. The journal knows that by itself.
    pub times: bool,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The directives in the environment cannot be read.
    #[error("ROSTERD_LOG {text:?} cannot be read: {cause}\nhelp: write a level, or target=level, parted by commas")]
    Filter {
        /// The variable's value.
        text: String,
        /// What is wrong with it.
        cause: ParseError,
    },
    /// It was set up before.
    #[error("the log is set up twice")]
    Twice(#[from] TryInitError),
}

/// Crates that see tokens and passwords pass by. What they say below debug could hold them, so no
/// setting goes there.
const CAPPED: [&str; 6] = ["h2", "hyper", "hyper_util", "reqwest", "rustls", "sqlx"];

/// Sets the log up for the life of the process. `directives` is `ROSTERD_LOG`, where it is set.
///
/// # Errors
/// The directives cannot be read, or the log was set up before.
pub fn init<W>(settings: Settings, directives: Option<&str>, writer: W) -> Result<(), TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    Ok(subscriber(settings, directives, writer)?.try_init()?)
}

fn subscriber<W>(
    settings: Settings,
    directives: Option<&str>,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = filter(settings.verbosity, directives)?.and(filter_fn(may_be_seen));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match settings.format {
        Format::Text if settings.times => layer.with_ansi(settings.colour).with_target(false).boxed(),
        Format::Text => layer.with_ansi(settings.colour).with_target(false).without_time().boxed(),
        Format::Json => layer.json().flatten_event(true).with_ansi(false).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer.with_filter(filter)))
}

fn filter(verbosity: i16, directives: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let text = match directives.map(str::trim) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => {
            let others = level(verbosity.min(0));
            format!("{others},rosterd={}", level(verbosity))
        }
    };
    let filter = EnvFilter::builder().parse(&text);
    filter.map_err(|cause| TelemetryError::Filter { text, cause })
}

fn may_be_seen(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::DEBUG || !CAPPED.contains(&name)
}

fn level(verbosity: i16) -> LevelFilter {
    match verbosity {
        ..=-2 => LevelFilter::OFF,
        -1 => LevelFilter::ERROR,
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        3.. => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(verbosity: i16, directives: Option<&str>) -> String {
        let filter = filter(verbosity, directives).unwrap().to_string();
        let mut parts: Vec<&str> = filter.split(',').collect();
        parts.sort_unstable();
        parts.join(",")
    }

    #[test]
    fn verbosity_moves_our_own_level() {
        let levels = [-2, -1, 0, 1, 2].map(|verbosity| shown(verbosity, None));
        assert_eq!(
            levels,
            ["off,rosterd=off", "error,rosterd=error", "rosterd=warn,warn", "rosterd=info,warn", "rosterd=debug,warn"]
        );
    }

    #[test]
    fn the_environment_wins_and_a_bad_one_is_told() {
        assert_eq!(shown(-2, Some("info")), "info");
        assert_eq!(shown(0, Some(" ")), shown(0, None));
        let error = filter(0, Some("rosterd=loud")).unwrap_err().to_string();
        assert!(error.starts_with("ROSTERD_LOG \"rosterd=loud\" cannot be read"), "{error}");
    }

    /// What is written, with these settings, of a few events.
    fn written(format: Format, directives: &str) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let settings = Settings { verbosity: 0, format, colour: false, times: true };
        let subscriber = subscriber(settings, Some(directives), std::sync::Mutex::new(writer)).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "h2::hpack", "token");
            tracing::debug!(target: "h2", "frame");
            tracing::trace!(target: "rosterd", people = 3, "ours \u{1b}[2J");
        });
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        text
    }

    #[test]
    fn libraries_that_see_secrets_never_trace() {
        let text = written(Format::Text, "trace,h2=trace");
        assert!(!text.contains("token"), "{text}");
        assert!(text.contains("frame") && text.contains("ours") && text.contains("people=3"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(Format::Json, "trace");
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[1]["people"], 3);
    }
}
