//! Which directory groups feed which target groups.

use crate::model::digest::Digest;
use crate::model::directory::{DirectoryGroup, SourceKind, SourceSnapshot};
use crate::model::id::GroupName;
use crate::model::policy::{Mapping, Mode, Policy, Selector};

/// The target group that a mapping makes of a directory group by one of its names; none when the name
/// is not meant. The inner `None`: it is meant, and the template yields an empty name.
pub fn target_of(mapping: &Mapping, kind: SourceKind, name: &str) -> Option<Option<GroupName>> {
    match &mapping.from {
        Selector::Name(wanted) => same_name(kind, wanted, name).then(|| non_empty(&mapping.to)),
        Selector::Pattern(pattern) => pattern.captures(name).map(|captures| {
            let mut target = String::new();
            captures.expand(&mapping.to, &mut target);
            non_empty(&target)
        }),
    }
}

fn non_empty(name: &str) -> Option<GroupName> {
    let name = name.trim();
    (!name.is_empty()).then(|| GroupName::new(name))
}

/// LDAP compares names without case, CSV exactly.
pub fn same_name(kind: SourceKind, a: &str, b: &str) -> bool {
    match kind {
        SourceKind::Csv => a == b,
        SourceKind::Ldap => a == b || a.to_lowercase() == b.to_lowercase(),
    }
}

/// The directory groups of a source that bear a name.
pub fn named<'a>(source: &'a SourceSnapshot, name: &str) -> Vec<(u32, &'a DirectoryGroup)> {
    indexed(source).filter(|(_, group)| group.names.iter().any(|own| same_name(source.kind, own, name))).collect()
}

/// A source's directory groups with their indices.
pub fn indexed(source: &SourceSnapshot) -> impl Iterator<Item = (u32, &DirectoryGroup)> {
    (0..).zip(&source.groups)
}

/// Whether a mapping can yield a target group of this name from some directory group.
pub fn may_yield(mapping: &Mapping, target: &str) -> bool {
    match &mapping.from {
        Selector::Name(_) => mapping.to.trim() == target,
        Selector::Pattern(_) => {
            let mut literals = literals(&mapping.to);
            // A reference may stand for nothing or for blanks, and the name is trimmed afterwards.
            if let Some(first) = literals.first_mut() {
                *first = first.trim_start().to_owned();
            }
            if let Some(last) = literals.last_mut() {
                *last = last.trim_end().to_owned();
            }
            let padded = [target.to_owned(), format!("{target} "), format!(" {target}"), format!(" {target} ")];
            padded.iter().any(|name| is_made_of(&literals, name))
        }
    }
}

/// The literal parts of a template, between its references. (No pattern is made of them: this is asked
/// for every mapping and every target group.)
fn literals(template: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let reference = reference(rest);
        match (c, reference) {
            ('$', Some(length)) => {
                literals.push(String::new());
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            ('$', None) if rest.starts_with("$$") => rest = rest.get(1..).unwrap_or_default(),
            _ => {}
        }
        if let Some(last) = literals.last_mut() {
            last.push(c);
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    literals
}

/// The length of the reference at the beginning of a text, by the regex crate's rule: `${…}`, or `$`
/// and as many letters, digits and underscores as follow.
fn reference(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('$')?;
    if let Some(name) = behind.strip_prefix('{') {
        return Some("${}".len() + name.find('}')?);
    }
    let name = behind.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    (name > 0).then_some(1 + name)
}

/// Whether a text is these parts with anything between them.
fn is_made_of(literals: &[String], text: &str) -> bool {
    let [first, between @ .., last] = literals else {
        return literals.first().is_some_and(|only| only == text);
    };
    let Some(mut text) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in between {
        match text.find(part.as_str()) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last.as_str())
}

/// The target groups that mappings by name give: they are there whatever a source says.
pub fn named_targets(policy: &Policy) -> Vec<GroupName> {
    policy
        .mappings
        .iter()
        .filter(|mapping| matches!(mapping.from, Selector::Name(_)))
        .filter_map(|mapping| non_empty(&mapping.to))
        .collect()
}

/// Digest of what decides over a target group's members: the mappings that may yield it, in order, and
/// its mode. When it changes, the next full run counts as the group's first.
pub fn digest(policy: &Policy, target: &GroupName, mode: Mode) -> String {
    let mut digest = Digest::new();
    digest.part(mode.as_str());
    for mapping in policy.mappings.iter().filter(|mapping| may_yield(mapping, target.as_str())) {
        let kind = match mapping.from {
            Selector::Name(_) => "name",
            Selector::Pattern(_) => "pattern",
        };
        digest.part(mapping.source.as_str()).part(kind).part(mapping.from.as_str()).part(&mapping.to);
    }
    digest.hex()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn pattern(from: &str, to: &str) -> Mapping {
        Mapping { source: "hr".into(), from: Selector::Pattern(Regex::new(from).unwrap()), to: to.into() }
    }

    #[test]
    fn a_template_is_filled_from_the_name() {
        let mapping = pattern("^GRC-(?<team>.+)$", "${team} team");
        let target = |name| target_of(&mapping, SourceKind::Csv, name);
        assert_eq!(target("GRC-Risk"), Some(Some("Risk team".into())));
        assert_eq!(target("Risk"), None);
        assert_eq!(target_of(&pattern("^(x?)y$", "$1"), SourceKind::Csv, "y"), Some(None));
    }

    #[test]
    fn a_mapping_may_yield_what_its_template_can_become() {
        let mapping = pattern("^GRC-(?<team>.+)$", "Team ${team}");
        assert!(may_yield(&mapping, "Team Risk"));
        assert!(!may_yield(&mapping, "Risk"));
        assert!(may_yield(&pattern("x", "a$$b"), "a$b"));
        assert!(!may_yield(&pattern("x", "a.b"), "axb"));
        assert!(may_yield(&pattern("x", "${a}-$b_c"), "x-y"));
        assert!(!may_yield(&pattern("x", "${a}-$b_c"), "xy"));
        assert!(may_yield(&pattern("x", "$ 5 ${a"), "$ 5 ${a"), "neither is a reference");
        assert!(!may_yield(&pattern("x", "ab${c}ba"), "aba"));
    }

    #[test]
    fn a_name_that_was_trimmed_is_one_that_the_mapping_may_yield() {
        for (to, yielded) in [("${t} ", "Risk"), ("Team ${t}", "Team"), ("${t} team", "team"), (" a${t}", "ab")] {
            assert!(may_yield(&pattern("^G(?<t>.*)$", to), yielded), "{to:?} {yielded:?}");
        }
    }

    #[test]
    fn csv_names_compare_exactly_and_ldap_names_without_case() {
        assert!(!same_name(SourceKind::Csv, "Risk", "risk"));
        assert!(same_name(SourceKind::Ldap, "Risk", "risk"));
    }
}
