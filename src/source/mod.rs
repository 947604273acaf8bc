//! Floor 2: reading directories. Every kind yields the same [`SourceSnapshot`].

pub mod csv;

use jiff::Timestamp;

use crate::model::directory::{SourceKind, SourceSnapshot};
use crate::model::id::SourceName;

/// A configured source: a closed set of kinds.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// How it is read.
    pub kind: Kind,
}

/// How a source is read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// From files.
    Csv(csv::Settings),
}

impl Source {
    /// Its kind, as the core knows it.
    pub fn kind(&self) -> SourceKind {
        match self.kind {
            Kind::Csv(_) => SourceKind::Csv,
        }
    }

    /// Reads the source. A failure is a snapshot too: incomplete, with its problems.
    pub async fn read(&self, now: Timestamp) -> SourceSnapshot {
        match &self.kind {
            Kind::Csv(settings) => csv::read(&self.name, settings, now).await,
        }
    }
}
