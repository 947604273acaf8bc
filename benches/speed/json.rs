//! What parsing Hyperproof's replies costs at the least: typed, and borrowed from the bodies.

use serde::Deserialize;

use crate::measure::{Figures, section};

/// Parses the bodies in these files; reading the files is not measured.
pub(crate) fn parse(files: &[&str]) -> Figures {
    let read = |file| (file, std::fs::read(file).expect("the parent wrote it"));
    let bodies: Vec<(&str, Vec<u8>)> = files.iter().copied().map(read).collect();
    section(|| bodies.iter().map(|(name, body)| parsed(name, body)).sum::<usize>()).1
}

/// What of a user, a group and a membership matters to a run.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is there to be parsed")]
struct User<'a> {
    id: &'a str,
    user_id: &'a str,
    email: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    status: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is there to be parsed")]
struct Group<'a> {
    id: &'a str,
    name: &'a str,
    group_lead_id: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership<'a> {
    #[expect(dead_code, reason = "it is there to be parsed")]
    group_id: &'a str,
    #[serde(borrow)]
    user_ids: Vec<&'a str>,
}

/// How much there is in a body.
fn parsed(name: &str, body: &[u8]) -> usize {
    fn list<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Vec<T> {
        serde_json::from_slice(body).expect("the simulator's ids and addresses need no escapes")
    }
    if name.ends_with("groups-users.json") {
        list::<Membership<'_>>(body).iter().map(|group| group.user_ids.len()).sum()
    } else if name.ends_with("groups.json") {
        list::<Group<'_>>(body).len()
    } else {
        list::<User<'_>>(body).len()
    }
}
