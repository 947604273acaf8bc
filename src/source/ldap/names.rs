//! Very many names, most of which share what is behind their first part: their keys, and the names
//! themselves in little room. Floor 2, pure.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::dn::{self, Key};
use super::entry::without_uid;

/// Makes the keys of distinguished names one after another. What is behind the first part of a name is
/// made comparable once, and not again for each of its neighbours.
#[derive(Debug, Default)]
pub(super) struct Keys {
    parents: Vec<Parent>,
    by_text: BTreeMap<Arc<str>, usize>,
    /// The parent of the name before: neighbours mostly have the same.
    last: usize,
    /// A comparable form while its key is made.
    form: String,
}

/// What is behind the first part of a name, with the comma; empty where there is nothing.
#[derive(Debug)]
struct Parent {
    text: Arc<str>,
    /// The comparable form; none where it is no name.
    form: Option<Box<str>>,
}

impl Keys {
    /// What [`Key::of_dn`] makes of a name.
    pub(super) fn of_dn(&mut self, name: &str) -> Key {
        let (own, parent) = name.split_at(first_part(name));
        let parent = self.parent(parent, parent);
        self.key(name, own, parent)
    }

    fn key(&mut self, name: &str, own: &str, parent: usize) -> Key {
        let parent = self.parents.get(parent).and_then(|parent| parent.form.as_deref());
        self.form.clear();
        match parent {
            Some(parent) if dn::comparable_into(own, &mut self.form) => {
                self.form.push_str(parent);
                Key::of_comparable(&self.form)
            }
            _ => Key::of_dn(name),
        }
    }

    /// Where this parent stands; `name`: what of the text is the name.
    fn parent(&mut self, text: &str, name: &str) -> usize {
        if self.parents.get(self.last).is_some_and(|last| *last.text == *text) {
            return self.last;
        }
        if let Some(at) = self.by_text.get(text) {
            self.last = *at;
            return *at;
        }
        let form = match name.strip_prefix(',') {
            None => Some(String::new()),
            Some(name) => {
                let mut form = ",".to_owned();
                dn::comparable_into(name, &mut form).then_some(form)
            }
        };
        let text: Arc<str> = text.into();
        self.last = self.parents.len();
        self.by_text.insert(Arc::clone(&text), self.last);
        self.parents.push(Parent { text, form: form.map(String::into_boxed_str) });
        self.last
    }
}

/// Where the first comma is that no backslash stands before. For a name that writes its commas in
/// another way that is no part's end: then the pieces are no names, and the whole is looked at.
fn first_part(name: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b',' if !escaped => return at,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    name.len()
}

/// Names with their keys. What is behind the first part of a name is kept once for many.
#[derive(Debug, Default)]
pub(super) struct Names {
    keys: Vec<Key>,
    /// The first parts of all names.
    own: String,
    /// Where each first part ends, and what is behind it.
    ends: Vec<(u32, u32)>,
    parents: Keys,
}

/// A name as it was given, in two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    own: &'a str,
    parent: &'a str,
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(name: &'a str) -> Self {
        Self { own: name, parent: "" }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.own)?;
        f.write_str(self.parent)
    }
}

impl Names {
    /// Takes a name in, as it was given: its bit string (see [`without_uid`]) is kept, and is no part of its key.
    pub(super) fn push(&mut self, given: &str) {
        let name = without_uid(given);
        let (own, behind) = name.split_at(first_part(name));
        let parent = self.parents.parent(given.get(own.len()..).unwrap_or_default(), behind);
        self.keys.push(self.parents.key(name, own, parent));
        self.own.push_str(own);
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.ends.push((short(self.own.len()), short(parent)));
    }

    /// Keys with the names as they were given.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Name<'_>)> {
        let mut start = 0;
        self.keys.iter().zip(&self.ends).map(move |(key, (end, parent))| {
            let end = *end as usize;
            let own = self.own.get(start..end).unwrap_or_default();
            start = end;
            let parent = self.parents.parents.get(*parent as usize);
            (*key, Name { own, parent: parent.map_or("", |parent| &*parent.text) })
        })
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Gives back the room that was kept for more. There may be more all the same.
    pub(super) fn shrink(&mut self) {
        self.keys.shrink_to_fit();
        self.own.shrink_to_fit();
        self.ends.shrink_to_fit();
        let Keys { parents, by_text, form, .. } = &mut self.parents;
        parents.shrink_to_fit();
        by_text.clear();
        *form = String::new();
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Where each key leads, for looking up only: it is filled, then sorted, then asked.
#[derive(Debug, Default)]
pub(super) struct Places {
    rows: Vec<(Key, u32)>,
    /// Where keys begin whose first bits are the number of the place here. Keys are digests, so that
    /// about one begins with each.
    starts: Vec<u32>,
    /// How many bits these are.
    bits: u32,
}

impl Places {
    /// Takes a key in. It is not found before the next [`Places::sort`].
    pub(super) fn push(&mut self, key: Key, place: u32) {
        self.rows.push((key, place));
        self.starts.clear();
    }

    /// Whether nothing was taken in.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Makes all keys findable. Of places of one key of which `same` is true, the first is kept.
    pub(super) fn sort(&mut self, mut same: impl FnMut(u32, u32) -> bool) {
        if !self.starts.is_empty() {
            return;
        }
        self.rows.sort_unstable();
        self.rows.dedup_by(|(key, place), (other, first)| key == other && same(*place, *first));
        self.bits = self.rows.len().max(2).ilog2();
        self.starts.reserve_exact((1 << self.bits) + 1);
        for (at, (key, _)) in (0..).zip(&self.rows) {
            let bucket = key.first_bits(self.bits);
            while self.starts.len() <= bucket {
                self.starts.push(at);
            }
        }
        let end = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.starts.resize((1 << self.bits) + 1, end);
    }

    /// The places of a key.
    pub(super) fn of(&self, key: Key) -> impl Iterator<Item = u32> + '_ {
        let bucket = key.first_bits(self.bits);
        let bound = |at: usize| self.starts.get(at).map_or(0, |at| *at as usize);
        let rows = self.rows.get(bound(bucket)..bound(bucket + 1)).unwrap_or_default();
        let start = rows.partition_point(|(own, _)| *own < key);
        rows.iter().skip(start).take_while(move |(own, _)| *own == key).map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "(cn|UID)=[a-c]{1,2}(,(ou=[A-Ca-c]|dc=x)){0,3}",
            "[a-c=,+\\\\#\" ;0-9é]{0,20}",
            "(cn=|#0c|)[a-b\\\\,\"+; é]{0,6},? ?(ou = B|ou=b|OU=é\\\\,|),?(dc=x|)",
            "\\PC{0,20}",
            "(cn=[a-b]|)(,dc=x|)( ?#'[01]{0,2}'B)",
        ]
    }

    proptest! {
        #[test]
        fn names_come_back_with_their_keys(names in prop::collection::vec(name(), 0..60)) {
            let (mut all, mut keys) = (Names::default(), Keys::default());
            for name in &names {
                all.push(name);
                prop_assert_eq!(keys.of_dn(name), Key::of_dn(name), "{}", name);
            }
            all.shrink();
            prop_assert_eq!(all.len(), names.len());
            for ((key, own), name) in all.iter().zip(&names) {
                prop_assert_eq!(&own.to_string(), name);
                prop_assert_eq!(key, Key::of_dn(without_uid(name)), "{}", name);
            }
        }

        #[test]
        fn places_are_found(names in prop::collection::vec("[a-c]{1,2}", 0..40)) {
            let mut places = Places::default();
            for (at, name) in (0..).zip(&names) {
                places.push(Key::of_login(name), at);
            }
            places.sort(|_, _| false);
            for name in names.iter().map(String::as_str).chain(["nobody", ""]) {
                let found: Vec<u32> = places.of(Key::of_login(name)).collect();
                let own: Vec<u32> = (0..).zip(&names).filter(|(_, own)| *own == name).map(|(at, _)| at).collect();
                prop_assert_eq!(found, own);
            }
        }
    }

    #[test]
    fn what_is_behind_the_first_part_is_kept_once() {
        let mut names = Names::default();
        for at in 0..100 {
            names.push(&format!("cn=Doe\\, Jane {at},ou=people,dc=corp"));
            names.push(&format!("uid=u{at},ou=people,dc=corp"));
        }
        assert_eq!(names.parents.parents.len(), 1);
        assert!(names.own.len() < 100 * 40);
    }
}
