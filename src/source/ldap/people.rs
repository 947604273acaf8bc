//! The people that were read, and how a member's name finds them. Floor 2, pure.

use std::collections::{BTreeMap, BTreeSet};

use super::dn::Key;
use super::entry::{Entry, id_text, proxy_address, sid};
use super::names::{Keys, Places};
use super::schema::{Disabled, Schema};
use crate::model::address::Address;
use crate::model::directory::Person;
use crate::model::id::PersonKey;
use crate::model::piece::Piece;

/// Everybody who was read. Found by name after [`People::seal`], by login and group after
/// [`People::finish`].
#[derive(Debug, Default)]
pub(super) struct People {
    /// In the order of the reading.
    pub(super) rows: Vec<Person>,
    names: Places,
    keys: Keys,
    /// Names of people who were met one by one.
    late: BTreeMap<Key, u32>,
    logins: Places,
    /// Primary groups, by security identifier.
    primary: Places,
    /// Groups that people name themselves.
    member_of: Places,
    /// Some part of it could not be taken.
    pub(super) gap: Option<String>,
    /// How many people show the attribute that says who has left.
    pub(super) with_status: usize,
}

/// Whom a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody who was read.
    Nobody,
    /// One.
    One(u32),
    /// Several.
    Several,
}

impl People {
    /// Takes in somebody of a search for everybody.
    pub(super) fn add(&mut self, entry: &Entry<'_>, schema: &Schema) {
        self.names.push(self.keys.of_dn(entry.dn()), self.next());
        self.take(entry, schema);
    }

    /// Takes in somebody who was asked for by this name, unless they are there already. (Through an
    /// alias, the name of the answer is another one, and both mean the person.) Whoever is there already
    /// is found by what they are called now, too: a login or a primary group may be a new one.
    pub(super) fn add_as(&mut self, asked: Key, entry: &Entry<'_>, schema: &Schema) {
        self.seal();
        let own = Key::of_dn(entry.dn());
        let at = match self.named(own) {
            Found::One(at) => {
                self.index(entry, schema, at);
                at
            }
            Found::Several => return,
            Found::Nobody => {
                let at = self.next();
                self.late.insert(own, at);
                self.take(entry, schema);
                at
            }
        };
        self.late.entry(asked).or_insert(at);
    }

    /// Takes in somebody who may be there already.
    pub(super) fn add_once(&mut self, entry: &Entry<'_>, schema: &Schema) {
        self.add_as(Key::of_dn(entry.dn()), entry, schema);
    }

    fn next(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, entry: &Entry<'_>, schema: &Schema) {
        let at = self.next();
        self.index(entry, schema, at);
        if schema.by_member_of() {
            for group in entry.texts("memberOf") {
                self.member_of.push(Key::of_dn(group), at);
            }
            if entry.range("memberOf").is_some() {
                self.gap = Some(in_too_many(entry.dn()));
            }
        }
        let shows = |disabled: &Disabled| entry.text(disabled.attribute()).is_some();
        self.with_status += usize::from(schema.disabled.as_ref().is_some_and(shows));
        self.rows.push(person(entry, schema));
    }

    /// Makes somebody findable by login and primary group.
    fn index(&mut self, entry: &Entry<'_>, schema: &Schema, at: u32) {
        if schema.has_member_attribute("memberUid") {
            for login in entry.texts(&schema.user_name_attribute) {
                self.logins.push(Key::of_login(login), at);
            }
        }
        if schema.primary_groups
            && let Some(group) = primary_group(entry)
        {
            self.primary.push(group, at);
        }
    }

    /// Whether nobody names a group.
    pub(super) fn name_no_group(&self) -> bool {
        self.member_of.is_empty()
    }

    /// Makes everybody findable by name who came with [`People::add`].
    pub(super) fn seal(&mut self) {
        // A server may show an entry on two pages, when it changes in between.
        let rows = &self.rows;
        let key = |at: u32| rows.get(at as usize).map(|person| &person.key);
        self.names.sort(|a, b| key(a) == key(b));
    }

    /// Makes everybody findable by login who was met so far.
    pub(super) fn seal_logins(&mut self) {
        // Who was met twice is one person.
        self.logins.sort(|a, b| a == b);
    }

    /// Ends the reading: everybody can be found by everything.
    pub(super) fn finish(&mut self) {
        self.seal();
        self.seal_logins();
        for list in [&mut self.primary, &mut self.member_of] {
            list.sort(|_, _| false);
        }
    }

    /// Whom a distinguished name means.
    pub(super) fn named(&self, name: Key) -> Found {
        match self.late.get(&name) {
            Some(at) => Found::One(*at),
            None => pick(self.names.of(name)),
        }
    }

    /// Whom a login name means.
    pub(super) fn with_login(&self, login: Key) -> Found {
        pick(self.logins.of(login))
    }

    /// People whose primary group has this security identifier.
    pub(super) fn of_primary(&self, group: Key) -> impl Iterator<Item = u32> + '_ {
        self.primary.of(group)
    }

    /// People who name a group themselves.
    pub(super) fn who_name(&self, group: Key) -> impl Iterator<Item = u32> + '_ {
        self.member_of.of(group)
    }

    /// Keys of everybody who was read.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|person| person.key.as_str()).collect()
    }
}

/// Why `memberOf` is not believed when it was answered in part.
pub(super) fn in_too_many(dn: &str) -> String {
    format!("{dn} is in more groups than the server names at once")
}

fn pick(mut found: impl Iterator<Item = u32>) -> Found {
    match (found.next(), found.next()) {
        (None, _) => Found::Nobody,
        (Some(at), None) => Found::One(at),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// The security identifier of the group that `primaryGroupID` means: it is of the person's own domain.
fn primary_group(entry: &Entry<'_>) -> Option<Key> {
    let rid: u32 = entry.text("primaryGroupID")?.parse().ok()?;
    let own = entry.values("objectSid").find_map(sid)?;
    Some(sid_key(&own.domain, rid))
}

/// What a security identifier is looked up by.
pub(super) fn sid_key(domain: &str, rid: u32) -> Key {
    Key::of_login(&format!("{domain}-{rid}"))
}

fn person(entry: &Entry<'_>, schema: &Schema) -> Person {
    let id = entry.values(&schema.id_attribute).find_map(|value| id_text(&schema.id_attribute, value));
    let disabled = schema
        .disabled
        .as_ref()
        .is_some_and(|disabled| entry.texts(disabled.attribute()).any(|value| disabled.is_meant_by(value)));
    let immutable = id.is_some();
    let key = id.unwrap_or_else(|| super::dn::normalise(entry.dn()));
    let texts: Vec<&str> = [&*key, entry.dn()].into_iter().chain(addresses(entry, schema)).collect();
    let ends = texts.iter().scan(0, |end, text| {
        *end += text.len();
        Some(*end)
    });
    let mut pieces = Piece::cut(texts.concat(), ends);
    let mut next = || pieces.next().unwrap_or_default();
    let (key, origin) = (PersonKey::from(next()), next());
    let mut addresses = Vec::with_capacity(texts.len().saturating_sub(2));
    for address in pieces.flat_map(Address::of) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.shrink_to_fit();
    Person { key, immutable, addresses, disabled, origin }
}

/// What may be addresses, in the order of the attributes. The primary one of `proxyAddresses` goes before its others.
fn addresses<'a>(entry: &'a Entry<'_>, schema: &'a Schema) -> Vec<&'a str> {
    let mut texts = Vec::new();
    for attribute in &schema.email_attributes {
        if attribute.eq_ignore_ascii_case("proxyAddresses") {
            for wanted in [true, false] {
                let own = entry.texts(attribute).filter_map(proxy_address);
                texts.extend(own.filter(|(primary, _)| *primary == wanted).map(|(_, address)| address.trim()));
            }
        } else {
            texts.extend(entry.texts(attribute).map(str::trim));
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ldap::schema::Preset;

    #[test]
    fn a_person_of_active_directory() {
        let schema = Schema::of(Preset::ActiveDirectory);
        let entry = Entry::of(
            "CN=Ann,DC=corp",
            &[
                ("objectGUID", &["0123456789abcdef"]),
                ("proxyAddresses", &["smtp:old@corp.example", "SMTP:Ann@corp.example", "x500:/o=corp"]),
                ("userAccountControl", &["514"]),
            ],
        );
        let person = person(&entry, &schema);
        assert_eq!(person.key.as_str(), "33323130-3534-3736-3839-616263646566");
        let addresses: Vec<&str> = person.addresses.iter().map(Address::as_str).collect();
        assert_eq!(addresses, ["Ann@corp.example", "old@corp.example"]);
        assert!(person.immutable && person.disabled);
    }

    #[test]
    fn without_an_id_the_name_is_the_key() {
        let schema = Schema::of(Preset::Rfc2307bis);
        let person = person(&Entry::of("UID=Ann, DC=corp", &[("mail", &["not an address", "a@b.c"])]), &schema);
        assert_eq!((person.key.as_str(), person.immutable), ("uid=ann,dc=corp", false));
        assert_eq!(person.origin.as_str(), "UID=Ann, DC=corp");
        assert_eq!(person.addresses.len(), 1);
        assert!(!person.disabled);
    }

    #[test]
    fn two_people_of_one_login_are_several() {
        let schema = Schema::of(Preset::Rfc2307);
        let mut people = People::default();
        for dn in ["uid=ann,ou=a", "uid=ann,ou=b", "uid=bob,ou=a"] {
            let login = dn.get(4..7).unwrap();
            people.add(&Entry::of(dn, &[("uid", &[login])]), &schema);
        }
        people.finish();
        assert_eq!(people.with_login(Key::of_login("Ann")), Found::Several);
        assert_eq!(people.with_login(Key::of_login("bob")), Found::One(2));
        assert_eq!(people.named(Key::of_dn("UID=ann, ou=b")), Found::One(1));
        assert_eq!(people.named(Key::of_dn("uid=cem,ou=b")), Found::Nobody);
    }
}
