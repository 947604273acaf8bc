//! Parts of a report, as they stand in it.

use anstream::adapter::strip_str;

/// The first lines of a report, the parts of these groups, and the last part, which has the counts.
/// What was left out is marked.
pub(super) fn excerpt(report: &str, first: usize, groups: &[&str]) -> String {
    let parts: Vec<&str> = report.trim_end().split("\n\n").collect();
    let Some((last, before)) = parts.split_last() else { return String::new() };
    let head: Vec<&str> = report.lines().take(first).collect();
    let wanted = |part: &&&str| {
        let title = strip_str(part).to_string();
        groups.iter().any(|group| title.strip_prefix(group).is_some_and(|rest| rest.starts_with(':')))
    };
    let mut kept = Vec::new();
    if !head.is_empty() {
        kept.push(head.join("\n"));
    }
    kept.extend(before.iter().filter(wanted).map(|part| (*part).to_owned()));
    kept.push((*last).to_owned());
    let text = kept.join("\n…\n");
    if head.is_empty() { format!("…\n{text}\n") } else { format!("{text}\n") }
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn parts_are_kept_as_they_are() {
        let report = "Run 1\nOutcome: fine\n\nA: 1 live\n  + ann\n\nAB: 2 live\n  + bob\n\n1 added\n";
        assert_eq!(excerpt(report, 2, &["A"]), "Run 1\nOutcome: fine\n…\nA: 1 live\n  + ann\n…\n1 added\n");
        assert_eq!(excerpt(report, 0, &[]), "…\n1 added\n");
        let painted = report.replace("AB", "\u{1b}[1mAB\u{1b}[0m");
        assert!(excerpt(&painted, 0, &["AB"]).contains("AB\u{1b}[0m: 2 live\n  + bob"));
    }
}
