//! `rosterd audit list`: a record of the log in a line.

use super::look::{Ink, Look};
use super::words::clean;

/// The first line of the table for a spreadsheet.
pub const CSV_HEADINGS: &str =
    "seq,at,event,run_id,operator,op,group,member,reason,result,hold,approved_by,ticket,error\n";

/// The longest name of an event: what follows stands in a column.
const EVENT_WIDTH: usize = 14;

/// One record. What it does not have is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    pub at: String,
    /// What it tells of.
    pub event: String,
    /// The run.
    pub run: String,
    /// The login that set it off.
    pub operator: String,
    /// The kind of change.
    pub op: String,
    /// The target group.
    pub group: String,
    /// The account: its address, else its id.
    pub member: String,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub result: String,
    /// The hold.
    pub hold: String,
    /// Who approved it.
    pub approved_by: String,
    /// The approval's ticket.
    pub ticket: String,
    /// What went wrong.
    pub error: String,
}

/// A record for a person, with its line break.
pub fn line(line: &Line, look: &Look) -> String {
    let ink = match line.event.as_str() {
        "hold" | "approval" => Ink::Hold,
        "outcome" if !line.error.is_empty() => Ink::Trouble,
        _ => Ink::Faint,
    };
    let mut text = format!("{:>6}  {}  {}", line.seq, line.at, look.paint(ink, &clean(&line.event)));
    // What the other records of a run are found by.
    let run = if line.event.starts_with("run_") { line.run.as_str() } else { "" };
    let mut pad = EVENT_WIDTH.saturating_sub(line.event.chars().count());
    let change = match (line.op.as_str(), line.member.as_str()) {
        ("", _) if line.event == "observed" => format!("{:?}", line.group),
        ("", _) => String::new(),
        (op, "") => format!("{op} {:?}", line.group),
        (op, member) => format!("{op} {member} in {:?}", line.group),
    };
    let by = match line.approved_by.as_str() {
        "" => String::new(),
        by => format!("approved by {by}"),
    };
    for part in [run, &change, &line.reason, &line.result, &line.hold, &by, &line.ticket, &line.error] {
        if !part.is_empty() {
            text.extend(std::iter::repeat_n(' ', pad + 2));
            text.push_str(&clean(part));
            pad = 0;
        }
    }
    text.push('\n');
    text
}

/// A record for a spreadsheet, with its line break (RFC 4180, every text quoted). A text that a
/// spreadsheet would take for a formula is led by an apostrophe.
pub fn csv_line(line: &Line) -> String {
    let texts = [
        &line.at,
        &line.event,
        &line.run,
        &line.operator,
        &line.op,
        &line.group,
        &line.member,
        &line.reason,
        &line.result,
        &line.hold,
        &line.approved_by,
        &line.ticket,
        &line.error,
    ];
    let fields: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("{},{}\n", line.seq, fields.join(","))
}

/// A text as a field of CSV, harmless to a spreadsheet.
pub(crate) fn quoted(text: &str) -> String {
    let lead = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{lead}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Line {
        Line {
            seq: 7,
            at: "2026-11-22T05:00:00Z".into(),
            event: "outcome".into(),
            op: "add_member".into(),
            group: "Risk".into(),
            member: "ann@corp.example".into(),
            reason: "granted".into(),
            result: "done".into(),
            ..Line::default()
        }
    }

    #[test]
    fn a_record_reads_as_a_line() {
        insta::assert_snapshot!(
            line(&sample(), &Look::PLAIN).trim(),
            @r#"7  2026-11-22T05:00:00Z  outcome         add_member ann@corp.example in "Risk"  granted  done"#
        );
    }

    #[test]
    fn a_spreadsheet_gets_no_formula() {
        let odd = Line { group: "=cmd|\"x\"".into(), ..sample() };
        assert!(csv_line(&odd).contains(r#""'=cmd|""x""""#), "{}", csv_line(&odd));
        assert_eq!(csv_line(&odd).matches("\",\"").count(), 12);
        assert_eq!(CSV_HEADINGS.matches(',').count(), 13);
    }
}
