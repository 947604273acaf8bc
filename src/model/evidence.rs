//! How something was read: what stands behind the word "complete" in a plan and in the audit log.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::directory::Completeness;
use super::id::{DirectoryGroupKey, SourceName};

/// How one source was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReadEvidence {
    /// Nothing is known of it.
    #[default]
    None,
    /// From files.
    Files(FileRead),
    /// From a directory server.
    Server(Box<ServerRead>),
}

impl ReadEvidence {
    /// The conversation with a server, where there was one.
    pub fn server(&self) -> Option<&ServerRead> {
        match self {
            Self::Server(read) => Some(read),
            Self::None | Self::Files(_) => None,
        }
    }

    /// A source's evidence with what differs from one read of the same to the next: how long ago the files were
    /// written, how long the server took. For people; documents leave it out.
    pub fn in_full(&self, evidence: &str, now: Timestamp) -> String {
        match self {
            _ if evidence.is_empty() => String::new(),
            Self::Files(FileRead { files, oldest: Some(at), .. }) => {
                let age = Duration::try_from(now.duration_since(*at)).unwrap_or_default();
                match (age.as_secs() < 60, files) {
                    (true, _) => format!("{evidence}, fresh"),
                    (false, 1) => format!("{evidence}, {} old", length(age)),
                    (false, _) => format!("{evidence}, the oldest {} old", length(age)),
                }
            }
            Self::Server(read) => format!("{evidence}; {:.1} s", read.took.as_secs_f64()),
            Self::None | Self::Files(_) => evidence.to_owned(),
        }
    }
}

/// A length of time in its largest unit, rounded down; hours up to two days, since a daily export is
/// judged by them.
pub fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// One read of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRead {
    /// Files that were opened.
    pub files: usize,
    /// Rows in all of them, without the headings.
    pub rows: u64,
    /// When the oldest of them was last written. (Its age would change from one read to the next.)
    pub oldest: Option<Timestamp>,
}

/// One conversation with a directory server: the one that answered everything, or the last that was
/// tried.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerRead {
    /// The server's URL, as it is configured.
    pub server: String,
    /// Whom the server takes us for (RFC 4532: `dn:…`, `u:…`); where it does not say, the configured
    /// name.
    pub identity: String,
    /// When the server's certificate ends; none without TLS.
    pub certificate_ends: Option<Timestamp>,
    /// Searches, looks at single entries included.
    pub searches: usize,
    /// Pages of the searches that have pages.
    pub pages: usize,
    /// Entries in all answers.
    pub entries: usize,
    /// References to other servers, which are never followed.
    pub references: usize,
    /// Parts of member attributes that were asked for.
    pub ranges: usize,
    /// Members that were looked at one by one.
    pub looks: usize,
    /// Result codes (RFC 4511, appendix A) and how often each came, those of failed attempts included.
    pub codes: BTreeMap<u32, usize>,
    /// People who were read.
    pub people: usize,
    /// People who were read with an address.
    pub with_address: usize,
    /// People who were read with the attribute that says who has left, whatever its value; none where no
    /// such attribute is known.
    pub with_status: Option<usize>,
    /// From the first connection to the last answer.
    pub took: Duration,
}

/// How one directory group was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupRead {
    /// Members that were read: people, groups, and what turned out to be neither.
    pub members: usize,
    /// Parts in which members were asked for, where the server does not give all at once.
    pub ranges: usize,
    /// What was odd, without the group's name.
    pub problems: Vec<String>,
}

/// A directory group behind a target group, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedGroup {
    /// The name to show.
    pub name: String,
    /// The immutable id, where the source has one.
    pub id: Option<DirectoryGroupKey>,
    /// Read to its end, or why not.
    pub completeness: Completeness,
    /// Groups that are nested directly in it.
    pub nested: usize,
    /// How it was read.
    pub read: GroupRead,
}

/// A directory group that could grant the members of a target group, with all that is nested in it:
/// the ground on which somebody is no member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ground {
    /// The source.
    pub source: SourceName,
    /// The directory group.
    pub directory_group: String,
    /// Its immutable id, where the source has one.
    pub id: Option<DirectoryGroupKey>,
    /// It was not there, and a person accepted that.
    pub missing: bool,
    /// It, and everything nested in it, was read to its end.
    pub complete: bool,
    /// Members that were read, nested groups' included.
    pub members: usize,
    /// Parts in which they were asked for.
    pub ranges: usize,
    /// Nested groups that were looked into, at any depth.
    pub nested: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
        ];
        for (seconds, text) in table {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn people_are_told_how_old_and_how_long() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let written = |files, seconds| {
            let oldest = Some(now - jiff::SignedDuration::from_secs(seconds));
            ReadEvidence::Files(FileRead { files, rows: 3, oldest }).in_full("so read", now)
        };
        assert_eq!(written(1, 59), "so read, fresh");
        assert_eq!(written(1, -500), "so read, fresh");
        assert_eq!(written(1, 7_200), "so read, 2 h old");
        assert_eq!(written(3, 7_200), "so read, the oldest 2 h old");
        let server = ServerRead { took: Duration::from_millis(1_234), ..ServerRead::default() };
        let server = ReadEvidence::Server(Box::new(server));
        assert_eq!(server.in_full("so read", now), "so read; 1.2 s");
        assert_eq!(server.in_full("", now), "", "it was not read");
        assert_eq!(ReadEvidence::None.in_full("so read", now), "so read");
    }
}
