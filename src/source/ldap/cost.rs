//! Members looked at by name, or one search for everybody: which takes less time. Floor 2, pure.
//!
//! Both are a number of round trips, whose length was measured on this very connection, and the
//! server's work, which is a property of servers. The work was measured on a loopback connection
//! (time for 1,000 entries, one machine, so that only the ratio counts):
//!
//! | | OpenLDAP 2.5 | 389 DS 2.3 | Samba 4.17 |
//! |---|---|---|---|
//! | looks, 16 to 32 at the same time | 0.030 s | 0.061 s | 0.122 s |
//! | one search for everybody | 0.008 s | 0.030 s | 0.23 s |
//!
//! The middle of the three is taken. With 20 ms to the server, 1,000 looks at OpenLDAP took 0.8 s
//! (32 at the same time) and the search 0.03 s: round trips are all that counts there.

use std::time::Duration;

/// Looks that are under way at the same time on one connection.
pub(super) const AT_ONCE: usize = 16;

/// Up to so many members are looked at without a further question: four round trips, and asking how
/// many people there are takes two.
pub(super) const ALWAYS_LOOKED_AT: usize = 4 * AT_ONCE;

/// Names of one filter; beyond a hundred OpenLDAP gets slower again.
pub(super) const TERMS: usize = 50;

/// With so many names and more in filters, all people are read at once. Without an index, a server
/// answers each filter by going through everybody.
pub(super) const MOST_TERMS: usize = 4 * TERMS;

/// What a look costs a server.
const LOOK: Duration = Duration::from_micros(60);

/// What an entry of a search for everybody costs a server.
const ENTRY: Duration = Duration::from_micros(30);

/// People of a directory that does not tell how many there are (Active Directory).
const UNTOLD: usize = 10_000;

/// What the choice rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// Members who are not known yet.
    pub(super) members: usize,
    /// People below the user base, as the server estimates; none where it does not.
    pub(super) people: Option<usize>,
    /// Entries of a page.
    pub(super) page: usize,
    /// The round trip to the server.
    pub(super) trip: Duration,
}

impl Choice {
    /// Whether one search for everybody takes less time than a look at each member.
    pub(super) fn everybody(self) -> bool {
        self.members > ALWAYS_LOOKED_AT && self.search() < self.looks()
    }

    fn looks(self) -> Duration {
        times(self.trip, self.members.div_ceil(AT_ONCE)).saturating_add(times(LOOK, self.members))
    }

    fn search(self) -> Duration {
        // More members than people cannot be; the estimate is one.
        let people = self.people.unwrap_or(UNTOLD).max(self.members);
        let pages = people.div_ceil(self.page.max(1));
        times(self.trip, pages).saturating_add(times(ENTRY, people))
    }
}

fn times(length: Duration, count: usize) -> Duration {
    length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everybody(members: usize, people: impl Into<Option<usize>>, micros: u64) -> bool {
        Choice { members, people: people.into(), page: 1000, trip: Duration::from_micros(micros) }.everybody()
    }

    /// The smallest number of members for which everybody is read.
    fn from(people: impl Into<Option<usize>> + Copy, micros: u64) -> Option<usize> {
        (1..=100_000).find(|members| everybody(*members, people, micros))
    }

    #[test]
    fn the_farther_the_server_the_sooner_everybody_is_read() {
        // Loopback, a local network, another site.
        let near = [100, 500, 20_000].map(|micros| from(2_000, micros));
        assert_eq!(near, [Some(915), Some(665), Some(65)]);
        let large = [100, 500, 20_000].map(|micros| from(100_000, micros));
        assert_eq!(large, [Some(45_409), Some(33_520), Some(3_809)]);
    }

    #[test]
    fn few_members_are_looked_at_wherever_the_server_is() {
        assert!(!everybody(ALWAYS_LOOKED_AT, 64, 500_000));
        assert!(everybody(ALWAYS_LOOKED_AT + 1, 65, 500_000));
    }

    #[test]
    fn a_directory_that_does_not_tell_its_size_is_taken_for_a_middling_one() {
        assert_eq!(from(None, 500), from(10_000, 500));
        assert!(everybody(50_000, None, 100), "and for no smaller one than its groups");
        assert!(everybody(50_000, 3, 100));
    }

    #[test]
    fn no_number_is_too_large() {
        let most = Choice { members: usize::MAX, people: Some(usize::MAX), page: 0, trip: Duration::MAX };
        assert!(!most.everybody());
    }
}
