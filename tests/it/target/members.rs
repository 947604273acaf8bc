//! Adding and removing members.

use rosterd::model::id::{AccountId, GroupId};
use rosterd::target::{Client, TargetError, Written};

use super::server::{Action, Server, Style, ids};

async fn add(server: &Server, group: &str, accounts: &str) -> Written {
    server.client().writer().add_members(&GroupId::from(group), &ids(accounts)).await
}

async fn remove(server: &Server, group: &str, accounts: &str) -> Written {
    server.client().writer().remove_members(&GroupId::from(group), &ids(accounts)).await
}

/// `account=result` of each, with `+` and `-` for what a read afterwards showed.
fn told(written: &Written) -> String {
    let one = |member: &rosterd::target::MemberResult| {
        let read = member.read_back.map_or("", |so| if so { "+" } else { "-" });
        format!("{}={}{read}", member.account, member.result.as_str())
    };
    written.members.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_batch_is_one_call_and_the_reply_is_compared() {
    let server = Server::start().await;
    let added = add(&server, "g1", "u4 u3").await;
    assert_eq!(told(&added), "u4=done u3=done", "in the order of the request");
    let removed = remove(&server, "g1", "u1 u4").await;
    assert_eq!(told(&removed), "u1=done u4=done");
    assert_eq!(server.members("g1"), "u2 u3");
    assert_eq!(server.lines(), ["POST /v1/groups/g1/users", "PUT /v1/groups/g1/users/delete"]);
    let call = &removed.members[0].call;
    assert_eq!((call.method, call.path.as_str()), ("PUT", "/v1/groups/g1/users/delete"));
    assert_eq!((call.status, call.attempts), (Some(200), 1));
    let sent = server.world().log[1].body.to_string();
    assert_eq!(sent, r#"{"userIds":["u3","u4"]}"#);
}

#[tokio::test]
async fn a_reply_that_proves_nothing_is_read_after_once() {
    for style in [Style::Echo, Style::Changed, Style::Without, Style::Empty, Style::Html] {
        let server = Server::start().await;
        server.world().style = style;
        server.world().ignored.extend(["u5".to_owned(), "u2".to_owned()]);
        assert_eq!(told(&add(&server, "g1", "u4").await), "u4=done+", "{style:?}");
        assert_eq!(told(&remove(&server, "g1", "u4").await), "u4=done+", "{style:?}");
        assert_eq!(server.count("GET"), 2, "{style:?}");
        // Silently refused: never counted as done, whatever the reply says.
        assert_eq!(told(&add(&server, "g1", "u4 u5").await), "u4=done+ u5=failed-", "{style:?}");
        assert_eq!(told(&remove(&server, "g1", "u1 u2").await), "u1=done+ u2=failed-", "{style:?}");
    }
}

/// That additions are answered with the members says nothing of an answer to a removal with nobody in it.
#[tokio::test]
async fn an_empty_answer_to_a_removal_is_not_proven_by_an_addition() {
    let server = Server::start().await;
    let writer = server.client().writer();
    assert_eq!(told(&writer.add_members(&"g1".into(), &ids("u3")).await), "u3=done");
    server.fault("PUT", "/groups/g1/users/delete", 0, 1, Action::Reply(200, &[], r#"{"userIds":[]}"#.into()));
    assert_eq!(told(&writer.remove_members(&"g1".into(), &ids("u2")).await), "u2=failed-");
    // Nor is one to an addition by a removal.
    let writer = server.client().writer();
    assert_eq!(told(&writer.remove_members(&"g1".into(), &ids("u2")).await), "u2=done");
    server.fault("POST", "/groups/g2/users", 0, 1, Action::Reply(200, &[], r#"{"userIds":["u4"]}"#.into()));
    assert_eq!(told(&writer.add_members(&"g2".into(), &ids("u4")).await), "u4=failed-");
}

#[tokio::test]
async fn a_change_that_is_silently_not_made_is_not_done() {
    let server = Server::start().await;
    server.world().ignored.insert("u5".into());
    assert_eq!(told(&add(&server, "g1", "u4 u5").await), "u4=done u5=failed-");
    assert_eq!(told(&add(&server, "g2", "u5").await), "u5=failed-");
}

#[tokio::test]
async fn a_server_that_has_shown_how_it_replies_is_believed() {
    // The first members of an empty group look like an echo.
    let server = Server::start().await;
    let writer = server.client().writer();
    let add = async |group: &str, who: &str| told(&writer.add_members(&GroupId::from(group), &ids(who)).await);
    assert_eq!(add("g2", "u1").await, "u1=done+");
    assert_eq!(add("g2", "u2").await, "u2=done");
    let emptied = writer.remove_members(&GroupId::from("g2"), &ids("u1 u2")).await;
    assert_eq!(told(&emptied), "u1=done+ u2=done+", "additions do not stand for removals");
    assert_eq!(add("g2", "u3").await, "u3=done");
    assert_eq!(server.count("GET"), 2);
    let some = writer.remove_members(&GroupId::from("g1"), &ids("u1")).await;
    assert_eq!(told(&some), "u1=done", "somebody is left, and named");
    let all = writer.remove_members(&GroupId::from("g1"), &ids("u2")).await;
    assert_eq!(told(&all), "u2=done");
    assert_eq!(server.count("GET"), 2);
}

#[tokio::test]
async fn a_read_that_is_behind_is_read_again() {
    let server = Server::start().await;
    server.world().style = Style::Empty;
    server.world().stale_reads = 1;
    assert_eq!(told(&add(&server, "g1", "u4").await), "u4=done+");
    server.world().stale_reads = 2;
    let behind = add(&server, "g1", "u5").await;
    assert_eq!(told(&behind), "u5=failed-");
    assert!(behind.members[0].result.error().unwrap().starts_with("not confirmed"));
}

#[tokio::test]
async fn already_so_is_success() {
    let server = Server::start().await;
    server.world().strict = true;
    assert_eq!(told(&add(&server, "g1", "u1 u3 u4").await), "u1=already_so+ u3=done u4=done");
    assert_eq!(told(&add(&server, "g1", "u1").await), "u1=already_so+");
    assert_eq!(told(&remove(&server, "g1", "u1 u9").await), "u1=done u9=already_so+");
    assert_eq!(told(&remove(&server, "g1", "u9").await), "u9=already_so+");
    assert_eq!(server.members("g1"), "u2 u3 u4");
}

#[tokio::test]
async fn a_batch_is_halved_until_the_culprit_stands_alone() {
    for bad in ["u3", "u8", "u3 u4", "u3 u9 u5"] {
        let server = Server::start().await;
        server.world().bad = ids::<String>(bad).into_iter().collect();
        let written = add(&server, "g1", "u3 u4 u5 u6 u7 u8 u9").await;
        for member in &written.members {
            let is_bad = bad.split(' ').any(|id| id == member.account.as_str());
            assert_eq!(member.result.as_str(), if is_bad { "failed" } else { "done" }, "{bad}: {member:?}");
            if is_bad {
                assert!(member.result.error().unwrap().contains("is not known"));
            }
        }
        assert!(server.count("POST /v1/groups/g1/users") <= 2 * 7);
    }
}

#[tokio::test]
async fn a_batch_that_is_too_big_is_halved() {
    let server = Server::start().await;
    server.world().most = 2;
    let written = add(&server, "g1", "u3 u4 u5 u6 u7").await;
    assert!(written.members.iter().all(|member| member.result.is_so()), "{}", told(&written));
    assert_eq!(server.members("g1"), "u1 u2 u3 u4 u5 u6 u7");
}

#[tokio::test]
async fn a_refusal_of_the_group_is_not_halved() {
    let server = Server::start().await;
    let gone = add(&server, "g9", "u3 u4 u5").await;
    assert_eq!(told(&gone), "u3=failed u4=failed u5=failed");
    assert_eq!(server.lines(), ["POST /v1/groups/g9/users", "GET /v1/groups/g9"]);
    assert!(gone.stop.is_none());

    let server = Server::start().await;
    server.always("POST", "/groups/g1/users", 403, "You lack permission.");
    let forbidden = add(&server, "g1", "u3 u4").await;
    assert_eq!(told(&forbidden), "u3=failed u4=failed");
    assert!(forbidden.stop.is_none() && forbidden.members[0].result.error().unwrap().contains("lack permission"));
    assert_eq!(server.lines().len(), 1);
    assert_eq!(told(&add(&server, "g2", "u3").await), "u3=done+", "other groups go on");
}

#[tokio::test]
async fn membership_writes_are_repeated_after_a_lost_answer() {
    for action in [Action::Cut, Action::CutAfter, Action::FailAfter, Action::Half] {
        for strict in [false, true] {
            let server = Server::start().await;
            server.world().strict = strict;
            server.fault("POST", "/groups/g1/users", 0, 1, action.clone());
            let written = add(&server, "g1", "u3 u4").await;
            assert!(
                written.members.iter().all(|member| member.result.as_str() == "done"),
                "{action:?} {}",
                told(&written)
            );
            assert_eq!(server.members("g1"), "u1 u2 u3 u4");
        }
    }
}

#[tokio::test]
async fn when_every_answer_is_lost_the_members_decide() {
    for (action, expected) in
        [(Action::CutAfter, "u3=done+"), (Action::FailAfter, "u3=done+"), (Action::Cut, "u3=failed-")]
    {
        let server = Server::start().await;
        server.fault("POST", "/groups/g1/users", 0, 9, action);
        assert_eq!(told(&add(&server, "g1", "u3").await), expected);
        assert_eq!(server.count("POST /v1/groups/g1/users"), 3);
    }
    let server = Server::start().await;
    server.fault("POST", "/groups/g1/users", 0, 9, Action::CutAfter);
    server.always("GET", "/groups/g1/users", 500, "");
    let written = add(&server, "g1", "u3").await;
    assert_eq!(told(&written), "u3=failed");
}

#[tokio::test]
async fn a_refused_sign_in_stops_and_says_what_was_not_tried() {
    let server = Server::start().await;
    server.world().bad.insert("u3".into());
    // The batch is refused, then a half of it goes through, then the sign-in ends.
    server.fault("POST", "/groups/g1/users", 2, 9, Action::Reply(401, &[], "no".into()));
    let written = add(&server, "g1", "u3 u4 u5 u6").await;
    assert!(matches!(written.stop, Some(TargetError::Auth { .. })), "{:?}", written.stop);
    assert_eq!(told(&written), "u3=failed u4=not_tried u5=not_tried u6=not_tried");
}

#[tokio::test]
async fn throttling_beyond_patience_stops_with_its_end() {
    let server = Server::start().await;
    server.fault("POST", "/groups/g1/users", 0, 1, Action::Reply(429, &[("Retry-After", "600")], String::new()));
    let written = add(&server, "g1", "u3 u4").await;
    assert!(written.stop.as_ref().and_then(TargetError::until).is_some());
    assert_eq!(told(&written), "u3=not_tried u4=not_tried");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_throttled_attempt_after_a_lost_one_may_have_been_done() {
    let server = Server::start().await;
    server.fault("POST", "/groups/g1/users", 0, 1, Action::CutAfter);
    server.fault("POST", "/groups/g1/users", 0, 1, Action::Reply(429, &[("Retry-After", "600")], String::new()));
    let written = add(&server, "g1", "u3").await;
    assert!(written.stop.is_some());
    assert!(written.members[0].result.error().unwrap().contains("may have been done"), "{}", told(&written));
}

#[tokio::test]
async fn nobody_to_change_costs_nothing() {
    let server = Server::start().await;
    let written = add(&server, "g1", "").await;
    assert_eq!((written.members.len(), written.stop, server.lines().len()), (0, None, 0));
    let accounts: Vec<AccountId> = ids("u3 u3");
    let written = server.client().writer().add_members(&GroupId::from("g1"), &accounts).await;
    assert_eq!(written.members.len(), 2);
    assert_eq!(server.world().log[1].body["userIds"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_fails_the_change_and_not_the_run() {
    let server = Server::start().await;
    let client = server.client();
    client.reader().own().await.unwrap();
    let mut settings = server.settings();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    settings.api_url = format!("http://{closed}/v1");
    let written = Client::new(&settings).unwrap().writer().add_members(&GroupId::from("g1"), &ids("u3")).await;
    assert_eq!(told(&written), "u3=failed");
    assert!(written.stop.is_none());
    assert_eq!(written.members[0].call.attempts, 3);
}
