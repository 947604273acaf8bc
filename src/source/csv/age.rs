//! How old the files are, and what that says of the export. Floor 2, pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::evidence::length;
use crate::model::problem::Problem;

/// A file may be this much newer than now: the clock of a file server is never quite ours, and the
/// run's now is a moment ago.
const CLOCK_SLACK: Duration = Duration::from_secs(300);

/// When a file was last written, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The name to show.
    pub(super) name: String,
    /// When.
    pub(super) at: Timestamp,
}

/// The oldest of the files.
pub(super) fn oldest(files: &[Written]) -> Option<&Written> {
    files.iter().min_by_key(|file| file.at)
}

/// The oldest file is older than it may be: the export has stopped.
pub(super) fn stopped(files: &[Written], now: Timestamp, max_age: Option<Duration>) -> Option<Problem> {
    let (oldest, max_age) = (oldest(files)?, max_age?);
    let age = age(oldest.at, now);
    (age > max_age).then(|| {
        // When, and not how long ago: that would be told otherwise by each run.
        let (at, max_age) = (oldest.at, length(max_age));
        let text = format!("was last written {at:.0}, longer ago than max_age ({max_age}): the export has stopped");
        Problem::new(&oldest.name, text)
            .help("look at the job that writes it; rosterd reads on when the file is new again")
    })
}

/// Files from the future: their age says nothing.
pub(super) fn from_the_future(files: &[Written], now: Timestamp) -> impl Iterator<Item = Problem> {
    files.iter().filter_map(move |file| {
        let ahead = age(now, file.at);
        (ahead > CLOCK_SLACK).then(|| {
            let text = format!("was last written {:.0}, which is yet to come, so its age is not known", file.at);
            Problem::new(&file.name, text)
                .help("compare the clocks of this machine and of the one that writes the file")
        })
    })
}

/// How old something is; nothing for what is yet to come.
pub(super) fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn files(ages: &[(&str, i64)]) -> Vec<Written> {
        let written = |(name, seconds): &(&str, i64)| Written {
            name: (*name).to_owned(),
            at: now() - jiff::SignedDuration::from_secs(*seconds),
        };
        ages.iter().map(written).collect()
    }

    #[test]
    fn the_oldest_file_counts() {
        let files = files(&[("a.csv", 60), ("b.csv", 27 * 3600), ("c.csv", 3600)]);
        let stopped =
            |max_age| stopped(&files, now(), max_age).map(|problem| format!("{}: {}", problem.place, problem.text));
        assert_eq!(stopped(None), None);
        assert_eq!(stopped(Some(27 * HOUR)), None, "just as old as it may be");
        assert_eq!(
            stopped(Some(26 * HOUR)).as_deref(),
            Some(
                "b.csv: was last written 2026-11-21T09:00:00Z, longer ago than max_age (26 h): the export has stopped"
            )
        );
    }

    #[test]
    fn the_future_is_odd_beyond_what_clocks_differ_by() {
        let files = files(&[("a.csv", -7200), ("b.csv", -100), ("c.csv", 5)]);
        let odd: Vec<_> = from_the_future(&files, now()).map(|problem| problem.text).collect();
        assert_eq!(odd, ["was last written 2026-11-22T14:00:00Z, which is yet to come, so its age is not known"]);
        assert_eq!(stopped(&files[..1], now(), Some(HOUR)), None);
    }
}
