//! What a directory server lets its account see, and what limits it has: the part of an online check
//! that makes the difference between an empty answer and no right to ask.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::model::directory::{Completeness, DirectoryGroup, SourceSnapshot};
use crate::model::evidence::ServerRead;
use crate::report::words::{plural, when};
use crate::run::Reading;
use crate::source::{Kind, Source, Wanted};

/// A certificate that ends within this time is told with the days that are left.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 60);

/// Reads everybody and every group of each directory server of which the mappings need less. A group
/// that grows makes a run read everybody, and a limit that it would meet then is worth knowing now.
pub(super) async fn whole(config: &Config, reading: &Reading, now: Timestamp) -> Vec<SourceSnapshot> {
    let partly = |source: &&Source| {
        let read = reading.sources.iter().find(|read| read.name == source.name);
        matches!(source.kind, Kind::Ldap(_)) && read.is_some_and(answered_in_part)
    };
    let wanted = Wanted { all: true, ..Wanted::default() };
    join_all(config.sources.iter().filter(partly).map(|source| source.read(&wanted, now))).await
}

fn answered_in_part(read: &SourceSnapshot) -> bool {
    !read.everyone && read.read.server().is_some_and(|server| server.entries > 0)
}

/// What is worth knowing of a source that is a server. `whole`: it was read as a whole besides.
pub(super) fn lines(source: &SourceSnapshot, whole: Option<&SourceSnapshot>, now: Timestamp) -> Vec<String> {
    let Some(read) = source.read.server() else { return Vec::new() };
    if read.entries == 0 {
        // It said nothing of itself; the finding below says why.
        return Vec::new();
    }
    let mut lines = Vec::new();
    // What came after the connection was not kept of a read that failed.
    if source.completeness.is_complete() || read.people > 0 {
        lines.push(identity(read));
        lines.push(match read.certificate_ends {
            Some(ends) => certificate(ends, now),
            None => "no certificate: the connection is not encrypted".to_owned(),
        });
    }
    lines.push(format!(
        "{}, {}, {} at single members, in {}",
        plural(read.searches, "question"),
        plural(read.pages, "page"),
        plural(read.looks, "look"),
        seconds(read.took)
    ));
    let (sample, shown) = match whole.filter(|whole| whole.completeness.is_complete()) {
        Some(whole) => (whole, "of everybody"),
        None => (source, "of those who were read"),
    };
    lines.extend(visible(sample, sample.read.server().unwrap_or(read), shown));
    lines.push(limits(read, source.completeness.is_complete()));
    lines.extend(whole.map(at_large));
    lines
}

fn identity(read: &ServerRead) -> String {
    // RFC 4513, section 5.2.1.8: what a server says begins so.
    let told = ["dn:", "u:"].iter().any(|prefix| read.identity.starts_with(prefix));
    match told {
        true => format!("signed in; the server takes us for {}", read.identity),
        false => format!("signs in as {}; the server does not say whom it takes us for", read.identity),
    }
}

/// When a certificate ends.
pub(super) fn certificate(ends: Timestamp, now: Timestamp) -> String {
    let text = format!("its certificate ends on {}", when(&crate::report::time(ends)));
    let left = ends.duration_since(now);
    match left < SOON {
        true => format!("{text}, in {}: see that it is renewed", plural(days(left), "day")),
        false => text,
    }
}

fn days(left: SignedDuration) -> usize {
    usize::try_from(left.as_hours() / 24).unwrap_or(0)
}

/// Whether addresses, ids, the mark of those who left, and members are shown to the account.
fn visible(sample: &SourceSnapshot, read: &ServerRead, shown: &str) -> Vec<String> {
    let people = read.people;
    if people == 0 {
        return Vec::new();
    }
    let warn = |count: usize, text: &str| if count == 0 { format!(": {text}") } else { String::new() };
    let mut lines = vec![format!(
        "{} of {people} people have an address ({shown}){}",
        read.with_address,
        warn(read.with_address, "may the account read addresses?")
    )];
    let with_id = sample.people.iter().filter(|person| person.immutable).count();
    lines.push(format!(
        "{with_id} of {people} people show an immutable id{}",
        warn(
            with_id,
            "nobody can be followed when their address changes; is id_attribute right, and may the account read it?"
        )
    ));
    lines.push(match read.with_status {
        Some(count) => format!(
            "{count} of {people} people show the attribute that says who has left{}",
            warn(count, "nobody can be seen to leave by it; may the account read it?")
        ),
        None => "who has left is not known: set `disabled`, if the directory has an attribute for it".to_owned(),
    });
    let groups = sample.groups.len();
    if groups > 0 && sample.groups.iter().all(|group| group.read.members + group.people.len() == 0) {
        lines.push(format!(
            "none of {} shows a member: is member_attributes right, and may the account read it?",
            plural(groups, "group")
        ));
    }
    lines
}

/// Result codes of limits (RFC 4511, appendix A) that the reading met.
fn limits(read: &ServerRead, complete: bool) -> String {
    let met: Vec<String> = [(3, "time limit"), (4, "size limit"), (11, "administrative limit")]
        .iter()
        .filter_map(|(code, name)| Some((read.codes.get(code)?, code, name)))
        .map(|(count, code, name)| format!("the {name} ({code}) {}", plural(*count, "time")))
        .collect();
    match (met.is_empty(), complete) {
        (true, _) => "no limit was met".to_owned(),
        // A page that is too large is halved; any other limit ends the reading.
        (false, true) => format!("met {}, and got round it by smaller pages", met.join(", ")),
        (false, false) => format!("met {}", met.join(", ")),
    }
}

/// How a read of everybody went.
fn at_large(whole: &SourceSnapshot) -> String {
    let Some(read) = whole.read.server() else { return String::new() };
    match &whole.completeness {
        Completeness::Complete => format!(
            "everybody can be read: {} and {} in {}, {}",
            plural(whole.people.len(), "person"),
            plural(whole.groups.len(), "group"),
            seconds(read.took),
            limits(read, true)
        ),
        Completeness::Incomplete { why } => {
            format!("everybody can NOT be read, as a group with many members, or a pattern, would need: {why}")
        }
    }
}

/// People whom matched groups have by way of nested ones alone: `, and 3 more through 1 nested group`.
pub(super) fn nested(source: &SourceSnapshot, matched: &[&DirectoryGroup]) -> String {
    let direct: BTreeSet<u32> = matched.iter().flat_map(|group| group.people.iter().copied()).collect();
    let mut reached: BTreeSet<u32> = BTreeSet::new();
    let mut next: Vec<u32> = matched.iter().flat_map(|group| group.groups.iter().copied()).collect();
    let mut people = BTreeSet::new();
    while let Some(at) = next.pop() {
        let Some(group) = source.groups.get(at as usize).filter(|_| reached.insert(at)) else { continue };
        people.extend(group.people.iter().copied().filter(|person| !direct.contains(person)));
        next.extend(&group.groups);
    }
    match reached.len() {
        0 => String::new(),
        groups => format!(", and {} more through {}", plural(people.len(), "person"), plural(groups, "nested group")),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
