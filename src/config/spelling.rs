//! "Did you mean": the known word that is nearest to an unknown one.

/// The known word that somebody who wrote `word` most likely meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // A typo or two in a long word, one in a short word; longer texts are no typos of anything.
    let allowed = match folded.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=64 => 2,
        _ => return None,
    };
    known
        .into_iter()
        .map(|known| (distance(&folded, &fold(known)), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// Case and the choice of dash are not what makes a word another.
fn fold(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).map(|c| if c == '-' || c == ' ' { '_' } else { c }).collect()
}

/// Insertions, deletions and changes of a letter that make one word of the other, by rows of the
/// usual table; two letters that changed places count as one more than a typo.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for ((to, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(from != to)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_misses_are_found_and_others_are_not() {
        let known = ["client_id", "client_secret", "token_url", "burst", "to"];
        let cases = [
            ("client_secert", Some("client_secret")),
            ("client-id", Some("client_id")),
            ("Burst", Some("burst")),
            ("brust", None),
            ("bursts", Some("burst")),
            ("tokenurl", Some("token_url")),
            ("password", None),
            ("t", None),
            ("", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
