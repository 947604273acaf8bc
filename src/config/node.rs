//! The document as the checks see it: tables and values that know their key and line.
//!
//! The getters are forgiving: what has the wrong shape is as absent here, because
//! [`super::shape`] has noted it and no [`super::Config`] will come of it.

use toml::de::{DeTable, DeValue};

use super::desk::{Desk, Place};

/// A table.
#[derive(Clone)]
pub(super) struct Table<'a> {
    desk: &'a Desk<'a>,
    /// None: the table is not in the file, and has no keys.
    table: Option<&'a DeTable<'a>>,
    place: Place,
}

/// A value.
#[derive(Clone)]
pub(super) struct Item<'a> {
    desk: &'a Desk<'a>,
    value: &'a DeValue<'a>,
    place: Place,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn top(desk: &'a Desk<'a>, table: &'a DeTable<'a>) -> Self {
        Self { desk, table: Some(table), place: Place { key: String::new(), line: None } }
    }

    /// What every check has at hand.
    pub(super) fn desk(&self) -> &'a Desk<'a> {
        self.desk
    }

    /// Where the table is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the table itself is there.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Every key with its value, in the order of the names.
    pub(super) fn entries(&self) -> Vec<(&'a str, Item<'a>)> {
        let entries = self.table.into_iter().flat_map(DeTable::iter);
        entries
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                let item = Item {
                    desk: self.desk,
                    value: value.get_ref(),
                    place: Place { key: join(&self.place.key, name), line: Some(self.desk.line(key.span().start)) },
                };
                (name, item)
            })
            .collect()
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<Item<'a>> {
        let (key, value) = self.table?.get_key_value(key)?;
        Some(Item {
            desk: self.desk,
            value: value.get_ref(),
            place: Place { key: join(&self.place.key, key.get_ref()), line: Some(self.desk.line(key.span().start)) },
        })
    }

    /// Where a key is, or would be.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.get(key)
            .map_or_else(|| Place { key: join(&self.place.key, key), line: self.place.line }, |item| item.place)
    }

    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// The text of a key, which is a list or a single one, with the items' places.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Item<'a>>> {
        Some(self.get(key)?.items())
    }

    /// The truth of a key.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.flag()
    }

    /// The number of a key, where it fits its type.
    pub(super) fn number<N: TryFrom<i64>>(&self, key: &str) -> Option<N> {
        N::try_from(self.get(key)?.whole()?).ok()
    }

    /// The duration of a key.
    pub(super) fn duration(&self, key: &str) -> Option<std::time::Duration> {
        super::value::duration(self.text(key)?)
    }

    /// The table of a key; without the key an empty one.
    pub(super) fn table(&self, key: &str) -> Table<'a> {
        self.get(key).and_then(|item| item.table()).unwrap_or_else(|| Table {
            desk: self.desk,
            table: None,
            place: self.place_of(key),
        })
    }

    /// The tables of a `[[key]]`.
    pub(super) fn tables(&self, key: &str) -> Vec<Table<'a>> {
        let items = self.get(key).map(|item| item.items()).unwrap_or_default();
        items.iter().filter_map(Item::table).collect()
    }

    /// The tables of `[key."name"]`, by name.
    pub(super) fn named(&self, key: &str) -> Vec<(&'a str, Table<'a>)> {
        let entries = self.table(key).entries();
        entries.into_iter().filter_map(|(name, item)| Some((name, item.table()?))).collect()
    }

    /// Notes a mistake at a key.
    pub(super) fn mistake(&self, key: &str, text: impl Into<String>, help: impl Into<String>) {
        self.desk.mistake(&self.place_of(key), text, help);
    }
}

impl<'a> Item<'a> {
    /// Where it is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What every check has at hand.
    pub(super) fn desk(&self) -> &'a Desk<'a> {
        self.desk
    }

    /// Notes a mistake here.
    pub(super) fn mistake(&self, text: impl Into<String>, help: impl Into<String>) {
        self.desk.mistake(&self.place, text, help);
    }

    /// What it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// The text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The truth.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// The whole number, where 64 bits hold it.
    pub(super) fn whole(&self) -> Option<i64> {
        let number = self.value.as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// Whether it is a whole number, however large.
    pub(super) fn is_whole(&self) -> bool {
        self.value.is_integer()
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// The table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        let table = self.value.as_table()?;
        Some(Table { desk: self.desk, table: Some(table), place: self.place.clone() })
    }

    /// The values of a list; of anything else that itself.
    pub(super) fn items(&self) -> Vec<Item<'a>> {
        let Some(list) = self.value.as_array() else {
            return vec![self.clone()];
        };
        list.iter()
            .enumerate()
            .map(|(at, value)| Item {
                desk: self.desk,
                value: value.get_ref(),
                place: Place {
                    key: format!("{}[{}]", self.place.key, at + 1),
                    line: Some(self.desk.line(value.span().start)),
                },
            })
            .collect()
    }
}

/// A key below another, quoted where TOML asks for it.
fn join(table: &str, key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if is_bare { key.to_owned() } else { format!("{key:?}") };
    if table.is_empty() { key } else { format!("{table}.{key}") }
}
