//! World files, good and bad.

use proptest::prelude::*;
use rosterd::simulator::{MemberId, UserType, World, WorldError};

#[test]
fn a_short_file_is_completed() {
    let world = World::from_json(
        r#"{
            "organization": "corp",
            "users": [
                { "email": "ann@corp.example" },
                { "email": "bob@corp.example", "type": "contact", "userId": "bob-1" }
            ],
            "groups": [{ "name": "Staff", "lead": "ann@corp.example", "members": ["bob@corp.example", "bob-1"] }],
            "switches": { "memberId": "id" }
        }"#,
    )
    .unwrap();
    assert_eq!(world.users.len(), 3, "the service account is made");
    assert_eq!(world.account().unwrap().kind, UserType::ServiceAccount);
    assert_eq!(world.switches.member_id, MemberId::Id);
    let group = world.group("Staff").unwrap();
    assert_eq!(group.members.iter().collect::<Vec<_>>(), ["bob-1"]);
    assert_eq!(group.lead.as_deref(), Some(world.user("ann@corp.example").unwrap().user_id.as_str()));
    assert_eq!(World::from_json(&world.to_json()).unwrap(), world);
}

#[test]
fn made_up_ids_are_uuids_and_always_the_same() {
    let build = || {
        let mut world = World::new("corp");
        world.add_user("ann@corp.example");
        world.add_group("Staff", &["ann@corp.example"]);
        world
    };
    assert_eq!(build(), build());
    assert_eq!(World::from_json(&build().to_json()).unwrap(), build());
    let world = build();
    let ann = world.user("ann@corp.example").unwrap();
    assert_ne!(ann.id, ann.user_id);
    for id in [&ann.id, &ann.user_id, &world.groups[0].id] {
        assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4, "{id}");
    }
}

#[test]
fn ids_do_not_collide() {
    let mut world = World::new("corp");
    for number in 0..2000 {
        world.add_user(&format!("user{number}@corp.example"));
    }
    let mut ids: Vec<_> = world.users.iter().flat_map(|user| [&user.id, &user.user_id]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2 * 2001);
}

#[test]
fn errors_name_the_place() {
    for (text, message) in [
        ("", "world file, line 1, column 0: EOF while parsing a value"),
        ("{\n  \"organisation\": 1}", "world file, line 2, column 16: unknown field `organisation`, expected one of"),
        ("{\"organization\": \"\"}", "world: organization: is empty"),
        (
            r#"{"organization":"c","groups":[{"name":"A","members":["x"]}]}"#,
            "world: groups[0].members: no user has the id or address \"x\"",
        ),
        (
            r#"{"organization":"c","groups":[{"name":"A","lead":"x"}]}"#,
            "world: groups[0].lead: no user has the id or address \"x\"",
        ),
        (
            r#"{"organization":"c","client":{"account":"x"}}"#,
            "world: client.account: no user has the id or address \"x\"",
        ),
        (r#"{"organization":"c","users":[{"id":"a"},{"id":"a"}]}"#, "world: users[1].id: \"a\" occurs twice"),
        (
            r#"{"organization":"c","users":[{"userId":"a"},{"userId":"a"}]}"#,
            "world: users[1].userId: \"a\" occurs twice",
        ),
        (r#"{"organization":"c","groups":[{}]}"#, "world: groups[0].name: is empty"),
        (
            r#"{"organization":"c","groups":[{"name":"A","id":"a"},{"name":"B","id":"a"}]}"#,
            "world: groups[1].id: \"a\" occurs twice",
        ),
        (
            r#"{"organization":"c","switches":{"memberId":"both"}}"#,
            "world file, line 1, column 49: unknown variant `both`, expected `userId` or `id`",
        ),
    ] {
        let error: WorldError = World::from_json(text).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_does_not_panic(text in any::<String>()) {
        let _ = World::from_json(&text);
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = World::from_json(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_world_does_not_panic(at in 0usize..3000, with in any::<char>()) {
        let mut world = World::new("corp");
        world.add_user("ann@corp.example");
        world.add_group("Staff", &["ann@corp.example"]);
        let mut text: Vec<char> = world.to_json().chars().collect();
        let at = at % text.len();
        text[at] = with;
        if let Ok(world) = World::from_json(&text.into_iter().collect::<String>()) {
            prop_assert_eq!(World::from_json(&world.to_json()), Ok(world));
        }
    }
}
