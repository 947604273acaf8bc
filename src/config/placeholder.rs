//! The template of a mapping, read as the regex crate fills it in: `$1`, `$name`, `${name}`, and
//! `$$` for a dollar sign.

use regex::Regex;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text as it is.
    Literal(&'a str),
    /// A capture, by number or by name.
    Capture(&'a str),
}

/// The pieces of a template.
pub(super) fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        let behind = dollar.get(1..).unwrap_or_default();
        let (part, length) = after_dollar(dollar, behind);
        parts.push(part);
        rest = dollar.get(length..).unwrap_or_default();
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    parts
}

/// What a dollar sign begins, and how many bytes of the template that is.
fn after_dollar<'a>(dollar: &'a str, behind: &'a str) -> (Part<'a>, usize) {
    let sign = dollar.get(..1).unwrap_or_default();
    if behind.starts_with('$') {
        return (Part::Literal(sign), 2);
    }
    if let Some(braced) = behind.strip_prefix('{') {
        return match braced.split_once('}') {
            Some((name, _)) => (Part::Capture(name), name.len() + 3),
            None => (Part::Literal(sign), 1),
        };
    }
    let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
    match behind.get(..end) {
        Some(name) if !name.is_empty() => (Part::Capture(name), end + 1),
        _ => (Part::Literal(sign), 1),
    }
}

/// Whether the pattern has that capture.
pub(super) fn has_capture(pattern: &Regex, capture: &str) -> bool {
    match capture.parse::<usize>() {
        Ok(number) => number < pattern.captures_len(),
        Err(_) => pattern.capture_names().flatten().any(|name| name == capture),
    }
}

/// What a template can yield: one name, or every text of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Yield {
    /// This name.
    Name(String),
    /// Whatever this matches.
    Like(Regex),
    /// Nobody can say: the mapping itself is wrong.
    Anything,
}

impl Yield {
    /// What the template of a pattern can yield.
    pub(super) fn of(template: &str) -> Self {
        let parts = parts(template);
        if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
            let name = parts.iter().map(|part| match part {
                Part::Literal(text) | Part::Capture(text) => *text,
            });
            return Self::Name(name.collect());
        }
        let pattern = parts.iter().map(|part| match part {
            Part::Literal(text) => regex::escape(text),
            Part::Capture(_) => "(?s:.*)".to_owned(),
        });
        let pattern = format!("^{}$", pattern.collect::<String>());
        Regex::new(&pattern).map_or(Self::Anything, Self::Like)
    }

    /// Whether this name can come of it.
    pub(super) fn can_be(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Like(pattern) => pattern.is_match(name),
            Self::Anything => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_template_can_yield() {
        assert!(Yield::of("A $$ B").can_be("A $ B"));
        assert!(!Yield::of("A $$ B").can_be("A $$ B"));
        assert!(Yield::of("Team ${x} (all)").can_be("Team Blue (all)"));
        assert!(!Yield::of("Team ${x} (all)").can_be("Team Blue"));
        assert!(Yield::of("$1").can_be("anything"));
        assert!(!Yield::of("x.$1").can_be("xy1"), "the literal part is no pattern");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// The regex crate itself is the judge.
        #[test]
        fn templates_are_read_as_the_regex_crate_fills_them_in(template in "[ab$${}1_é ]{0,12}", text in "[ab]{1,4}") {
            let pattern = Regex::new("^(?<a>a*)(b*).*$").unwrap();
            let captures = pattern.captures(&text).unwrap();
            let mut filled = String::new();
            captures.expand(&template, &mut filled);
            let ours: String = parts(&template)
                .into_iter()
                .map(|part| match part {
                    Part::Literal(text) => text.to_owned(),
                    Part::Capture(name) => {
                        let found = match name.parse::<usize>() {
                            Ok(number) => captures.get(number),
                            Err(_) => captures.name(name),
                        };
                        found.map_or("", |found| found.as_str()).to_owned()
                    }
                })
                .collect();
            prop_assert_eq!(&ours, &filled);
            prop_assert!(Yield::of(&template).can_be(&filled));
        }
    }
}
