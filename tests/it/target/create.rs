//! Creating a group.

use rosterd::model::id::AccountId;
use rosterd::model::run::ChangeResult;
use rosterd::target::{Created, TargetError};

use super::server::{Action, Server, ids};

async fn create(server: &Server, lead: Option<&str>, members: &str) -> Created {
    let lead = lead.map(AccountId::from);
    server.client().writer().create_group("New", lead.as_ref(), &ids(members)).await
}

fn told(created: &Created) -> String {
    let group = created.group.as_ref().map_or("-", |group| group.as_str());
    let members = created.members.iter().map(|member| format!(" {}={}", member.account, member.result.as_str()));
    let lead = created.lead.as_ref().map_or(String::new(), |lead| format!(" lead={}", lead.result.as_str()));
    format!("{group}={}{lead}{}", created.result.as_str(), members.collect::<String>())
}

#[tokio::test]
async fn a_group_its_members_and_its_lead_are_one_call() {
    let server = Server::start().await;
    let created = create(&server, Some("u1"), "u1 u2").await;
    assert_eq!(told(&created), "new2=done lead=done u1=done u2=done");
    assert_eq!(server.lines(), ["POST /v1/groups"]);
    let body = server.world().log[1].body.to_string();
    assert_eq!(body, r#"{"groupLeadId":"u1","name":"New","userIds":["u1","u2"]}"#);
    assert_eq!((created.call.method, created.call.status, created.call.attempts), ("POST", Some(200), 1));

    let server = Server::start().await;
    let alone = create(&server, None, "").await;
    assert_eq!(told(&alone), "new2=done");
    assert_eq!(server.world().log[1].body.to_string(), r#"{"name":"New"}"#);
}

#[tokio::test]
async fn a_reply_without_members_is_read_after() {
    let server = Server::start().await;
    server.world().bare_groups = true;
    server.world().ignored.insert("u2".into());
    let created = create(&server, Some("u1"), "u1 u2").await;
    assert_eq!(told(&created), "new2=done lead=done u1=done u2=failed");
    let read_back: Vec<_> = created.members.iter().map(|member| member.read_back).collect();
    assert_eq!(read_back, [Some(true), Some(false)]);
    assert_eq!(created.lead.unwrap().read_back, Some(true));
    assert_eq!(server.count("POST"), 2, "the token and the group");
}

#[tokio::test]
async fn a_reply_without_an_id_is_looked_up_by_name() {
    for body in ["", "{}", "<html>"] {
        let server = Server::start().await;
        server.world().groups.get_mut("g2").unwrap().name = "New".into();
        server.always("POST", "/groups", 200, body);
        let created = create(&server, None, "").await;
        assert_eq!((told(&created), created.read_back), ("g2=done".into(), Some(true)));
        server.world().groups.remove("g2");
        let created = create(&server, None, "u1").await;
        assert_eq!(told(&created), "-=failed u1=not_tried");
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_repeated_before_the_list_was_read() {
    for action in [Action::CutAfter, Action::FailAfter] {
        let server = Server::start().await;
        server.fault("POST", "/groups", 0, 1, action);
        let created = create(&server, Some("u1"), "u1 u2").await;
        assert_eq!(told(&created), "new2=done lead=done u1=done u2=done");
        assert_eq!(server.world().groups.len(), 3, "made once");
        assert_eq!(created.read_back, Some(true));
        assert_eq!(server.lines()[..2], ["POST /v1/groups", "GET /v1/groups"]);
        assert_eq!(server.count("POST /v1/groups"), 1);
    }
    // It had no effect: the list does not have it, so it is sent again.
    let server = Server::start().await;
    server.fault("POST", "/groups", 0, 2, Action::Cut);
    let created = create(&server, None, "u1").await;
    assert_eq!((told(&created), created.call.attempts), ("new2=done u1=done".into(), 3));
    let expected = [
        "POST /v1/groups",
        "GET /v1/groups",
        "GET /v1/groups",
        "POST /v1/groups",
        "GET /v1/groups",
        "GET /v1/groups",
        "POST /v1/groups",
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn when_nothing_can_be_known_it_is_not_sent_again() {
    let server = Server::start().await;
    server.fault("POST", "/groups", 0, 1, Action::CutAfter);
    server.always("GET", "/groups", 500, "");
    let created = create(&server, None, "u1").await;
    assert_eq!(told(&created), "-=failed u1=not_tried");
    assert!(created.result.error().unwrap().contains("could not be read"));
    assert_eq!(server.count("POST /v1/groups"), 1);

    let server = Server::start().await;
    server.fault("POST", "/groups", 0, 9, Action::Cut);
    let created = create(&server, None, "u1").await;
    assert_eq!((told(&created), created.call.attempts), ("-=failed u1=not_tried".into(), 3));
}

/// Neither list shows it, and no more is sent: that it was not made is not known all the same.
#[tokio::test]
async fn a_lost_creation_is_not_forgotten_for_a_throttle() {
    let server = Server::start().await;
    server.fault("GET", "/groups", 0, 2, Action::Reply(200, &[], "[]".into()));
    server.fault("POST", "/groups", 0, 1, Action::FailAfter);
    server.fault("POST", "/groups", 0, 1, Action::Reply(429, &[("Retry-After", "600")], String::new()));
    let created = create(&server, None, "u1").await;
    assert_eq!((created.result.as_str(), created.read_back, created.call.lost), ("failed", None, true));
    assert!(created.result.error().unwrap().contains("may have been done"), "{:?}", created.result);
    assert!(created.stop.is_some_and(|stop| stop.is_throttled()));
}

#[tokio::test]
async fn throttled_creations_are_repeated() {
    let server = Server::start().await;
    server.fault("POST", "/groups", 0, 2, Action::Reply(429, &[], String::new()));
    assert_eq!(told(&create(&server, None, "u1").await), "new2=done u1=done");
    assert_eq!(server.count("GET"), 0, "a throttled request has no effect to look for");

    let server = Server::start().await;
    server.fault("POST", "/groups", 0, 1, Action::Reply(429, &[("Retry-After", "600")], String::new()));
    let created = create(&server, None, "u1").await;
    assert_eq!(told(&created), "-=not_tried u1=not_tried");
    assert!(created.stop.is_some_and(|stop| stop.is_throttled()));
}

#[tokio::test]
async fn one_bad_member_does_not_cost_the_group() {
    let server = Server::start().await;
    server.world().bad.insert("u2".into());
    let created = create(&server, Some("u1"), "u1 u2 u3").await;
    assert_eq!(told(&created), "new2=done lead=done u1=done u2=failed u3=done");
    assert_eq!(server.members("new2"), "u1 u3");
}

#[tokio::test]
async fn a_bad_lead_does_not_cost_the_group() {
    for members in ["u1 u3", ""] {
        let server = Server::start().await;
        server.world().bad.insert("u2".into());
        let created = create(&server, Some("u2"), members).await;
        assert_eq!(created.result, ChangeResult::Done);
        let lead = created.lead.unwrap();
        assert!(lead.result.error().unwrap().contains("u2 is not known"), "{lead:?}");
        assert!(created.members.iter().all(|member| member.result.is_so()));
        assert_eq!(server.members("new2"), members);
    }
}

#[tokio::test]
async fn a_refused_group_is_a_failure_with_the_servers_words() {
    let server = Server::start().await;
    server.world().groups.get_mut("g2").unwrap().name = "New".into();
    let taken = create(&server, Some("u1"), "u1").await;
    assert_eq!(told(&taken), "-=failed lead=not_tried u1=not_tried");
    assert!(taken.result.error().unwrap().contains("the name is taken"));
    assert_eq!(server.count("POST /v1/groups"), 1);

    let server = Server::start().await;
    server.always("POST", "/groups", 403, "You lack permission.");
    let forbidden = create(&server, None, "u1").await;
    assert_eq!((told(&forbidden), forbidden.stop), ("-=failed u1=not_tried".into(), None));

    let server = Server::start().await;
    server.always("POST", "/groups", 401, "");
    let refused = create(&server, None, "u1").await;
    assert!(matches!(refused.stop, Some(TargetError::Auth { .. })));
}
