//! A strict reader of the OpenMetrics text format, as far as it is used.

use std::collections::{BTreeMap, BTreeSet};

/// A metric with everything that is said of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Metric {
    pub(crate) kind: String,
    pub(crate) help: String,
    /// Values by labels.
    pub(crate) values: BTreeMap<Vec<(String, String)>, f64>,
}

impl Metric {
    /// Names of labels, of all values together.
    pub(crate) fn labels(&self) -> BTreeSet<&str> {
        self.values.keys().flatten().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn value(&self, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.values.get(&labels).copied()
    }
}

/// Metrics by the name of their values (`_total` included). Panics on whatever the format does not allow.
pub(crate) fn read(text: &str) -> BTreeMap<String, Metric> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with its mark");
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(line);
        assert!(is_name(name) && !help.is_empty() && matches!(kind, "counter" | "gauge"), "{line}: {kind}");
        assert!(!name.ends_with("_total"), "{name}: its values alone are called that");
        let of_values = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let mut metric = Metric { kind: kind.to_owned(), help: help.to_owned(), values: BTreeMap::new() };
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let rest = line.strip_prefix(&of_values).unwrap_or_else(|| panic!("{line} belongs to no {name}"));
            let (labels, value) = labels(rest);
            let value: f64 = value.strip_prefix(' ').expect(line).parse().expect(line);
            assert!(value.is_finite() && (kind != "counter" || value >= 0.0), "{line}");
            assert_eq!(metric.values.insert(labels, value), None, "twice: {line}");
        }
        assert_eq!(metrics.insert(of_values, metric), None, "twice: {name}");
    }
    metrics
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The labels, and what stands behind them.
fn labels(text: &str) -> (Vec<(String, String)>, &str) {
    let Some(mut rest) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut labels = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            assert!(!labels.is_empty(), "{text}: braces around nothing");
            return (labels, behind);
        }
        if !labels.is_empty() {
            rest = rest.strip_prefix(',').expect(text);
        }
        let (name, quoted) = rest.split_once("=\"").expect(text);
        assert!(is_name(name), "{text}");
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next().expect(text) {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next().expect(text).1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    other => panic!("{text}: \\{other}"),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
    }
}
