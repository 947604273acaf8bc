//! How a directory's addresses become Hyperproof's, and whom nobody touches.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::model::address::{Address, folded};
use crate::model::policy::Identity;

/// `[identity]`, made ready to be asked about many addresses.
#[derive(Debug)]
pub struct Rules<'a> {
    identity: &'a Identity,
    /// Endings, folded, and what takes their place.
    rewrite: Vec<(String, &'a str)>,
    /// Patterns, folded.
    ignore: Vec<String>,
}

impl<'a> Rules<'a> {
    /// The rules of a policy.
    pub fn of(identity: &'a Identity) -> Self {
        Self {
            identity,
            rewrite: identity.rewrite.iter().map(|rewrite| (folded(&rewrite.from), rewrite.to.as_str())).collect(),
            ignore: identity.ignore.iter().map(|pattern| folded(pattern)).collect(),
        }
    }

    /// Whether every address stands for itself, and none is ignored.
    pub(super) fn are_empty(&self) -> bool {
        self.identity.aliases.is_empty() && self.rewrite.is_empty() && self.ignore.is_empty()
    }

    /// What an address of the directory is in Hyperproof: an alias, else a rewritten ending, else itself.
    pub fn translate<'b>(&'b self, address: &'b Address) -> Cow<'b, Address> {
        if let Some(alias) = self.identity.aliases.get(address) {
            return Cow::Borrowed(alias);
        }
        let rewritten = |(from, to): &(String, &str)| {
            let stem = address.key().strip_suffix(from.as_str())?;
            Address::parse(&format!("{stem}{to}")).ok()
        };
        self.rewrite.iter().find_map(rewritten).map_or(Cow::Borrowed(address), Cow::Owned)
    }

    /// [`Rules::translate`] for each of these addresses.
    pub fn translate_all<'b>(&self, addresses: &'b [Address]) -> Cow<'b, [Address]> {
        if self.identity.aliases.is_empty() && self.rewrite.is_empty() {
            return Cow::Borrowed(addresses);
        }
        addresses.iter().map(|address| self.translate(address).into_owned()).collect()
    }

    /// Whether `identity.ignore` names an address.
    pub fn is_ignored(&self, address: &Address) -> bool {
        self.ignore.iter().any(|pattern| matches(pattern, address.key()))
    }
}

/// [`Rules::translate`] of one address.
pub fn translate(identity: &Identity, address: &Address) -> Address {
    Rules::of(identity).translate(address).into_owned()
}

/// [`Rules::is_ignored`] of one address.
pub fn is_ignored(identity: &Identity, address: &Address) -> bool {
    Rules::of(identity).is_ignored(address)
}

/// Addresses of the directory, as patterns, that are or become what a pattern of the configuration means.
pub fn origins(identity: &Identity, pattern: &str) -> BTreeSet<String> {
    let pattern = folded(pattern);
    let aliased = identity.aliases.iter().filter(|(_, to)| matches(&pattern, to.key()));
    let mut origins: BTreeSet<String> = aliased.map(|(from, _)| from.key().to_owned()).collect();
    origins.extend(identity.rewrite.iter().filter_map(|rewrite| {
        let stem = pattern.strip_suffix(&folded(&rewrite.to))?;
        Some(format!("{stem}{}", folded(&rewrite.from)))
    }));
    origins.insert(pattern);
    origins
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::policy::Rewrite;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("svc-*@corp.example", "svc-backup@corp.example", true),
            ("svc-*@corp.example", "svc-@corp.example", true),
            ("svc-*@corp.example", "ann@corp.example", false),
            ("*@corp.example", "ann@corp.example.evil", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ann@corp.example", "ann@corp.example", true),
            ("*", "", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn an_alias_wins_over_a_rewrite() {
        let address = |text: &str| Address::parse(text).unwrap();
        let identity = Identity {
            rewrite: vec![Rewrite { from: "@Corp.Local".into(), to: "@corp.example".into() }],
            aliases: BTreeMap::from([(address("bob@corp.local"), address("robert@corp.example"))]),
            ignore: Vec::new(),
        };
        assert_eq!(translate(&identity, &address("Bob@corp.local")), address("robert@corp.example"));
        assert_eq!(translate(&identity, &address("Ann@CORP.local")), address("ann@corp.example"));
        assert_eq!(translate(&identity, &address("ann@else.example")), address("ann@else.example"));
    }

    #[test]
    fn whatever_becomes_an_address_is_among_its_origins() {
        let address = |text: &str| Address::parse(text).unwrap();
        let identity = Identity {
            rewrite: vec![Rewrite { from: "@Corp.Local".into(), to: "@corp.example".into() }],
            aliases: BTreeMap::from([(address("Bob@x.example"), address("robert@corp.example"))]),
            ignore: Vec::new(),
        };
        let of = |pattern| origins(&identity, pattern).into_iter().collect::<Vec<_>>();
        assert_eq!(of("Robert@Corp.example"), ["bob@x.example", "robert@corp.example", "robert@corp.local"]);
        assert_eq!(of("rob*@corp.example"), ["bob@x.example", "rob*@corp.example", "rob*@corp.local"]);
        assert_eq!(of("ann@else.example"), ["ann@else.example"]);
    }
}
