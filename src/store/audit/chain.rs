//! Appending to the chain, inside the caller's immediate transaction: nobody else can append between
//! reading the head and writing the next record.

use sqlx::SqliteConnection;

use super::checkpoint;
use super::keys::{self, Key};
use super::record::Record;
use crate::model::digest::sha256_hex;
use crate::signing::SigningKey;
use crate::store::error::Fault;
use crate::store::{form, rows};

/// `prev` of the first record.
pub(crate) const FIRST_PREV: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of the log as it is in this transaction.
pub(crate) struct Chain {
    seq: i64,
    hash: String,
}

impl Chain {
    /// Reads the head of a log that does nothing by itself: what is appended is what will be there.
    pub(crate) async fn read(conn: &mut SqliteConnection) -> Result<Self, Fault> {
        form::check(conn).await?;
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(conn).await?;
        let (seq, hash) = last.unwrap_or_else(|| (0, FIRST_PREV.to_owned()));
        Ok(Self { seq, hash })
    }

    /// `seq` of the last record; 0 for an empty log.
    pub(crate) fn seq(&self) -> i64 {
        self.seq
    }

    /// Appends a record and tells its `seq`.
    pub(crate) async fn append(&mut self, conn: &mut SqliteConnection, record: Record) -> Result<i64, Fault> {
        self.append_all(conn, vec![record]).await?;
        Ok(self.seq)
    }

    /// Appends records, and tells the `seq` of each.
    pub(crate) async fn append_all(
        &mut self,
        conn: &mut SqliteConnection,
        records: Vec<Record>,
    ) -> Result<Vec<i64>, Fault> {
        let mut placed: Vec<(i64, String, String)> = Vec::with_capacity(records.len());
        let mut keys: Vec<(i64, Key)> = Vec::new();
        for record in records {
            let seq = self.next()?;
            keys.extend(keys::of(record.fields()).into_iter().map(|key| (seq, key)));
            let record = record.placed(seq, &self.hash);
            self.hash = sha256_hex(record.as_bytes());
            self.seq = seq;
            placed.push((seq, self.hash.clone(), record));
        }
        let seqs = placed.iter().map(|(seq, ..)| *seq).collect();
        const SQL: &str = "INSERT INTO audit (seq, hash, record) VALUES ($1, $2, $3)";
        rows::insert(conn, SQL, placed, |mut row, (seq, hash, record)| {
            row.push_bind(seq).push_bind(hash).push_bind(record);
        })
        .await?;
        keys::keep(conn, keys).await?;
        Ok(seqs)
    }

    /// Appends a record that signs all that is before it.
    pub(crate) async fn append_checkpoint(
        &mut self,
        conn: &mut SqliteConnection,
        record: Record,
        organisation: Option<&str>,
        key: &SigningKey,
    ) -> Result<i64, Fault> {
        let signed = checkpoint::signed(record, self.next()?, &self.hash, organisation, key);
        self.append(conn, signed).await
    }

    fn next(&self) -> Result<i64, Fault> {
        self.seq.checked_add(1).ok_or_else(|| Fault::row("audit", self.seq, "the last number there is"))
    }

    /// Writes down, outside the chain, how far it goes.
    pub(crate) async fn mark_head(&self, conn: &mut SqliteConnection, at: i64) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO audit_head (seq, hash, at) VALUES ($1, $2, $3) \
             ON CONFLICT (seq) DO NOTHING",
        )
        .bind(self.seq)
        .bind(&self.hash)
        .bind(at)
        .execute(conn)
        .await?;
        Ok(())
    }
}
