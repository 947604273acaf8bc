//! The directory groups that were read, with the names of their members. Floor 2, pure.

use std::collections::BTreeMap;

use super::dn::{Key, normalise};
use super::entry::{Entry, id_text, sid, without_uid};
use super::names::Names;
use super::people::sid_key;
use super::schema::{STAMPS, Schema};
use crate::model::id::DirectoryGroupKey;

/// A group as it was read.
#[derive(Debug)]
pub(super) struct Group {
    /// Its name as the server spells it.
    pub(super) dn: String,
    /// See [`crate::model::directory::DirectoryGroup`].
    pub(super) key: DirectoryGroupKey,
    /// See there.
    pub(super) immutable: bool,
    /// See there.
    pub(super) names: Vec<String>,
    /// Other spellings of its DN, by which mappings call it.
    pub(super) spellings: Vec<String>,
    /// Members by name of their entry.
    pub(super) members: Names,
    /// Members by login name.
    pub(super) logins: Vec<String>,
    /// Searches that find members.
    pub(super) urls: Vec<String>,
    /// Groups that it says it is in (`memberOf`).
    pub(super) parents: Vec<Key>,
    /// Whether the server names just a part of these.
    pub(super) has_more_parents: bool,
    /// What its security identifier is looked up by, and its last part.
    pub(super) sid: Option<(Key, u32)>,
    /// When it last changed, as the server says.
    pub(super) stamp: Vec<String>,
    /// Attributes whose values were answered in part.
    pub(super) open: Vec<Open>,
    /// Parts in which its members were asked for.
    pub(super) ranges: usize,
    /// Why not all of its members are known.
    pub(super) gap: Option<String>,
    /// An attribute of members that is not shown, though nothing is of this class without one.
    pub(super) unseen: Option<&'static str>,
}

/// Classes, and the attribute of members that whatever is of them must have (RFC 4519, sections 3.5 and 3.6).
/// OpenLDAP holds to it; others allow such groups to have no members.
const MUST: [(&str, &str); 2] = [("groupOfNames", "member"), ("groupOfUniqueNames", "uniqueMember")];

/// How far an attribute was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    /// The attribute.
    pub(super) attribute: String,
    /// Number of the next value.
    pub(super) next: u32,
    /// The value before it.
    pub(super) last: Vec<u8>,
}

impl Open {
    /// An attribute of which nothing was read.
    pub(super) fn new(attribute: &str) -> Self {
        Self { attribute: attribute.to_owned(), next: 0, last: Vec::new() }
    }
}

impl Group {
    /// Reads a group's entry.
    pub(super) fn of(entry: &Entry<'_>, schema: &Schema) -> Self {
        let id = entry.values(&schema.id_attribute).find_map(|value| id_text(&schema.id_attribute, value));
        let own = entry.values("objectSid").find_map(sid).filter(|_| schema.primary_groups);
        let mut group = Self {
            immutable: id.is_some(),
            key: id.map_or_else(|| DirectoryGroupKey::new(normalise(entry.dn())), DirectoryGroupKey::new),
            names: names(entry, schema),
            spellings: Vec::new(),
            members: Names::default(),
            logins: texts(entry, schema, "memberUid"),
            urls: texts(entry, schema, "memberURL"),
            parents: texts(entry, schema, "memberOf").iter().map(|parent| Key::of_dn(parent)).collect(),
            has_more_parents: schema.by_member_of() && entry.range("memberOf").is_some(),
            sid: own.map(|sid| (sid_key(&sid.domain, sid.rid), sid.rid)),
            stamp: stamp(entry),
            open: Vec::new(),
            ranges: 0,
            gap: None,
            unseen: unseen(entry, schema),
            dn: entry.dn().to_owned(),
        };
        for attribute in schema.dn_attributes() {
            group.take_members(entry, attribute);
            if let Some((range, values)) = entry.range(attribute) {
                match range.from {
                    0 => group.take_values(values, attribute),
                    from => group.gap = Some(format!("the server began {attribute} with value {from}")),
                };
                let last = values.last().unwrap_or_default().to_vec();
                group.open.extend(range.next.map(|next| Open { next, last, ..Open::new(attribute) }));
            }
        }
        group.members.shrink();
        group
    }

    /// Takes all values of an attribute.
    pub(super) fn take_members(&mut self, entry: &Entry<'_>, attribute: &str) {
        self.take_values(entry.values(attribute), attribute);
    }

    /// Takes values of a part of an attribute.
    pub(super) fn take_values<'v>(&mut self, values: impl IntoIterator<Item = &'v [u8]>, attribute: &str) {
        for value in values {
            match std::str::from_utf8(value).map(str::trim) {
                // An empty name is what some servers want where a group must have a member.
                Ok(name) if without_uid(name).is_empty() => {}
                Ok(name) => self.members.push(name),
                Err(_) => self.gap = Some(format!("a value of {attribute} is not text")),
            }
        }
    }

    /// Forgets its members, to read them again.
    pub(super) fn forget_members(&mut self) {
        self.members.clear();
        self.gap = None;
    }

    /// Leaves the distinguished name alone to be called by: mappings mean groups of the group base, and
    /// those that they name in full.
    pub(super) fn call_by_dn(&mut self) {
        self.names.clear();
    }

    /// The name to show.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or(&self.dn, String::as_str)
    }
}

fn unseen(entry: &Entry<'_>, schema: &Schema) -> Option<&'static str> {
    let is = |class: &str| entry.texts("objectClass").any(|own| own.eq_ignore_ascii_case(class));
    let is_shown = |attribute: &str| entry.values(attribute).next().is_some() || entry.range(attribute).is_some();
    let mut asked = MUST.into_iter().filter(|(_, attribute)| schema.has_member_attribute(attribute));
    asked.find(|(class, attribute)| is(class) && !is_shown(attribute)).map(|(_, attribute)| attribute)
}

/// When an entry last changed; empty where the server does not say.
pub(super) fn stamp(entry: &Entry<'_>) -> Vec<String> {
    STAMPS.iter().filter_map(|stamp| entry.text(stamp)).map(str::to_owned).collect()
}

fn texts(entry: &Entry<'_>, schema: &Schema, attribute: &str) -> Vec<String> {
    if !schema.has_member_attribute(attribute) {
        return Vec::new();
    }
    let texts = entry.texts(attribute).map(str::trim);
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn names(entry: &Entry<'_>, schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for attribute in &schema.group_name_attributes {
        for name in entry.texts(attribute).map(str::trim).filter(|name| !name.is_empty()) {
            if !names.iter().any(|own| own == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// All groups, each once, found by name.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// In the order of the reading.
    pub(super) rows: Vec<Group>,
    by_name: BTreeMap<Key, u32>,
}

impl Groups {
    /// Takes a group in, unless it is there already.
    pub(super) fn add(&mut self, group: Group) {
        self.add_as(Key::of_dn(&group.dn), group);
    }

    /// Takes in a group that was asked for by this name, which may be an alias of its own.
    pub(super) fn add_as(&mut self, asked: Key, group: Group) {
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let at = *self.by_name.entry(Key::of_dn(&group.dn)).or_insert(next);
        if at == next {
            self.rows.push(group);
        }
        self.by_name.entry(asked).or_insert(at);
    }

    /// Lets a group be called by a spelling of its name as well.
    pub(super) fn also(&mut self, key: Key, name: &str) {
        let group = self.named(key).and_then(|at| self.rows.get_mut(at as usize));
        if let Some(group) = group.filter(|group| group.dn != name && group.spellings.iter().all(|own| own != name)) {
            group.spellings.push(name.to_owned());
        }
    }

    /// The group of a distinguished name.
    pub(super) fn named(&self, name: Key) -> Option<u32> {
        self.by_name.get(&name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ldap::schema::Preset;

    #[test]
    fn members_names_and_parts_of_a_group() {
        let schema = Schema::of(Preset::Rfc2307bis);
        let entry = Entry::of(
            "cn=g,dc=x",
            &[("cn", &["g", "G2"]), ("member", &["uid=a,dc=x", ""]), ("uniqueMember", &["uid=b,dc=x#'01'B"])],
        );
        let group = Group::of(&entry, &schema);
        assert_eq!((&*group.names, &*group.dn), (&["g".to_owned(), "G2".to_owned()][..], "cn=g,dc=x"));
        assert_eq!(
            group.members.iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>(),
            ["uid=a,dc=x", "uid=b,dc=x#'01'B"]
        );
        let keys: Vec<Key> = group.members.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["uid=a,dc=x", "uid=b,dc=x"].map(Key::of_dn));
        assert_eq!((group.key.as_str(), group.immutable, group.gap), ("cn=g,dc=x", false, None));
    }

    #[test]
    fn an_empty_attribute_beside_a_range_is_no_empty_group() {
        let schema = Schema::of(Preset::ActiveDirectory);
        let entry = Entry::of("CN=g", &[("cn", &["g"]), ("member", &[]), ("member;range=0-1", &["CN=a", "CN=b"])]);
        let group = Group::of(&entry, &schema);
        assert_eq!(group.members.len(), 2);
        assert_eq!(group.open, [Open { attribute: "member".into(), next: 2, last: b"CN=b".into() }]);
    }
}
