//! Many rows at once; and tables that are a map from a key to a value, read whole and replaced by their
//! differences alone.

use std::collections::BTreeMap;

use sqlx::query_builder::Separated;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::error::Fault;

/// Rows of one INSERT. Each statement costs a way to the database's thread and back; a row costs little.
const AT_ONCE: usize = 100;

/// Inserts rows. `sql` is the statement for one row, and `bind` gives a row's values.
pub(super) async fn insert<R>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    rows: Vec<R>,
    bind: impl Fn(Separated<'_, Sqlite, &'static str>, R),
) -> Result<(), Fault> {
    let (into, values) = sql.split_once("VALUES ").unwrap_or((sql, ""));
    let (_, after) = values.split_once(')').unwrap_or_default();
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let mut insert = QueryBuilder::<Sqlite>::new(into);
        insert.push_values(rows.by_ref().take(AT_ONCE), &bind).push(after);
        insert.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Text(String),
    Int(i64),
}

impl Cell {
    /// A text.
    pub(super) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Int,
}

/// A table of this sort: `keys` are all texts.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many columns, all texts, are the key; they come first.
    pub(super) keys: usize,
    /// The other column, where there is one.
    pub(super) value: Option<Kind>,
    pub(super) select: &'static str,
    pub(super) upsert: &'static str,
    pub(super) delete: &'static str,
}

/// The content of a table; the value is empty where there is no such column.
pub(super) type Rows = BTreeMap<Vec<String>, Option<Cell>>;

/// Reads the whole table.
pub(super) async fn read(conn: &mut SqliteConnection, table: &Table) -> Result<Rows, Fault> {
    let rows = sqlx::query(table.select).fetch_all(conn).await?;
    rows.iter().map(|row| decode(table, row)).collect()
}

fn decode(table: &Table, row: &SqliteRow) -> Result<(Vec<String>, Option<Cell>), Fault> {
    let mut key = Vec::with_capacity(table.keys);
    let odd = |key: &[String], error: sqlx::Error| Fault::row(table.name, key.join(", "), error);
    for at in 0..table.keys {
        key.push(row.try_get(at).map_err(|error| odd(&key, error))?);
    }
    let value = match table.value {
        Some(Kind::Text) => Some(Cell::Text(row.try_get(table.keys).map_err(|error| odd(&key, error))?)),
        Some(Kind::Int) => Some(Cell::Int(row.try_get(table.keys).map_err(|error| odd(&key, error))?)),
        None => None,
    };
    Ok((key, value))
}

/// A row of two texts, the first of which names it.
pub(super) fn pair(table: &'static str, row: &SqliteRow) -> Result<(String, String), Fault> {
    let key: String = row.try_get(0).map_err(|error| Fault::row(table, "", error))?;
    let value = row.try_get(1).map_err(|error| Fault::row(table, &key, error))?;
    Ok((key, value))
}

/// Makes the table hold exactly `wanted`, and tells how many rows that wrote.
pub(super) async fn replace(conn: &mut SqliteConnection, table: &Table, wanted: &Rows) -> Result<u64, Fault> {
    let have = read(conn, table).await?;
    let mut written = 0;
    for key in have.keys().filter(|key| !wanted.contains_key(*key)) {
        bind(table.delete, key, None).execute(&mut *conn).await?;
        written += 1;
    }
    for (key, value) in wanted {
        if have.get(key) != Some(value) {
            bind(table.upsert, key, value.as_ref()).execute(&mut *conn).await?;
            written += 1;
        }
    }
    Ok(written)
}

fn bind<'q>(
    sql: &'static str,
    key: &'q [String],
    value: Option<&'q Cell>,
) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
    let query = key.iter().fold(sqlx::query(sql), |query, part| query.bind(part.as_str()));
    match value {
        Some(Cell::Text(text)) => query.bind(text.as_str()),
        Some(Cell::Int(number)) => query.bind(*number),
        None => query,
    }
}
