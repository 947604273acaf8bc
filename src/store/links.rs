//! Which account each person was, as pages: many links a row, and where one link changed one row is written.
//! A page begins at a person whose key says so, so that a link more or less moves no other page.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::error::Fault;
use super::rows::pair;
use super::stored::{Text, from_json, to_json};
use crate::model::digest::sha256_hex;
use crate::model::id::{AccountId, PersonKey, SourceName};
use crate::model::links::PersonLinks;

const TABLE: &str = "person_link_page";

/// About so many links are on a page.
const ON_A_PAGE: u32 = 512;

/// Reads all links.
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<PersonLinks, Fault> {
    let old: Vec<(String, String, String)> = sqlx::query_as("SELECT source, person, account_id FROM person_link")
        .fetch_all(&mut *conn)
        .await
        .map_err(|error| Fault::row("person_link", "", error))?;
    if !old.is_empty() {
        let link = |(source, person, account): (String, String, String)| {
            ((SourceName::from(source), PersonKey::from(person)), AccountId::from(account))
        };
        return Ok(old.into_iter().map(link).collect());
    }
    let mut links = PersonLinks::default();
    let mut pages =
        sqlx::query("SELECT source, body FROM person_link_page ORDER BY source, first_person").fetch(&mut *conn);
    while let Some(row) = pages.try_next().await? {
        let (source, body) = pair(TABLE, &row)?;
        let texts: Vec<Text<'_>> = from_json(TABLE, &source, &body)?;
        let name = SourceName::new(&source);
        for pair in texts.chunks(2) {
            let [person, account] = pair else { return Err(Fault::row(TABLE, &source, "a person without an account")) };
            links.push(&name, person.as_str(), account.as_str());
        }
    }
    drop(pages);
    links.shrink();
    Ok(links)
}

/// Makes the table hold exactly these links, and tells how many pages that wrote.
pub(super) async fn store(conn: &mut SqliteConnection, links: &PersonLinks) -> Result<u64, Fault> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT source, first_person, digest FROM person_link_page").fetch_all(&mut *conn).await?;
    let mut have: BTreeMap<(String, String), String> =
        rows.into_iter().map(|(source, first, digest)| ((source, first), digest)).collect();
    let mut written = 0;
    for source in links.sources() {
        let mut page = Vec::new();
        for (person, account) in links.of(source) {
            if begins_a_page(person) {
                written += write(conn, source, std::mem::take(&mut page), &mut have).await?;
            }
            page.extend([person, account]);
        }
        written += write(conn, source, page, &mut have).await?;
    }
    for (source, first) in have.keys() {
        sqlx::query("DELETE FROM person_link_page WHERE source = $1 AND first_person = $2")
            .bind(source)
            .bind(first)
            .execute(&mut *conn)
            .await?;
        written += 1;
    }
    sqlx::query("DELETE FROM person_link").execute(conn).await?;
    Ok(written)
}

/// Writes a page that is not there as it is, and strikes it off what is there.
async fn write(
    conn: &mut SqliteConnection,
    source: &SourceName,
    page: Vec<&str>,
    have: &mut BTreeMap<(String, String), String>,
) -> Result<u64, Fault> {
    let Some(first) = page.first() else { return Ok(0) };
    let body = to_json(&page)?;
    let digest = sha256_hex(body.as_bytes());
    if have.remove(&(source.to_string(), (*first).to_owned())).as_ref() == Some(&digest) {
        return Ok(0);
    }
    sqlx::query(
        "INSERT INTO person_link_page (source, first_person, digest, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (source, first_person) DO UPDATE SET digest = excluded.digest, body = excluded.body",
    )
    .bind(source.as_str())
    .bind(*first)
    .bind(digest)
    .bind(body)
    .execute(conn)
    .await?;
    Ok(1)
}

fn begins_a_page(person: &str) -> bool {
    let mixed = person.bytes().fold(0_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    mixed.is_multiple_of(ON_A_PAGE)
}
