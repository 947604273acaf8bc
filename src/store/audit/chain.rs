//! Appending to the chain, inside the caller's immediate transaction: nobody else can append between
//! reading the head and writing the next record.

use sqlx::SqliteConnection;

use super::checkpoint;
use super::record::Record;
use crate::model::digest::sha256_hex;
use crate::signing::SigningKey;
use crate::store::error::Fault;

/// `prev` of the first record.
pub(crate) const FIRST_PREV: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of the log as it is in this transaction.
pub(crate) struct Chain {
    seq: i64,
    hash: String,
}

impl Chain {
    /// Reads the head.
    pub(crate) async fn read(conn: &mut SqliteConnection) -> Result<Self, Fault> {
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
        let seq = self.next()?;
        let record = record.placed(seq, &self.hash);
        let hash = sha256_hex(record.as_bytes());
        sqlx::query("INSERT INTO audit (seq, hash, record) VALUES ($1, $2, $3)")
            .bind(seq)
            .bind(&hash)
            .bind(record)
            .execute(conn)
            .await?;
        self.seq = seq;
        self.hash = hash;
        Ok(seq)
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
