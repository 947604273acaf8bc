//! Floor 2, pure: a list that comes in pieces, decoded as it comes, so that no answer of many MiB is ever held whole.

use serde::de::IgnoredAny;

use super::super::request::Intake;
use super::super::wire::{self, Place};

/// Takes in the entries of a list, one by one.
pub(super) trait Entries: Send {
    /// Takes in the entry with which these bytes begin, and tells how long it is; nothing where it may go on behind
    /// them.
    ///
    /// # Errors
    /// It is no JSON, or not yet.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, serde_json::Error>;

    /// Forgets what was taken in.
    fn clear(&mut self);
}

/// A list as far as it came. However it is cut into pieces, it comes to the same as in one piece.
#[derive(Debug)]
pub(super) struct Pieces<T> {
    entries: T,
    stage: Stage,
    /// Bytes that were not understood yet: most of the time a part of one entry.
    rest: Vec<u8>,
    /// They are looked at again when they are as many: an entry may be far longer than a piece.
    enough: usize,
    /// Where they begin.
    place: Place,
    /// No more of it comes.
    is_all: bool,
    fault: Option<String>,
}

/// How far a list has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing but blanks.
    Start,
    /// Behind the bracket.
    Open,
    /// Behind a comma.
    Comma,
    /// Behind an entry.
    Entry,
    /// Behind the last bracket.
    End,
    /// It does not begin like a list.
    NoList,
}

impl<T: Entries> Pieces<T> {
    pub(super) fn new(entries: T) -> Self {
        Self {
            entries,
            stage: Stage::Start,
            rest: Vec::new(),
            enough: 0,
            place: Place::default(),
            is_all: false,
            fault: None,
        }
    }

    /// All of it, from one piece.
    ///
    /// # Errors
    /// It is no list; in words that quote nothing.
    pub(super) fn whole(entries: T, body: &[u8]) -> Result<T, String> {
        let mut pieces = Self::new(entries);
        pieces.take(body);
        pieces.finish()
    }

    /// Whether all of it came, and it is a list.
    pub(super) fn is_list(&mut self) -> bool {
        self.understand_all();
        self.fault.is_none() && self.stage == Stage::End
    }

    /// Ends the list.
    ///
    /// # Errors
    /// It is no list, or not its end; in words that quote nothing.
    pub(super) fn finish(mut self) -> Result<T, String> {
        self.understand_all();
        match (self.fault, self.stage) {
            (Some(fault), _) => Err(fault),
            (None, Stage::End) => Ok(self.entries),
            (None, Stage::NoList) => Err(match serde_json::from_slice::<Vec<IgnoredAny>>(&self.rest) {
                Ok(_) => wire::CUT_OFF.into(),
                Err(error) => wire::fault(&error, Place::default(), "array"),
            }),
            (None, _) => Err(wire::CUT_OFF.into()),
        }
    }

    fn understand_all(&mut self) {
        self.is_all = true;
        self.understand_rest();
    }

    fn understand_rest(&mut self) {
        let mut rest = std::mem::take(&mut self.rest);
        let done = self.understand(&rest);
        rest.drain(..done);
        self.rest = rest;
    }

    /// Understands what it can of bytes that follow those before; tells how many these are.
    fn understand(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        // Behind a fault nothing counts.
        while self.fault.is_none() {
            let blanks = bytes.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
            let from = at + blanks;
            let Some(byte) = bytes.get(from) else { break };
            match (self.stage, byte) {
                (Stage::Start, b'[') => (self.stage, at) = (Stage::Open, from + 1),
                (Stage::Start | Stage::NoList, _) => {
                    self.stage = Stage::NoList;
                    break;
                }
                (Stage::Open | Stage::Entry, b']') => (self.stage, at) = (Stage::End, from + 1),
                (Stage::Entry, b',') => (self.stage, at) = (Stage::Comma, from + 1),
                (Stage::Open | Stage::Comma, _) => {
                    let entry = bytes.get(from..).unwrap_or_default();
                    match self.entries.take(entry) {
                        Ok(Some(length)) => (self.stage, at) = (Stage::Entry, from + length),
                        Ok(None) => break,
                        Err(error) if !self.is_all && wire::is_at_end(&error, entry) => break,
                        Err(error) => {
                            let place = self.place.behind(bytes.get(..from).unwrap_or_default());
                            self.fault = Some(wire::fault(&error, place, "array"));
                        }
                    }
                }
                (Stage::Entry | Stage::End, _) => {
                    let place = self.place.behind(bytes.get(..=from).unwrap_or_default());
                    self.fault = Some(wire::no_json(place));
                }
            }
        }
        if self.stage == Stage::NoList || self.stage == Stage::Start {
            return 0;
        }
        self.place = self.place.behind(bytes.get(..at).unwrap_or_default());
        at
    }
}

impl<T: Entries> Intake for Pieces<T> {
    fn begin(&mut self, _: usize) {
        self.entries.clear();
        (self.stage, self.enough, self.place) = (Stage::Start, 0, Place::default());
        (self.is_all, self.fault) = (false, None);
        self.rest.clear();
    }

    fn take(&mut self, piece: &[u8]) {
        if self.rest.is_empty() {
            let done = self.understand(piece);
            self.rest.extend_from_slice(piece.get(done..).unwrap_or_default());
        } else {
            self.rest.extend_from_slice(piece);
            if self.rest.len() < self.enough {
                return;
            }
            self.understand_rest();
        }
        self.enough = 2 * self.rest.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::super::wire::{User, first, list};
    use super::*;

    /// Users as they came.
    #[derive(Debug, Default, PartialEq)]
    struct All {
        users: Vec<String>,
        odd: usize,
    }

    impl Entries for All {
        fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, serde_json::Error> {
            let Some((user, length)) = first::<User<'_>>(bytes)? else { return Ok(None) };
            match user {
                Some(user) => self.users.push(format!("{user:?}")),
                None => self.odd += 1,
            }
            Ok(Some(length))
        }

        fn clear(&mut self) {
            *self = Self::default();
        }
    }

    fn at_once(body: &[u8]) -> Result<All, String> {
        let list = list::<User<'_>>(body)?;
        Ok(All { users: list.rows.iter().map(|user| format!("{user:?}")).collect(), odd: list.odd })
    }

    fn in_pieces(body: &[u8], cuts: &[usize]) -> Result<All, String> {
        let mut pieces = Pieces::new(All::default());
        pieces.begin(0);
        let mut from = 0;
        for cut in cuts {
            let to = (from + cut).min(body.len());
            pieces.take(&body[from..to]);
            from = to;
        }
        pieces.take(&body[from..]);
        pieces.finish()
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-z0-9@. -]{0,12}", "\\PC{0,6}", "[\"\\\\\n\u{1f600}]{0,4}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let key = prop_oneof!["id|userId|email|type|status|extra", "[a-z]{0,3}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn what_is_wrong_is_said_in_the_same_words_wherever_it_was_cut() {
        let bodies = [
            "",
            " ",
            "[",
            "[]",
            " [ ] ",
            "[1",
            "[1,",
            "[1,]",
            "[,]",
            "[1 2]",
            "[1]]",
            "[1] x",
            "[\n{},\n{]",
            "null",
            "{}",
            "tru",
            "trux",
            "\n\n <html>",
            "5",
            "[tru",
            "[trux]",
            "[1e999]",
            "[\"a",
            "[\"\\ud83d\"]",
            "[01]",
            "[5x]",
            "[5\"a\"]",
            "[{\"id\":1,\"id\":2}]",
            "[{\"id\":\"\u{1}\"}]",
            "[]\n\n[]",
            "[{}\n,\n\n 5 5]",
            "[[[[]]],{}]",
            "[-1.5e-7,{\"a\":-1.5E+7}]",
        ];
        for body in bodies {
            let expected = at_once(body.as_bytes());
            for cut in 0..=body.len() {
                assert_eq!(in_pieces(body.as_bytes(), &[cut]), expected, "{body:?} cut at {cut}");
            }
            assert_eq!(in_pieces(body.as_bytes(), &vec![1; body.len()]), expected, "{body:?}");
        }
    }

    #[test]
    fn what_came_before_another_attempt_counts_for_nothing() {
        let mut pieces = Pieces::new(All::default());
        for body in ["[{},{\"id\"", "<html>", "[5x", "[7,{\"id\":\"a\"}]"] {
            pieces.begin(0);
            pieces.take(body.as_bytes());
        }
        assert_eq!(pieces.finish(), at_once(b"[7,{\"id\":\"a\"}]"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn pieces_come_to_the_same_as_the_whole(
            entries in prop::collection::vec(json(), 0..8), pretty in any::<bool>(),
            cuts in prop::collection::vec(1_usize..40, 0..30), end in any::<Option<u8>>(),
        ) {
            let entries = Value::from(entries);
            let mut body = match pretty {
                true => serde_json::to_vec_pretty(&entries).unwrap(),
                false => serde_json::to_vec(&entries).unwrap(),
            };
            if let Some(end) = end {
                body.truncate(usize::from(end));
            }
            prop_assert_eq!(in_pieces(&body, &cuts), at_once(&body));
        }

        #[test]
        fn pieces_of_near_json_come_to_the_same(
            body in "(\\[)?[\\[\\]{}\":,0-9eE.\\-nultrsdIi \n]{0,60}",
            cuts in prop::collection::vec(1_usize..9, 0..30),
        ) {
            prop_assert_eq!(in_pieces(body.as_bytes(), &cuts), at_once(body.as_bytes()));
        }

        #[test]
        fn pieces_of_any_bytes_come_to_the_same(
            mut body in prop::collection::vec(any::<u8>(), 0..60), is_list in any::<bool>(),
            cuts in prop::collection::vec(1_usize..9, 0..30),
        ) {
            if is_list {
                body.insert(0, b'[');
            }
            prop_assert_eq!(in_pieces(&body, &cuts), at_once(&body));
        }
    }
}
