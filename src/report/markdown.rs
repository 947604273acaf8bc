//! A plan for a ticket or a pull request. Nothing is cut: long lists are folded instead.
//!
//! Text from outside stands in code spans: nothing in a name can become markup, a link, or a mention
//! of somebody who has nothing to do with it (GitHub Flavored Markdown 0.29, sections 4.10 and 6.3).

use std::fmt::{self, Write};

use super::change_text::{self, Teller};
use super::document::{ChangeEntry, GroupEntry, HoldEntry, PlanDocument, SkipEntry, SourceEntry};
use super::look::CUT;
use super::sections::approve;
use super::words::{self, clean, plural};
use crate::model::plan::GroupStanding;
use crate::model::policy::Mode;

/// Writes the plan. The last line is always the counts.
pub fn write(out: &mut dyn Write, document: &PlanDocument) -> fmt::Result {
    let made_at = words::when(&document.made_at);
    writeln!(out, "### rosterd plan of {made_at}\n")?;
    writeln!(out, "Run {}, digest {}\n", code(&document.run_id), code(&document.digest))?;
    if let Some(run) = &document.undo_of {
        writeln!(out, "It takes back run {}.\n", code(run))?;
    }
    if !document.complete {
        writeln!(out, "**Not everything could be read.** What depends on it is left alone.\n")?;
    }
    list(out, document.problems.iter().map(|problem| code(problem)))?;
    sources(out, &document.sources)?;
    groups(out, document)?;
    skips(out, &document.skips)?;
    holds(out, document)?;
    writeln!(out, "**{}**", words::plan_counts(&document.summary))
}

fn sources(out: &mut dyn Write, sources: &[SourceEntry]) -> fmt::Result {
    for source in sources {
        let incomplete = match source.complete {
            true => "",
            false => "**not read completely**; ",
        };
        let evidence = match source.evidence.as_str() {
            "" => String::new(),
            evidence => format!(" ({})", code(evidence)),
        };
        writeln!(
            out,
            "Source {} ({}): {incomplete}{}, {}, {}{evidence}\n",
            code(&source.name),
            code(&source.kind),
            plural(source.people, "person"),
            plural(source.groups, "group"),
            plural(source.memberships, "membership"),
        )?;
        list(out, source.problems.iter().map(|problem| code(problem)))?;
    }
    Ok(())
}

fn groups(out: &mut dyn Write, document: &PlanDocument) -> fmt::Result {
    let teller = Teller::new(document, cell);
    let mut changes = document.changes_by_group();
    let mut quiet = 0;
    for group in &document.groups {
        let changes = changes.remove(group.name.as_str()).unwrap_or_default();
        if changes.is_empty() && group.problems.is_empty() && group.standing == GroupStanding::Ready {
            quiet += 1;
            continue;
        }
        writeln!(out, "{}\n", heading(group))?;
        list(out, words::within(group).iter().map(|problem| code(problem)))?;
        lines(out, &changes, &teller)?;
    }
    for (name, changes) in changes {
        writeln!(out, "#### {}\n", code(name))?;
        lines(out, &changes, &teller)?;
    }
    match quiet {
        0 => Ok(()),
        quiet => writeln!(out, "{} with nothing to do.\n", plural(quiet, "group")),
    }
}

fn heading(group: &GroupEntry) -> String {
    let mut text = format!("#### {}: {} live → {} desired", code(&group.name), group.live, group.desired);
    if group.mode != Mode::Mirror {
        text.push_str(", mode ");
        text.push_str(group.mode.as_str());
    }
    if !group.complete {
        text.push_str(", not read completely");
    }
    if group.standing == GroupStanding::Unusable {
        text.push_str(", left alone");
    }
    text
}

fn lines(out: &mut dyn Write, changes: &[&ChangeEntry], teller: &Teller<'_>) -> fmt::Result {
    let rows = change_text::sorted(changes).into_iter().map(|change| {
        let line = teller.line(change);
        format!("| `{}` | {} | {} |", line.mark, line.who, line.why)
    });
    table(out, "|  | who | why |\n|---|---|---|", "change", rows.collect())
}

fn skips(out: &mut dyn Write, skips: &[SkipEntry]) -> fmt::Result {
    if skips.is_empty() {
        return Ok(());
    }
    writeln!(out, "#### Skipped\n")?;
    let rows = skips.iter().map(|skip| {
        let detail = skip.detail.as_deref().map(cell).unwrap_or_default();
        let (person, group) = (cell(&skip.person), cell(&skip.group));
        format!("| {person} | {group} | {} | {detail} |", words::why(skip.why))
    });
    let head = "| who | group | why | more |\n|---|---|---|---|";
    table(out, head, "skip", rows.collect())
}

fn holds(out: &mut dyn Write, document: &PlanDocument) -> fmt::Result {
    if document.holds.is_empty() {
        return Ok(());
    }
    writeln!(out, "#### Holds\n")?;
    list(out, document.holds.iter().map(hold))?;
    let waiting = document.holds.iter().filter(|hold| !hold.approved).count();
    if waiting > 1 {
        writeln!(out, "All of them: {}\n", code(&approve(&document.digest)))?;
    }
    Ok(())
}

fn hold(hold: &HoldEntry) -> String {
    let group = hold.group.as_deref().map(|group| format!(" {}:", code(group))).unwrap_or_default();
    let (id, text, changes) = (code(&hold.id), code(&hold.text), plural(hold.changes, "change"));
    let text = format!("{id}{group} {text} ({}; {changes})", words::rule(hold));
    match hold.approved {
        true => format!("{text}: approved"),
        false => format!("{text}: {}", code(&approve(&hold.id))),
    }
}

fn list(out: &mut dyn Write, items: impl Iterator<Item = String>) -> fmt::Result {
    let mut any = false;
    for item in items {
        writeln!(out, "- {item}")?;
        any = true;
    }
    match any {
        true => writeln!(out),
        false => Ok(()),
    }
}

/// A table; a long one is folded.
fn table(out: &mut dyn Write, head: &str, noun: &str, rows: Vec<String>) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let folded = rows.len() > CUT;
    if folded {
        writeln!(out, "<details><summary>{}</summary>\n", plural(rows.len(), noun))?;
    }
    writeln!(out, "{head}\n{}\n", rows.join("\n"))?;
    match folded {
        true => writeln!(out, "</details>\n"),
        false => Ok(()),
    }
}

/// A code span: nothing in it is markup. The fence is longer than any run of backticks inside.
pub(crate) fn code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = text.trim().is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if blank { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span in a table, where a bar would end the cell even inside the span.
pub(crate) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{cell, code};
    use crate::report::{plan_markdown, samples};

    #[test]
    fn a_plan_fits_in_a_ticket() {
        insta::assert_snapshot!(plan_markdown(&samples::busy().planned), @r#"
        ### rosterd plan of 2026-11-22 12:00:00 UTC

        Run `0199-run`, digest `sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3`

        **Not everything could be read.** What depends on it is left alone.

        Source `corp-ad` (`ldap`): **not read completely**; 120 people, 7 groups, 310 memberships

        - `ldaps://dc1.corp.example: did not answer within 60 s`

        Source `hr` (`csv`): 120 people, 7 groups, 310 memberships (`2 files, 310 rows, the oldest 3 h old`)

        Source `hr-contractors` (`csv`): 120 people, 7 groups, 310 memberships (`2 files, 310 rows, the oldest 3 h old`)

        #### `Auditors`: 4 live → 1 desired

        |  | who | why |
        |---|---|---|
        | `?` | remove `fay@corp.example` | no longer granted by any directory group; held by `h-14e981d2f2bb` (group_removals: 3 removals, limit 2) |
        | `?` | remove `gus@corp.example` | no longer granted by any directory group; held by `h-14e981d2f2bb` (group_removals: 3 removals, limit 2) |
        | `?` | remove `eve@corp.example` | no longer granted by any directory group; held by `h-14e981d2f2bb` (group_removals: 3 removals, limit 2), `h-24f9683dfca3` (first_run) |

        #### `Lost`: 0 live → 3 desired, left alone

        - `is not in Hyperproof (help: create it there, or set create = true)`

        #### `Managers`: 12 live → 13 desired

        |  | who | why |
        |---|---|---|
        | `+` | `ann@corp.example` | granted by `hr`: `compliance` (and 1 more grant) |
        | `+` | `cy@corp.example` | removed in Hyperproof since the last run, granted by `hr`: `compliance` > `emea` > `berlin` |
        | `-` | `bob@corp.example` | no longer in the directory |
        | `~` | lead: `ann@corp.example` | the configuration says so |

        #### `New Team`: 0 live → 0 desired

        |  | who | why |
        |---|---|---|
        | `+` | the group itself | does not exist yet |

        #### `Watched`: 1 live → 2 desired, mode report

        |  | who | why |
        |---|---|---|
        | `+` | `dee@corp.example` | granted by `hr`: `compliance` (report only) |

        1 group with nothing to do.

        #### Skipped

        | who | group | why | more |
        |---|---|---|---|
        | `n1@corp.example` | `Managers` | no account bears their address |  |
        | `n2@corp.example` | `Managers` | no account bears their address |  |
        | `n3@corp.example` | `Managers` | no account bears their address |  |
        | `n4@corp.example` | `Managers` | no account bears their address |  |
        | `n5@corp.example` | `Managers` | no account bears their address |  |
        | `hal@corp.example` | `Managers` | ambiguous: two accounts for one person, or two people for one account | `2 accounts bear hal@corp.example` |

        #### Holds

        - `h-14e981d2f2bb` `Auditors`: `3 removals, the limit is 2` (group_removals: 3 removals, limit 2; 3 changes): `rosterd approve h-14e981d2f2bb --by YOU --reason "…"`
        - `h-24f9683dfca3` `Auditors`: `this is its first full run: 1 removal to be looked at by a person` (first_run; 1 change): `rosterd approve h-24f9683dfca3 --by YOU --reason "…"`
        - `h-c7025fe642d1` `Legal`: `directory group "legal" of hr is not there` (missing; 0 changes): `rosterd approve h-c7025fe642d1 --by YOU --reason "…"`

        All of them: `rosterd approve sha256:01f27b74e2d8ef19ffd5af329e076cd783af33b2a2431fc9640c7d3197a0b3c3 --by YOU --reason "…"`

        **1 group to create, 2 to add, 1 to remove, 1 lead to change, 3 held, 1 report only, 6 skipped; 4 calls**
        "#);
    }

    #[test]
    fn a_hostile_plan_stays_text() {
        insta::assert_snapshot!(plan_markdown(&samples::hostile()), @r#"
        ### rosterd plan of 2026-11-22 12:00:00 UTC

        Run `0199-run`, digest `sha256:ec33a445389213a1775c30e8480e477f20dddf35b9c66573b81e5fc513e88ee5`

        - `group \u{1b}]0;x: a\nb`

        Source `hr` (`csv`): 120 people, 7 groups, 310 memberships (`2 files, 310 rows, the oldest 3 h old`)

        #### ``Evil\u{1b}[2J\n0 to add, 0 to remove|`x`<b>@security\u{202e}``: 0 live → 1 desired

        |  | who | why |
        |---|---|---|
        | `+` | ``a\|`b`@corp.example`` | granted by `hr`: `<img>\u{9b}31m` |

        #### Skipped

        | who | group | why | more |
        |---|---|---|---|
        | `x\r\ny` | ``Evil\u{1b}[2J\n0 to add, 0 to remove\|`x`<b>@security\u{202e}`` | a member that is in no list of accounts | `\u{7}bell` |

        **1 to add, 0 to remove, 0 held, 1 skipped; 1 call**
        "#);
    }

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(code("@security <b>x</b>"), "`@security <b>x</b>`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\n# b"), r"`a\n# b`");
        assert_eq!(cell("a|b"), r"`a\|b`");
    }
}
