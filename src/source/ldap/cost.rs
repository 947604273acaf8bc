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
//!
//! How many people there are is not known before all are read (OpenLDAP and Active Directory leave the
//! estimate of RFC 2696 at 0). So the search is given as many entries as take the time of the looks:
//! if there are more people, it is given up, and who is still unknown is looked at. That takes at most
//! twice the time of the better way.

use std::time::Duration;

/// Looks that are under way at the same time on one connection.
pub(super) const AT_ONCE: usize = 16;

/// Up to so many members are looked at in any case: four round trips.
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

/// How many entries a search for everybody may have before a look at each of so many members would
/// have taken less time; 0: the looks take less in any case. `page`: entries of a page; `trip`: the
/// measured round trip.
pub(super) fn worth(members: usize, page: usize, trip: Duration) -> usize {
    if members <= ALWAYS_LOOKED_AT {
        return 0;
    }
    let page = page.max(1);
    let looks = times(trip, members.div_ceil(AT_ONCE)).saturating_add(times(LOOK, members));
    let whole_page = trip.saturating_add(times(ENTRY, page));
    let entries = looks.as_nanos().saturating_mul(page as u128) / whole_page.as_nanos().max(1);
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    // A page is the least that can be asked for.
    if entries < page / 2 { 0 } else { entries }
}

fn times(length: Duration, count: usize) -> Duration {
    length.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(members: usize, micros: u64) -> usize {
        worth(members, 1000, Duration::from_micros(micros))
    }

    #[test]
    fn the_farther_the_server_the_more_people_are_read_for_the_same_members() {
        // Loopback, a local network, another site.
        let far = |members| [100, 500, 20_000].map(|micros| of(members, micros));
        assert_eq!(far(100), [0, 0, 2_920]);
        assert_eq!(far(250), [551, 754, 6_700]);
        assert_eq!(far(10_000), [22_009, 29_918, 262_000]);
    }

    #[test]
    fn few_members_are_looked_at_wherever_the_server_is() {
        assert_eq!(of(ALWAYS_LOOKED_AT, 1_000_000), 0);
        assert!(of(ALWAYS_LOOKED_AT + 1, 1_000_000) > 0);
    }

    #[test]
    fn no_number_is_too_large() {
        assert_eq!(worth(usize::MAX, 0, Duration::MAX), 1);
        assert!(worth(usize::MAX, usize::MAX, Duration::ZERO) > 0);
    }
}
