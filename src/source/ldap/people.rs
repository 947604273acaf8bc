//! The people that were read, and how a member's name finds them. Floor 2, pure.

use std::collections::{BTreeMap, BTreeSet};

use super::dn::Key;
use super::entry::{Entry, id_text, proxy_address, sid};
use super::names::{Keys, Places};
use super::schema::{Disabled, Schema};
use crate::model::address::Address;
use crate::model::directory::Person;
use crate::model::id::PersonKey;

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
    /// alias, the name of the answer is another one, and both mean the person.)
    pub(super) fn add_as(&mut self, asked: Key, entry: &Entry<'_>, schema: &Schema) {
        self.seal();
        let own = Key::of_dn(entry.dn());
        let at = match self.named(own) {
            Found::One(at) => at,
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
        if schema.has_member_attribute("memberUid") {
            for login in entry.texts(&schema.user_name_attribute) {
                self.logins.push(Key::of_login(login), at);
            }
        }
        if schema.by_member_of() {
            for group in entry.texts("memberOf") {
                self.member_of.push(Key::of_dn(group), at);
            }
            if entry.range("memberOf").is_some() {
                self.gap = Some(in_too_many(entry.dn()));
            }
        }
        if schema.primary_groups
            && let Some(group) = primary_group(entry)
        {
            self.primary.push(group, at);
        }
        let shows = |disabled: &Disabled| entry.text(disabled.attribute()).is_some();
        self.with_status += usize::from(schema.disabled.as_ref().is_some_and(shows));
        self.rows.push(person(entry, schema));
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

    /// Ends the reading: everybody can be found by everything.
    pub(super) fn finish(&mut self) {
        self.seal();
        for list in [&mut self.logins, &mut self.primary, &mut self.member_of] {
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
    let addresses = addresses(entry, schema);
    Person {
        immutable: id.is_some(),
        key: id.map_or_else(|| PersonKey::new(super::dn::normalise(entry.dn())), PersonKey::new),
        addresses,
        disabled,
        origin: entry.dn().to_owned(),
    }
}

/// Addresses in the order of the attributes. The primary one of `proxyAddresses` goes before its
/// others. What is no address is left out.
fn addresses(entry: &Entry<'_>, schema: &Schema) -> Vec<Address> {
    // Most people have one address: room for four would be kept for each.
    let mut found: Vec<Address> = Vec::with_capacity(1);
    let mut push = |text: &str| {
        if let Ok(address) = Address::parse(text)
            && !found.contains(&address)
        {
            found.push(address);
        }
    };
    for attribute in &schema.email_attributes {
        if attribute.eq_ignore_ascii_case("proxyAddresses") {
            for wanted in [true, false] {
                let own = entry.texts(attribute).filter_map(proxy_address);
                own.filter(|(primary, _)| *primary == wanted).for_each(|(_, address)| push(address));
            }
        } else {
            entry.texts(attribute).for_each(&mut push);
        }
    }
    found.shrink_to_fit();
    found
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
        assert_eq!(person.origin, "UID=Ann, DC=corp");
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
