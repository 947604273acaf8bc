//! Ids and times that come out the same in every run.
//!
//! Tests compare whole documents, so nothing here reads a clock or a random
//! source: an id follows from what it names, a time from how many changes the
//! world has seen.

use super::choices::Timestamps;

/// 2023-01-01T00:00:00Z, the date in the vendor's samples.
pub(super) const FIRST_SECOND: i64 = 1_672_531_200;

/// UUID-shaped text that follows from `seed`, `kind` and `number` alone.
pub(super) fn uuid(seed: &str, kind: &str, number: u64) -> String {
    let start = fold(fold(0xcbf2_9ce4_8422_2325, seed), kind) ^ number;
    let high = mix(start);
    let low = mix(high ^ number.rotate_left(32));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff,
    )
}

/// FNV-1a, with a separator so that ("ab", "c") and ("a", "bc") differ.
fn fold(start: u64, text: &str) -> u64 {
    text.bytes().chain([0xff]).fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The finishing step of splitmix64: neighbours come out far apart.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A moment, given as seconds since 1970, in one of the two forms that the vendor's samples show.
pub(super) fn timestamp(second: i64, form: Timestamps) -> String {
    // Seconds beyond what the calendar holds can stand in a world file; they read as the first day.
    let moment = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    match form {
        Timestamps::SevenDigits => moment.strftime("%Y-%m-%dT%H:%M:%S.0000000+00:00").to_string(),
        Timestamps::Zulu => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}
