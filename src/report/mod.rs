//! Floor 1: words for people and machines. Pure: it takes the model, or the document built from it,
//! and returns text.
//!
//! [`document`] holds the versioned JSON documents. What a person reads is rendered from the same
//! documents, so that no two formats can tell different stories: every change and every skip is
//! named exactly once in each of them (in text, unless a long list was asked to be cut). The same inputs give the
//! same document but for its run and its time; how old files are and how long a read took is told to people alone.

pub mod audit_text;
pub mod document;
pub mod explain;
pub mod holds_text;
pub mod look;
pub mod markdown;
pub mod members;
pub mod notice_json;
pub mod notice_text;
pub mod pack;
pub mod plan_text;
pub mod run_text;
pub mod status_text;
pub mod words;

mod again;
mod build;
mod reasons;
pub use again::again;
pub(crate) use build::time;
pub use reasons::reasons;
mod change_text;
mod sections;
pub(crate) use sections::approve;
mod word;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod notice_tests;
#[cfg(test)]
mod samples;

use std::fmt;

use serde::Serialize;

use crate::model::run::{PlanReport, RunReport};
use document::{PlanDocument, RunDocument};
use look::Look;

/// A plan as `rosterd.plan/1`: JSON, indented, with a line break at its end.
pub fn plan_json(report: &PlanReport) -> String {
    json(&build::plan_to_write(report))
}

/// A run as `rosterd.run/1`: JSON, indented, with a line break at its end.
pub fn run_json(report: &RunReport) -> String {
    json(&build::run_to_write(report))
}

/// A JSON document of this module without its indentation, to be kept: of a run with very many changes that is
/// a third less.
pub fn unindented(document: &str) -> String {
    // Within a text of JSON there is no line break.
    document.lines().map(str::trim_start).collect()
}

/// A plan as a person reads it on a terminal.
pub fn plan_text(report: &PlanReport, look: &Look) -> String {
    written(|out| plan_text::write(out, &PlanDocument::for_people(report), look))
}

/// A run as a person reads it on a terminal.
pub fn run_text(report: &RunReport, look: &Look) -> String {
    written(|out| run_text::write(out, &RunDocument::for_people(report), look))
}

/// A plan for a ticket or a pull request. Nothing in it is cut.
pub fn plan_markdown(report: &PlanReport) -> String {
    written(|out| markdown::write(out, &PlanDocument::for_people(report)))
}

/// What a writer of this module writes, as one text.
pub fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    write(&mut out).expect("writing to a String does not fail, and no writer here fails by itself");
    out
}

/// Indented JSON that is safe to show: what JSON leaves as it is and a terminal would obey (C1
/// controls, changes of writing direction) is written as `\u` escapes. Such characters can only
/// stand inside strings, so the escapes mean the same.
pub fn json(document: &impl Serialize) -> String {
    let mut plain = serde_json::to_string_pretty(document)
        .expect("the documents hold strings, numbers, booleans and lists of them alone");
    // Most documents hold nothing but what every terminal shows as it is.
    let is_plain = plain.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~'));
    if is_plain || !plain.chars().any(|character| character != '\n' && words::is_unsafe(character)) {
        plain.push('\n');
        return plain;
    }
    let mut text = String::with_capacity(plain.len() + 1);
    for character in plain.chars() {
        if character != '\n' && words::is_unsafe(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(character);
        }
    }
    text.push('\n');
    text
}
