//! Setting and clearing a group's lead.

use rosterd::model::id::{AccountId, GroupId};
use rosterd::model::run::ChangeResult;

use super::server::{Action, Server, Style};

fn lead_of(server: &Server) -> Option<String> {
    server.world().groups["g1"].lead.clone()
}

#[tokio::test]
async fn a_lead_is_set_and_cleared_in_one_call() {
    let server = Server::start().await;
    let writer = server.client().writer();
    let group = GroupId::from("g1");
    let set = writer.set_lead(&group, &AccountId::from("u5")).await;
    assert_eq!((set.result, set.read_back, set.call.status), (ChangeResult::Done, None, Some(200)));
    assert_eq!(lead_of(&server).as_deref(), Some("u5"));
    let cleared = writer.clear_lead(&group).await;
    assert_eq!((cleared.result, cleared.read_back), (ChangeResult::Done, None));
    assert_eq!(lead_of(&server), None);
    assert_eq!(server.lines(), ["PATCH /v1/groups/g1", "PATCH /v1/groups/g1"]);
}

#[tokio::test]
async fn a_reply_that_does_not_show_it_is_read_after() {
    for style in [Style::Empty, Style::Echo] {
        let server = Server::start().await;
        server.world().style = style;
        server.world().ignored.insert("u6".into());
        let writer = server.client().writer();
        let group = GroupId::from("g1");
        let set = writer.set_lead(&group, &AccountId::from("u5")).await;
        assert_eq!((set.result, set.read_back), (ChangeResult::Done, Some(true)), "{style:?}");
        let ignored = writer.set_lead(&group, &AccountId::from("u6")).await;
        assert_eq!((ignored.result.as_str(), ignored.read_back), ("failed", Some(false)), "{style:?}");
        let cleared = writer.clear_lead(&group).await;
        assert_eq!((cleared.result, cleared.read_back), (ChangeResult::Done, Some(true)), "{style:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_from_already_so() {
    let server = Server::start().await;
    server.world().bad.extend(["u1".to_owned(), "u2".to_owned()]);
    let writer = server.client().writer();
    let group = GroupId::from("g1");
    let so = writer.set_lead(&group, &AccountId::from("u1")).await;
    assert_eq!((so.result, so.read_back), (ChangeResult::AlreadySo, Some(true)));
    let not = writer.set_lead(&group, &AccountId::from("u2")).await;
    assert_eq!((not.result.as_str(), not.read_back), ("failed", Some(false)));
    let gone = writer.set_lead(&GroupId::from("g9"), &AccountId::from("u2")).await;
    assert!(gone.result.error().unwrap().contains("404") && gone.stop.is_none());
}

#[tokio::test]
async fn a_lost_answer_is_repeated_or_read_after() {
    for action in [Action::CutAfter, Action::FailAfter, Action::Cut] {
        let server = Server::start().await;
        server.fault("PATCH", "/groups/g1", 0, 1, action.clone());
        let set = server.client().writer().set_lead(&GroupId::from("g1"), &AccountId::from("u5")).await;
        assert_eq!((set.result, set.call.attempts), (ChangeResult::Done, 2), "{action:?}");
    }
    let server = Server::start().await;
    server.fault("PATCH", "/groups/g1", 0, 9, Action::CutAfter);
    let set = server.client().writer().set_lead(&GroupId::from("g1"), &AccountId::from("u5")).await;
    assert_eq!((set.result, set.read_back, set.call.attempts), (ChangeResult::Done, Some(true), 3));
}
