//! Reading the whole organisation, and when it is not believed.

use rosterd::model::id::{AccountId, GroupId};
use rosterd::model::live::{Absence, LiveState, MemberIdKind, Standing};
use rosterd::model::memberships::Memberships;
use rosterd::target::{Client, TargetError};
use serde_json::{Value, json};

use super::server::{Memory, Server, World, ids};

async fn live(server: &Server, memory: &Memory) -> Result<LiveState, TargetError> {
    server.client().reader().live(memory.known()).await
}

/// A believable world, changed in one thing, seen with a memory.
async fn with(change: impl FnOnce(&mut World)) -> Server {
    let server = Server::start().await;
    change(&mut server.world());
    server
}

fn lies(result: Result<LiveState, TargetError>) -> String {
    match result {
        Err(error @ TargetError::Unbelievable { .. }) => {
            assert!(!error.help().is_empty());
            error.to_string()
        }
        other => panic!("believed: {other:?}"),
    }
}

#[tokio::test]
async fn a_steady_read_costs_three_calls() {
    let server = Server::start().await;
    let first = live(&server, &Memory::default()).await.unwrap();
    assert_eq!((first.reads, first.own_id.as_str(), first.own.as_str()), (4, "me", "me"));
    assert_eq!(first.organisation.as_deref(), Some("org"));
    assert_eq!((first.member_id, first.member_id_proven), (MemberIdKind::UserId, true));
    assert_eq!(first.accounts.len(), 10);
    assert_eq!(first.problems, []);
    let one = first.group(&GroupId::from("g1")).unwrap();
    assert_eq!((one.name.as_str(), one.lead.as_ref().unwrap().as_str()), ("One", "u1"));
    assert!(first.members(one).eq(&ids::<AccountId>("u1 u2")));
    assert_eq!(first.account(&AccountId::from("me")).unwrap().standing, Standing::Ineligible);

    let server = Server::start().await;
    let steady = live(&server, &Memory::settled()).await.unwrap();
    assert_eq!(steady.reads, 3);
    let mut lines = server.lines();
    lines.sort();
    assert_eq!(lines, ["GET /v1/groups", "GET /v1/groups/users", "GET /v1/users?includeDeactivated=true"]);
    assert_eq!(LiveState { reads: 4, ..steady }, first);
}

#[tokio::test]
async fn the_own_account_must_be_among_the_users() {
    for change in [
        (|world| world.users.clear()) as fn(&mut World),
        |world| world.me = "somebody else".into(),
        |world| world.users.retain(|user| user["userId"] != "me"),
    ] {
        let mut fresh = Memory::settled();
        fresh.own = None;
        let text = lies(live(&with(change).await, &fresh).await);
        assert!(text.contains("own account"), "{text}");
    }
    // Remembered, and gone from the list: asked once more.
    let server = with(|world| world.users.retain(|user| user["userId"] != "me")).await;
    lies(live(&server, &Memory::settled()).await);
    assert_eq!(server.count("GET /v1/users/me"), 1);
    // The API client was made anew.
    let server = with(|world| {
        world.me = "me2".into();
        world.users.last_mut().unwrap()["userId"] = json!("me2");
    })
    .await;
    assert_eq!(live(&server, &Memory::settled()).await.unwrap().own_id, "me2");
    // By its organisation-user id.
    let server = with(|world| world.me = "i-me".into()).await;
    let found = live(&server, &Memory::default()).await.unwrap();
    assert_eq!((found.own.as_str(), found.own_id.as_str()), ("me", "i-me"));
}

#[tokio::test]
async fn empty_lists_are_not_believed_while_something_is_known() {
    let hide = |world: &mut World| world.groups.values_mut().for_each(|group| group.listed = false);
    assert!(lies(live(&with(hide).await, &Memory::settled()).await).contains("list of groups is empty"));
    // Nothing known: an empty organisation.
    let server = with(|world| world.groups.clear()).await;
    let empty = live(&server, &Memory::default()).await.unwrap();
    assert_eq!((empty.groups.len(), empty.organisation, empty.member_id_proven), (0, None, false));

    let server = Server::start().await;
    server.always("GET", "/groups/users", 200, "[]");
    assert!(lies(live(&server, &Memory::settled()).await).contains("list of memberships is empty"));
    let mut fresh = Memory::settled();
    fresh.left = Memberships::default();
    assert!(lies(live(&server, &fresh).await).contains("shows nobody in group g1"), "seen for the first time");
    fresh.mapped.clear();
    let groups = live(&server, &fresh).await.unwrap().groups;
    assert!(groups.iter().all(|group| group.count() == 0));
}

#[tokio::test]
async fn a_known_group_that_is_not_listed_is_asked_for() {
    let g2 = GroupId::from("g2");
    let absent = async |change: fn(&mut World)| {
        let result = live(&with(change).await, &Memory::settled()).await;
        result.map(|live| (live.group(&GroupId::from("g2")).is_some(), live.absent.get(&g2).cloned(), live.reads))
    };
    let gone = absent(|world| drop(world.groups.remove("g2"))).await;
    assert_eq!(gone, Ok((false, Some(Absence::Gone), 4)));
    let archived = absent(|world| {
        let group = world.groups.get_mut("g2").unwrap();
        (group.listed, group.archived) = (false, true);
    })
    .await;
    assert_eq!(archived, Ok((false, Some(Absence::Archived), 5)));
    let there_after_all = absent(|world| world.groups.get_mut("g2").unwrap().listed = false).await;
    assert!(matches!(there_after_all, Err(TargetError::Unbelievable { .. })), "{there_after_all:?}");
}

#[tokio::test]
async fn archived_is_also_read_from_a_status() {
    let hide = |world: &mut World| world.groups.get_mut("g2").unwrap().listed = false;
    let server = with(hide).await;
    server.always("GET", "/groups/g2", 200, r#"{"id":"g2","status":"archived"}"#);
    let state = live(&server, &Memory::settled()).await.unwrap();
    assert_eq!((state.absent.values().next(), state.reads), (Some(&Absence::Archived), 4));

    let server = Server::start().await;
    server.always("GET", "/groups", 200, r#"[{"id":"g1","name":"One"},{"id":"g2","name":"Two","status":"Archived"}]"#);
    let state = live(&server, &Memory::settled()).await.unwrap();
    assert_eq!((state.absent.values().next(), state.reads), (Some(&Absence::Archived), 3));
    assert_eq!(state.groups.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_and_not_an_absence() {
    for (status, absent) in [(404, true), (410, true), (400, true), (403, false), (500, false), (200, false)] {
        let server = with(|world| world.groups.get_mut("g2").unwrap().listed = false).await;
        server.always("GET", "/groups/g2", status, "");
        let result = live(&server, &Memory::settled()).await;
        assert_eq!(result.is_ok(), absent, "{status}: {result:?}");
    }
}

#[tokio::test]
async fn a_group_without_an_entry_is_empty_unless_it_had_members() {
    let drop_g1 = r#"[{"groupId":"g2","userIds":[]}]"#;
    let server = Server::start().await;
    server.always("GET", "/groups/users", 200, drop_g1);
    let text = lies(live(&server, &Memory::settled()).await);
    assert!(text.contains("g1"), "{text}");

    let server = with(|world| world.groups.get_mut("g1").unwrap().members.clear()).await;
    server.always("GET", "/groups/users", 200, drop_g1);
    let state = live(&server, &Memory::settled()).await.unwrap();
    assert_eq!((state.group(&GroupId::from("g1")).unwrap().count(), state.reads), (0, 4));

    let server = with(|world| world.hide_memberless = true).await;
    let state = live(&server, &Memory::settled()).await.unwrap();
    assert_eq!((state.group(&GroupId::from("g2")).unwrap().count(), state.reads), (0, 3));

    // An entry that does not say who its members are is no entry.
    let server = Server::start().await;
    server.always("GET", "/groups/users", 200, r#"[{"groupId":"g1","userIds":null},{"groupId":"g2","userIds":[]}]"#);
    lies(live(&server, &Memory::settled()).await);
}

#[tokio::test]
async fn lists_that_are_no_lists_are_errors() {
    for path in ["/users?includeDeactivated=true", "/groups", "/groups/users"] {
        for body in ["", "{}", r#"{"data":[]}"#, "null", "<html>", "[{}"] {
            let server = Server::start().await;
            server.always("GET", path, 200, body);
            let error = live(&server, &Memory::settled()).await.unwrap_err();
            assert!(matches!(error, TargetError::Decode { .. }), "{path} {body:?}: {error:?}");
        }
    }
    let server = Server::start().await;
    server.always("GET", "/groups", 403, "You lack permission.");
    let error = live(&server, &Memory::settled()).await.unwrap_err();
    assert!(matches!(error, TargetError::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn odd_data_is_reported_and_read_all_the_same() {
    let server = with(|world| {
        world.users.push(json!({"id": "i20", "email": "x@corp.example", "type": "activeUser"}));
        world.users.push(json!({"userId": "u21", "email": "no address", "type": "activeUser", "status": 5}));
        world.users.push(json!({"userId": "u22", "email": null, "type": null, "extra": {"deep": [1]}}));
        world.users.push(json!({"userId": "u3", "email": "double@corp.example", "type": "activeUser"}));
        world
            .users
            .push(json!({"userId": "u23", "email": "d@corp.example", "type": "deactivatedUser", "status": "archived"}));
        world
            .users
            .push(json!({"userId": "u24", "email": "p@corp.example", "type": "activeUser", "status": "pending"}));
        world.users.push(Value::Null);
    })
    .await;
    let body = r#"[{"id":"g1","name":"One","orgId":"org"},{"id":"g2","orgId":"other"},{"name":"no id"},{"id":"g1","name":"again","orgId":"org"},7]"#;
    server.always("GET", "/groups", 200, body);
    let body =
        r#"[{"groupId":"g1","userIds":["u2 u1","u1",null]},{"groupId":"g1","userIds":["u4"]},{"userIds":["u5"]}]"#;
    server.always("GET", "/groups/users", 200, body);
    let state = live(&server, &Memory::default()).await.unwrap();
    assert!(state.members(state.group(&GroupId::from("g1")).unwrap()).eq(&ids::<AccountId>("u1 u2 u4")));
    assert_eq!(state.organisation.as_deref(), Some("org"));
    let standing =
        |id: &str| state.account(&AccountId::from(id)).map(|account| (account.standing, account.email.is_some()));
    assert_eq!(standing("u21"), Some((Standing::Inactive, false)));
    assert_eq!(standing("u22"), Some((Standing::Ineligible, false)));
    assert_eq!(standing("u23"), Some((Standing::Deactivated, true)));
    assert_eq!(standing("u24"), Some((Standing::Inactive, true)));
    assert_eq!(standing("u3").map(|found| found.0), Some(Standing::Ineligible), "listed twice");
    assert_eq!(standing("i20"), None);
    let problems: Vec<String> = state.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "i20",
        "u21",
        "u3",
        "list of users: 1 entries",
        "g2: has no name",
        "\"no id\": has no id",
        "g1: is listed more than once",
        "list of groups: 1 entries",
        "different organisations",
        "g1: 1 entries",
        "memberships more than once",
        "no groupId",
    ];
    for part in expected {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
}

#[tokio::test]
async fn round_numbers_of_rows_are_warned_of() {
    for (rows, warned) in [(24, 0), (25, 1), (50, 1), (100, 1), (101, 0), (1000, 1)] {
        let server = with(|world| {
            while world.users.len() < rows {
                let id = format!("more{}", world.users.len());
                world.users.push(json!({"userId": id, "type": "contact"}));
            }
        })
        .await;
        let state = live(&server, &Memory::settled()).await.unwrap();
        assert_eq!(state.problems.len(), warned, "{rows}: {:?}", state.problems);
    }
}

#[tokio::test]
async fn which_id_groups_hold_is_found_out() {
    let by_id =
        |world: &mut World| world.groups.get_mut("g1").unwrap().members = ids::<String>("i1 i2").into_iter().collect();
    let state = live(&with(by_id).await, &Memory::default()).await.unwrap();
    assert_eq!((state.member_id, state.member_id_proven, state.own.as_str()), (MemberIdKind::Id, true, "i-me"));
    assert!(state.account(&AccountId::from("i1")).is_some());

    let both =
        |world: &mut World| world.groups.get_mut("g1").unwrap().members = ids::<String>("u1 i2").into_iter().collect();
    let server = with(both).await;
    let error = live(&server, &Memory::default()).await.unwrap_err();
    assert!(error.help().contains("hyperproof.member_id"), "{error:?}");
    let mut settings = server.settings();
    settings.member_id = Some(MemberIdKind::UserId);
    let state = Client::new(&settings).unwrap().reader().live(Memory::default().known()).await.unwrap();
    assert_eq!((state.member_id, state.member_id_proven), (MemberIdKind::UserId, true));

    let mut memory = Memory::settled();
    memory.member_id = Some(MemberIdKind::Id);
    lies(live(&Server::start().await, &memory).await);

    // Members that are no eligible accounts decide nothing.
    let contact = |world: &mut World| {
        world.users.push(json!({"id": "ic", "userId": "uc", "type": "contact"}));
        world.groups.get_mut("g1").unwrap().members = ids::<String>("ic stranger").into_iter().collect();
    };
    let state = live(&with(contact).await, &Memory::default()).await.unwrap();
    assert_eq!((state.member_id, state.member_id_proven), (MemberIdKind::UserId, false));
}
