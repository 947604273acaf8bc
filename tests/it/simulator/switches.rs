//! Every switch, by its effect.

use reqwest::Method;
use rosterd::simulator::{
    AddPresent, Admission, ArchivedWrite, CreateStatus, DeactivatedMembers, DuplicateName, Emails, ErrorBody,
    ExpiresIn, GroupStatus, GroupUserIds, Leniency, MemberId, NameCase, Presence, RateLimit, RemoveAbsent,
    StatusParameter, Switches, Timestamps, TrailingSlash, UserStatus, UserType, WriteReply, WrongIdKind,
};
use serde_json::{Value, json};

use super::{Bench, got, sorted, texts};

async fn bench(set: impl FnOnce(&mut Switches)) -> Bench {
    Bench::with(|world| set(&mut world.switches)).await
}

#[tokio::test]
async fn groups_hold_either_kind_of_id() {
    let bench = bench(|switches| switches.member_id = MemberId::Id).await;
    let world = bench.simulator.world();
    let id = |email: &str| world.user(email).unwrap().id.clone();
    let cy = id("cy@corp.example");
    assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 400);
    let reply = bench.add(&[&cy]).await;
    let expected = [id("ann@corp.example"), id("bob@corp.example"), cy.clone()];
    let mut shown = texts(&reply.body["userIds"]);
    shown.sort_unstable();
    assert_eq!(shown, sorted(&expected.each_ref().map(String::as_str)));
    assert_eq!(bench.patch(json!({ "groupLeadId": cy })).await.body["groupLeadId"], json!(cy));
}

#[tokio::test]
async fn the_wrong_kind_of_id() {
    for (choice, status, members) in
        [(WrongIdKind::Reject, 400, 2), (WrongIdKind::Ignore, 200, 2), (WrongIdKind::Accept, 200, 3)]
    {
        let bench = bench(|switches| switches.wrong_id_kind = choice).await;
        let wrong = bench.simulator.world().user("cy@corp.example").unwrap().id.clone();
        assert_eq!((bench.add(&[&wrong]).await.status, bench.staff().len()), (status, members), "{choice:?}");
    }
}

#[tokio::test]
async fn a_present_member_added_and_an_absent_one_removed() {
    for (choice, status) in [(AddPresent::Ok, 200), (AddPresent::Conflict, 409), (AddPresent::BadRequest, 400)] {
        let bench = bench(|switches| switches.add_present = choice).await;
        assert_eq!(bench.add(&[&bench.ids.cy, &bench.ids.ann]).await.status, status, "{choice:?}");
        assert_eq!(bench.staff().len(), if status == 200 { 3 } else { 2 });
    }
    for (choice, status) in [(RemoveAbsent::Ok, 200), (RemoveAbsent::NotFound, 404), (RemoveAbsent::BadRequest, 400)] {
        let bench = bench(|switches| switches.remove_absent = choice).await;
        assert_eq!(bench.remove(&[&bench.ids.ann, &bench.ids.cy]).await.status, status, "{choice:?}");
        assert_eq!(bench.staff().len(), if status == 200 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn who_may_become_a_member() {
    type Set = fn(&mut Switches, Admission);
    let kinds: [(Set, UserType, UserStatus); 4] = [
        (|switches, choice| switches.contact = choice, UserType::Contact, UserStatus::Active),
        (|switches, choice| switches.deactivated = choice, UserType::DeactivatedUser, UserStatus::Archived),
        (|switches, choice| switches.pending = choice, UserType::ActiveUser, UserStatus::Pending),
        (|switches, choice| switches.service_account = choice, UserType::ServiceAccount, UserStatus::Active),
    ];
    for (set, kind, state) in kinds {
        for (choice, status, members) in
            [(Admission::Accept, 200, 4), (Admission::Ignore, 200, 3), (Admission::Reject, 400, 2)]
        {
            let bench = Bench::with(|world| {
                set(&mut world.switches, choice);
                world.add_user_of("odd@corp.example", kind);
                world.user_mut("odd@corp.example").unwrap().status = state;
            })
            .await;
            let odd = bench.simulator.world().user("odd@corp.example").unwrap().user_id.clone();
            let reply = bench.add(&[&bench.ids.cy, &odd]).await;
            assert_eq!((reply.status, bench.staff().len()), (status, members), "{kind:?} {choice:?}");
        }
    }
}

#[tokio::test]
async fn who_may_not_come_in_may_still_leave() {
    for kind in [UserType::Contact, UserType::DeactivatedUser, UserType::ServiceAccount] {
        let bench = Bench::with(|world| {
            world.switches.contact = Admission::Reject;
            world.user_mut("ann@corp.example").unwrap().kind = kind;
        })
        .await;
        assert_eq!(bench.add(&[&bench.ids.ann]).await.status, 400, "{kind:?}");
        assert_eq!(bench.remove(&[&bench.ids.ann]).await.status, 200, "{kind:?}");
        assert_eq!(bench.staff(), ["bob@corp.example"]);
    }
}

#[tokio::test]
async fn an_unknown_user() {
    let stranger = "00000000-0000-4000-8000-000000000000";
    for (choice, status, members) in
        [(Admission::Reject, 400, 2), (Admission::Ignore, 200, 3), (Admission::Accept, 200, 4)]
    {
        let bench = bench(|switches| switches.unknown_user = choice).await;
        assert_eq!(bench.add(&[&bench.ids.cy, stranger]).await.status, status);
        assert_eq!(bench.staff().len(), members, "{choice:?}");
    }
    // A member whom no list knows can be removed all the same.
    let bench = Bench::with(|world| {
        world.group_mut("Staff").unwrap().strangers.insert(stranger.to_owned());
    })
    .await;
    assert!(texts(&bench.get(&bench.members_path()).await.body["userIds"]).contains(&stranger));
    assert_eq!(bench.remove(&[stranger]).await.status, 200);
    assert_eq!(bench.staff().len(), 2);
}

#[tokio::test]
async fn odd_lists() {
    for (choice, status) in [(Leniency::Ok, 200), (Leniency::BadRequest, 400)] {
        let bench = bench(|switches| (switches.empty_user_ids, switches.duplicates) = (choice, choice)).await;
        assert_eq!(bench.add(&[]).await.status, status);
        assert_eq!(bench.remove(&[]).await.status, status);
        assert_eq!(bench.add(&[&bench.ids.cy, &bench.ids.cy]).await.status, status);
    }
    let bench = bench(|switches| switches.max_batch = Some(1)).await;
    assert_eq!(bench.remove(&[&bench.ids.ann, &bench.ids.bob]).await.status, 400);
    assert_eq!(bench.remove(&[&bench.ids.ann]).await.status, 200);
}

#[tokio::test]
async fn replies_to_membership_changes() {
    for (choice, status, expected) in [
        (WriteReply::After, 200, Some(3)),
        (WriteReply::Changed, 200, Some(1)),
        (WriteReply::Echo, 200, Some(2)),
        (WriteReply::Empty, 204, None),
    ] {
        let bench = bench(|switches| switches.write_reply = choice).await;
        let reply = bench.add(&[&bench.ids.ann, &bench.ids.cy]).await;
        let shown = reply.body["userIds"].as_array().map(Vec::len);
        assert_eq!((reply.status, shown), (status, expected), "{choice:?}");
    }
}

#[tokio::test]
async fn what_group_bodies_and_lists_show() {
    for (choice, plain, expanded) in
        [(GroupUserIds::Always, true, true), (GroupUserIds::OnExpand, false, true), (GroupUserIds::Never, false, false)]
    {
        let bench = bench(|switches| switches.group_user_ids = choice).await;
        assert_eq!(bench.get("/groups").await.body[0]["userIds"].is_array(), plain);
        assert_eq!(bench.get("/groups?expand=userIds").await.body[0]["userIds"].is_array(), expanded);
    }
    for (choice, entries) in [(true, 2), (false, 1)] {
        let bench = Bench::with(|world| {
            world.add_group("Empty", &[]);
            world.switches.empty_group_entry = choice;
            world.switches.group_status_field = choice;
        })
        .await;
        assert_eq!(bench.get("/groups/users").await.body.as_array().unwrap().len(), entries);
        assert_eq!(bench.get("/groups").await.body[0]["status"] == "active", choice);
    }
}

async fn with_archived(set: impl FnOnce(&mut Switches)) -> (Bench, String) {
    let bench = Bench::with(|world| {
        world.add_group("Old", &["ann@corp.example"]);
        world.group_mut("Old").unwrap().status = GroupStatus::Archived;
        set(&mut world.switches);
    })
    .await;
    let id = bench.simulator.world().group("Old").unwrap().id.clone();
    (bench, id)
}

#[tokio::test]
async fn archived_groups_in_lists() {
    for (listed, parameter, expected) in [
        (false, StatusParameter::Honoured, [1, 1, 1, 2]),
        (true, StatusParameter::Honoured, [2, 1, 1, 2]),
        (false, StatusParameter::Ignored, [1, 1, 1, 1]),
        (true, StatusParameter::Ignored, [2, 2, 2, 2]),
    ] {
        let (bench, _) = with_archived(|switches| {
            (switches.archived_listed, switches.status_parameter) = (listed, parameter);
        })
        .await;
        for path in ["/groups", "/groups/users"] {
            let mut counts = Vec::new();
            for query in ["", "?status=active", "?status=archived", "?status=active,archived"] {
                counts.push(bench.get(&format!("{path}{query}")).await.body.as_array().unwrap().len());
            }
            assert_eq!(counts, expected, "{path} {listed} {parameter:?}");
        }
    }
}

#[tokio::test]
async fn archived_groups_by_id() {
    for (choice, status) in [(Presence::Ok, 200), (Presence::NotFound, 404)] {
        let (bench, id) = with_archived(|switches| switches.archived_by_id = choice).await;
        assert_eq!(bench.get(&format!("/groups/{id}")).await.status, status);
        assert_eq!(bench.get(&format!("/groups/{id}/users")).await.status, status);
    }
    for (choice, status) in [(ArchivedWrite::Ok, 200), (ArchivedWrite::NotFound, 404), (ArchivedWrite::BadRequest, 400)]
    {
        let (bench, id) = with_archived(|switches| switches.archived_write = choice).await;
        let body = json!({ "userIds": [bench.ids.cy] });
        assert_eq!(bench.send(Method::POST, &format!("/groups/{id}/users"), body).await.status, status);
        let body = json!({ "name": "Older" });
        assert_eq!(bench.send(Method::PATCH, &format!("/groups/{id}"), body).await.status, status);
    }
}

#[tokio::test]
async fn taken_names() {
    for (choice, status) in
        [(DuplicateName::BadRequest, 400), (DuplicateName::Conflict, 409), (DuplicateName::Allowed, 200)]
    {
        let (bench, _) = with_archived(|switches| switches.duplicate_name = choice).await;
        assert_eq!(bench.create(json!({ "name": "Staff" })).await.status, status);
        assert_eq!(bench.create(json!({ "name": "sTAFF" })).await.status, status);
        assert_eq!(bench.create(json!({ "name": "Old" })).await.status, status);
        assert_eq!(bench.patch(json!({ "name": "Old" })).await.status, status);
        // A group may take its own name in another case.
        assert_eq!(bench.patch(json!({ "name": "STAFF" })).await.status, 200);
    }
    let (bench, _) = with_archived(|switches| {
        switches.name_case = NameCase::Exact;
        switches.archived_names_count = false;
        switches.create_status = CreateStatus::Created;
    })
    .await;
    assert_eq!(bench.create(json!({ "name": "Staff" })).await.status, 400);
    assert_eq!(bench.create(json!({ "name": "staff" })).await.status, 201);
    assert_eq!(bench.create(json!({ "name": "Old" })).await.status, 201);
}

#[tokio::test]
async fn members_who_were_deactivated_and_leads() {
    for (choice, members) in [(DeactivatedMembers::Stay, 2), (DeactivatedMembers::Vanish, 1)] {
        let bench = Bench::with(|world| {
            world.user_mut("ann@corp.example").unwrap().kind = UserType::DeactivatedUser;
            world.switches.deactivated_members = choice;
        })
        .await;
        assert_eq!(bench.get(&bench.members_path()).await.body["userIds"].as_array().unwrap().len(), members);
    }
    for (choice, members) in [(true, 3), (false, 2)] {
        let bench = bench(|switches| switches.lead_is_member = choice).await;
        bench.patch(json!({ "groupLeadId": bench.ids.cy })).await;
        assert_eq!(bench.staff().len(), members);
    }
    let bench = Bench::with(|world| {
        world.user_mut("cy@corp.example").unwrap().kind = UserType::Contact;
    })
    .await;
    assert_eq!(bench.patch(json!({ "groupLeadId": bench.ids.cy })).await.status, 400);
}

#[tokio::test]
async fn membership_changes_and_updated_on() {
    for choice in [true, false] {
        let bench = bench(|switches| switches.membership_moves_updated_on = choice).await;
        bench.add(&[&bench.ids.cy]).await;
        let group = bench.get(&format!("/groups/{}", bench.ids.staff)).await.body;
        assert_eq!(group["updatedOn"] != group["createdOn"], choice);
    }
}

#[tokio::test]
async fn a_role_that_is_too_low() {
    let bench = bench(|switches| {
        (switches.blind_users, switches.blind_groups, switches.blind_memberships) = (true, true, true);
        switches.writes_forbidden = true;
    })
    .await;
    for path in ["/users", "/groups", "/groups/users"] {
        let reply = bench.get(path).await;
        assert_eq!((reply.status, reply.body), (200, json!([])), "{path}");
    }
    // Asked for by its id, the group is there after all.
    assert_eq!(bench.get(&format!("/groups/{}", bench.ids.staff)).await.status, 200);
    assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 403);
    assert_eq!(bench.staff().len(), 2);
}

#[tokio::test]
async fn a_cap_on_lists() {
    let bench = bench(|switches| switches.list_cap = Some(2)).await;
    assert_eq!(bench.get("/users").await.body.as_array().unwrap().len(), 2);
    bench.create(json!({ "name": "B" })).await;
    bench.create(json!({ "name": "C" })).await;
    assert_eq!(bench.get("/groups").await.body.as_array().unwrap().len(), 2);
    assert_eq!(bench.get("/groups/users").await.body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_users_show() {
    for (choice, shown) in [(Emails::All, 4), (Emails::NotServiceAccounts, 3), (Emails::Nobody, 0)] {
        let bench = Bench::with(|world| {
            world.switches.emails = choice;
            world.switches.user_status_field = false;
            let account = world.client.account.clone();
            world.user_mut(&account).unwrap().email = Some("bot@corp.example".to_owned());
            world.user_mut("ann@corp.example").unwrap().overlay = odd();
        })
        .await;
        let rows = bench.get("/users").await.body;
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.iter().filter(|row| row.get("email").is_some()).count(), shown, "{choice:?}");
        assert!(rows.iter().all(|row| row.get("status").is_none()));
        assert!(rows.iter().any(|row| row["surname"].is_null() && row["team"] == json!([1])));
    }
}

fn odd() -> serde_json::Map<String, Value> {
    json!({ "surname": null, "team": [1] }).as_object().unwrap().clone()
}

#[tokio::test]
async fn timestamps_and_token_life() {
    let bench = bench(|switches| switches.timestamps = Timestamps::Zulu).await;
    assert_eq!(bench.get("/groups").await.body[0]["createdOn"], "2023-01-01T00:00:00Z");
    for (choice, expected) in
        [(ExpiresIn::Number, json!(60)), (ExpiresIn::Text, json!("60")), (ExpiresIn::Missing, Value::Null)]
    {
        let bench = self::bench(|switches| {
            (switches.expires_in, switches.token_life_seconds) = (choice, 60);
        })
        .await;
        assert_eq!(bench.ask_token(json!({})).await.body["expires_in"], expected);
    }
    let bench = self::bench(|switches| switches.token_life_seconds = 0).await;
    assert_eq!(bench.get("/groups").await.status, 401);
    let bench = self::bench(|switches| switches.token_calls = Some(2)).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(bench.get("/groups").await.status);
    }
    assert_eq!(seen, [200, 200, 401]);
}

#[tokio::test]
async fn bodies_of_errors() {
    for (choice, expected) in [
        (ErrorBody::Gateway, json!({ "statusCode": 404, "message": "Group not found" })),
        (ErrorBody::Error, json!({ "error": "Group not found" })),
        (ErrorBody::Text, json!("Group not found")),
        (ErrorBody::Html, json!("<!DOCTYPE html><html><body><h1>Group not found</h1></body></html>")),
    ] {
        let bench = bench(|switches| switches.error_body = choice).await;
        assert_eq!(bench.get("/groups/x").await.body, expected);
    }
}

#[tokio::test]
async fn reads_that_come_too_early() {
    let bench = bench(|switches| switches.stale_reads = 2).await;
    bench.add(&[&bench.ids.cy]).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(bench.get(&bench.members_path()).await.body["userIds"].as_array().unwrap().len());
    }
    assert_eq!(seen, [2, 2, 3]);
}

#[tokio::test]
async fn slashes_at_the_end() {
    for (choice, without, with) in
        [(TrailingSlash::Both, 200, 200), (TrailingSlash::Required, 404, 200), (TrailingSlash::Forbidden, 200, 404)]
    {
        let bench = bench(|switches| switches.trailing_slash = choice).await;
        for path in ["/groups", "/users"] {
            assert_eq!(bench.get(path).await.status, without, "{choice:?} {path}");
            assert_eq!(bench.get(&format!("{path}/")).await.status, with, "{choice:?} {path}/");
        }
        assert_eq!(bench.get("/users/me").await.status, 200);
    }
}

#[tokio::test]
async fn unknown_names_are_refused_or_passed_over() {
    for (strict, status) in [(true, 400), (false, 200)] {
        let bench = bench(|switches| switches.strict = strict).await;
        assert_eq!(bench.create(json!({ "name": "X", "colour": "red" })).await.status, status);
        assert_eq!(bench.get("/users?limit=3").await.status, status);
    }
}

#[tokio::test]
async fn a_standing_limit() {
    for retry_after in [true, false] {
        let limit = RateLimit { calls: 2, window_ms: 60_000, retry_after };
        let bench = bench(|switches| switches.rate_limit = Some(limit)).await;
        assert_eq!(bench.get("/groups").await.status, 200);
        assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 200);
        let response = bench.request(Method::GET, "/groups").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 429);
        assert_eq!(response.headers().contains_key("retry-after"), retry_after);
        // Token requests go elsewhere and are not counted.
        assert_eq!(bench.ask_token(json!({})).await.status, 200);
    }
    let limit = RateLimit { calls: 1, window_ms: 1, retry_after: true };
    let bench = bench(|switches| switches.rate_limit = Some(limit)).await;
    bench.get("/groups").await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(got(bench.request(Method::GET, "/groups")).await.status, 200);
}
