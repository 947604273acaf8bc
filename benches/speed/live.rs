//! Reading Hyperproof: its three lists into what a run decides by, beside a plain typed parse of the same
//! bodies with serde_json (texts borrowed from the bodies, fields that nobody needs passed over).

use std::fmt::Write;
use std::hint::black_box;

use rosterd::model::live::MemberIdKind;
use rosterd::target::Lists;
use serde::Deserialize;

use crate::measure::{Figures, Goal, Row, Scale, child as start, pair, section};
use crate::world::{Shape, account_id, address, group_id, group_name};

const ORGANISATION: &str = "7d0c1f2e-0000-4000-a000-000000000001";
const OWN: &str = "ffffffff-0000-4000-8000-ffffffffffff";

/// Sizes by the number of accounts.
const SHAPES: [Shape; 4] = [
    Shape { people: 1_000, groups: 100, memberships: 10_000, largest: 500 },
    Shape { people: 20_000, groups: 500, memberships: 50_000, largest: 10_000 },
    Shape::USUAL,
    Shape { people: 1_000_000, groups: 10_000, memberships: 2_500_000, largest: 250_000 },
];

pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    let (shapes, rounds) = match scale {
        Scale::Quick => (&SHAPES[..3], 3),
        Scale::Full => (&SHAPES[..], 5),
    };
    shapes.iter().map(|shape| row(*shape, rounds)).collect()
}

fn row(shape: Shape, rounds: usize) -> Row {
    let size = [shape.people, shape.groups, shape.memberships, shape.largest].map(|count| count.to_string());
    let run = |what| {
        let args: Vec<&str> = [what].into_iter().chain(size.iter().map(String::as_str)).collect();
        start("live", &args)
    };
    let (ours, floor) = pair(rounds, || run("ours"), || run("typed"));
    let (users, groups, memberships) = bodies(shape);
    let bytes = users.len() + groups.len() + memberships.len();
    let each = |figures: Figures| (figures.peak.saturating_sub(figures.base)) * 1024 / u64::from(shape.people);
    Row {
        subject: "live".to_owned(),
        case: format!("{} accounts, {} groups, {} memberships", shape.people, shape.groups, shape.memberships),
        ours,
        floor: Some(("typed parse of the same bodies".to_owned(), floor)),
        goals: vec![Goal::Cpu(1.5)],
        note: format!(
            "bodies of {:.1} MB; beside them {} bytes an account, {} of the parse",
            bytes as f64 / 1e6,
            each(ours),
            each(floor),
        ),
    }
}

pub(crate) fn child(args: &[&str]) -> Figures {
    let [what, size @ ..] = args else { panic!("what to do, and for how many") };
    let size: Vec<u32> = size.iter().map(|count| count.parse().expect("the parent gives numbers")).collect();
    let [people, groups, memberships, largest] = size[..] else { panic!("four numbers") };
    let (users, groups, memberships) = bodies(Shape { people, groups, memberships, largest });
    if *what == "typed" {
        return section(|| black_box(typed(&users, &groups, &memberships))).1;
    }
    let lists = Lists::new(users.into(), groups.into(), memberships.into(), OWN);
    section(|| {
        let live = lists.read(&["activeUser".to_owned()], Some(MemberIdKind::UserId)).expect("they are lists");
        assert_eq!(live.accounts.len(), people as usize + 1);
        black_box(live)
    })
    .1
}

/// The floor.
fn typed<'a>(
    users: &'a str,
    groups: &'a str,
    memberships: &'a str,
) -> (Vec<User<'a>>, Vec<Group<'a>>, Vec<Members<'a>>) {
    let parsed = (serde_json::from_str(users), serde_json::from_str(groups), serde_json::from_str(memberships));
    (parsed.0.expect("users"), parsed.1.expect("groups"), parsed.2.expect("memberships"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the reading")]
struct User<'a> {
    id: &'a str,
    user_id: &'a str,
    email: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the reading")]
struct Group<'a> {
    id: &'a str,
    org_id: &'a str,
    name: &'a str,
    group_lead_id: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "what is measured is the reading")]
struct Members<'a> {
    group_id: &'a str,
    user_ids: Vec<&'a str>,
}

/// Bodies of the three lists, with the fields that the vendor's samples have.
fn bodies(shape: Shape) -> (String, String, String) {
    let mut users = String::from("[");
    for person in 0..shape.people {
        let (user, email) = (account_id(person), address(person));
        add_user(&mut users, person, &user, &format!("\"email\":{email:?},"), "activeUser");
        users.push(',');
    }
    add_user(&mut users, shape.people, OWN, "", "serviceAccount");
    users.push(']');
    let (mut groups, mut memberships) = (String::from("["), String::from("["));
    for group in 0..shape.groups {
        let (comma, id, name) = (if group == 0 { "" } else { "," }, group_id(group), group_name(group));
        let time = "2026-01-01T00:00:00.0000000+00:00";
        let _ = write!(
            groups,
            "{comma}{{\"id\":{id:?},\"orgId\":{ORGANISATION:?},\"name\":{name:?},\"groupLeadId\":null,\
             \"createdOn\":{time:?},\"updatedOn\":{time:?}}}"
        );
        let members: Vec<String> = shape.members(group).into_iter().map(|at| format!("{:?}", account_id(at))).collect();
        let _ = write!(memberships, "{comma}{{\"groupId\":{id:?},\"userIds\":[{}]}}", members.join(","));
    }
    groups.push(']');
    memberships.push(']');
    (users, groups, memberships)
}

fn add_user(users: &mut String, person: u32, user: &str, email: &str, kind: &str) {
    let mixed = person.wrapping_mul(2_246_822_519);
    let _ = write!(
        users,
        "{{\"id\":\"{mixed:08x}-0000-4000-b000-{person:012x}\",\"status\":\"active\",\"givenName\":\"Person\",\
         \"surname\":\"Number {person}\",{email}\"language\":\"en\",\"locale\":\"US\",\
         \"timeZone\":\"America/Los_Angeles\",\"userId\":{user:?},\"type\":{kind:?}}}"
    );
}
