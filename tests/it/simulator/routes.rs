//! Every route, in the shapes of the vendor's pages.

use reqwest::Method;
use rosterd::simulator::{User, UserStatus, UserType, World};
use serde_json::json;

use super::{Bench, got, sorted, texts};

#[tokio::test]
async fn tokens_come_for_a_form_and_for_json() {
    let bench = Bench::new().await;
    let form = bench.ask_token(json!({})).await;
    assert_eq!(form.status, 200);
    assert_eq!(form.body["token_type"], "Bearer");
    assert_eq!(form.body["expires_in"], 3600);
    let credentials = bench.simulator.world().client;
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    });
    let reply = got(bench.client.post(bench.simulator.token_url()).json(&body)).await;
    assert_eq!(reply.status, 200);
    assert_ne!(reply.body["access_token"], form.body["access_token"]);
    let record = bench.simulator.requests().pop().unwrap();
    assert_eq!(record.body.unwrap()["client_secret"], "***");
}

#[tokio::test]
async fn bad_token_requests_are_refused() {
    let bench = Bench::new().await;
    for (changes, status, error) in [
        (json!({ "client_secret": "wrong" }), 401, "invalid_client"),
        (json!({ "client_id": "wrong" }), 401, "invalid_client"),
        (json!({ "grant_type": "password" }), 400, "unsupported_grant_type"),
        (json!({ "scope": "everything" }), 400, "invalid_scope"),
    ] {
        let reply = bench.ask_token(changes.clone()).await;
        assert_eq!((reply.status, &reply.body["error"]), (status, &json!(error)), "{changes}");
    }
    let reply = got(bench.client.post(bench.simulator.token_url())).await;
    assert_eq!(reply.status, 400);
    let reply = got(bench.client.get(bench.simulator.token_url())).await;
    assert_eq!(reply.status, 405);
}

#[tokio::test]
async fn calls_need_a_token_with_the_right_scope() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.get("/groups").await.status, 200);
    bench.simulator.expire_tokens();
    assert_eq!(bench.get("/groups").await.status, 401);
    let reply = bench.ask_token(json!({ "scope": "group.read" })).await;
    bench.token = reply.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(bench.get("/groups").await.status, 200);
    assert_eq!(bench.get("/users").await.status, 403);
    assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 403);
    let reply = got(bench.client.get(format!("{}/users", bench.simulator.api_url()))).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn users_have_the_documented_fields() {
    let bench = Bench::new().await;
    let reply = bench.get("/users").await;
    let rows = reply.body.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    let ann = rows.iter().find(|row| row["email"] == "ann@corp.example").unwrap();
    assert_eq!(ann["userId"], json!(bench.ids.ann));
    assert_ne!(ann["id"], ann["userId"]);
    assert_eq!((&ann["type"], &ann["status"]), (&json!("activeUser"), &json!("active")));
    assert!(ann.get("organizationRoleId").is_none());
    let expanded = bench.get("/users/?expand=identityProviders,organizationRoleId").await;
    assert!(expanded.body[1]["organizationRoleId"].is_string());
    assert!(expanded.body[1]["identityProviders"].is_array());
}

#[tokio::test]
async fn deactivated_users_are_listed_on_demand() {
    let bench = Bench::with(|world| {
        world.add_user_of("old@corp.example", UserType::DeactivatedUser);
        world.user_mut("cy@corp.example").unwrap().status = UserStatus::Archived;
    })
    .await;
    assert_eq!(bench.get("/users").await.body.as_array().unwrap().len(), 3);
    assert_eq!(bench.get("/users?includeDeactivated=true").await.body.as_array().unwrap().len(), 5);
    assert_eq!(bench.get("/users?includeDeactivated=perhaps").await.status, 400);
}

#[tokio::test]
async fn me_is_the_service_account_by_its_user_id() {
    let bench = Bench::new().await;
    let world = bench.simulator.world();
    let account = world.account().unwrap();
    let me = bench.get("/users/me?expand=organizations,identityProviders").await;
    assert_eq!(me.body["id"], json!(account.user_id));
    assert_ne!(account.id, account.user_id);
    assert_eq!(me.body["organizations"][0]["id"], "corp");
    let users = bench.get("/users").await;
    let row = users.body.as_array().unwrap().iter().find(|row| row["userId"] == me.body["id"]).unwrap();
    assert_eq!(row["type"], "serviceAccount");
}

#[tokio::test]
async fn groups_are_listed_and_read() {
    let bench = Bench::new().await;
    for path in ["/groups", "/groups/", "/groups?status=active", "/groups?expand=userIds"] {
        let reply = bench.get(path).await;
        assert_eq!(reply.body.as_array().unwrap().len(), 1, "{path}");
        assert_eq!(reply.body[0]["name"], "Staff");
        assert_eq!(reply.body[0].get("userIds").is_some(), path.contains("expand"));
    }
    let reply = bench.get(&format!("/groups/{}", bench.ids.staff)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["orgId"], "corp");
    assert_eq!(reply.body["createdOn"], "2023-01-01T00:00:00.0000000+00:00");
    assert_eq!(bench.get("/groups/nothing").await.status, 404);
    assert_eq!(bench.get("/groups?status=odd").await.status, 400);
    assert_eq!(bench.get("/groups?page=2").await.status, 400);
    assert_eq!(bench.get("/teams").await.status, 404);
    assert_eq!(bench.send(Method::DELETE, "/groups/x", json!({})).await.status, 405);
}

#[tokio::test]
async fn memberships_are_listed_and_read() {
    let bench = Bench::new().await;
    let all = bench.get("/groups/users").await;
    assert_eq!(all.body[0]["groupId"], json!(bench.ids.staff));
    let both = sorted(&[&bench.ids.ann, &bench.ids.bob]);
    assert_eq!(texts(&all.body[0]["userIds"]), both);
    let one = bench.get(&bench.members_path()).await;
    assert_eq!(one.body, all.body[0]);
}

#[tokio::test]
async fn a_group_is_created_with_lead_and_members() {
    let bench = Bench::new().await;
    let body = json!({ "name": "New", "groupLeadId": bench.ids.ann, "userIds": [bench.ids.cy] });
    let reply = bench.create(body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["groupLeadId"], json!(bench.ids.ann));
    assert_eq!(reply.body["createdOn"], reply.body["updatedOn"]);
    assert_eq!(bench.simulator.world().member_emails("New"), ["cy@corp.example"]);
    for bad in [
        json!({}),
        json!([]),
        json!({ "name": " " }),
        json!({ "name": 7 }),
        json!({ "name": "X", "user_ids": [] }),
        json!({ "name": "X", "userIds": "one" }),
        json!({ "name": "X", "userIds": [7] }),
        json!({ "name": "X", "groupLeadId": "nobody" }),
    ] {
        assert_eq!(bench.create(bad.clone()).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_group_is_renamed_and_given_a_lead() {
    let bench = Bench::new().await;
    let reply = bench.patch(json!({ "name": "Crew", "groupLeadId": bench.ids.bob })).await;
    assert_eq!((reply.status, &reply.body["name"]), (200, &json!("Crew")));
    assert_eq!(reply.body["groupLeadId"], json!(bench.ids.bob));
    assert_ne!(reply.body["updatedOn"], reply.body["createdOn"]);
    let both = json!({ "clearGroupLead": true, "groupLeadId": bench.ids.bob });
    assert_eq!(bench.patch(both).await.status, 400);
    let reply = bench.patch(json!({ "clearGroupLead": true })).await;
    assert!(reply.body.get("groupLeadId").is_none());
    assert_eq!(bench.patch(json!({ "userIds": [] })).await.status, 400);
    // A patch that changes nothing has no effect.
    assert_eq!(bench.patch(json!({ "name": "Crew" })).await.status, 200);
    assert!(!bench.simulator.requests().pop().unwrap().effect);
}

#[tokio::test]
async fn members_are_added_and_removed() {
    let bench = Bench::new().await;
    let added = bench.add(&[&bench.ids.cy]).await;
    assert_eq!(added.status, 200);
    assert_eq!(texts(&added.body["userIds"]), sorted(&[&bench.ids.ann, &bench.ids.bob, &bench.ids.cy]));
    let removed = bench.remove(&[&bench.ids.ann, &bench.ids.bob]).await;
    assert_eq!(texts(&removed.body["userIds"]), [&bench.ids.cy]);
    assert_eq!(bench.staff(), ["cy@corp.example"]);
    let path = bench.members_path();
    assert_eq!(bench.send(Method::POST, &path, json!({})).await.status, 400);
    assert_eq!(got(bench.request(Method::POST, &path)).await.status, 400);
    assert_eq!(got(bench.request(Method::POST, &path).body("{\"userIds\":[]}")).await.status, 400);
    // The vendor's samples put two ids into one text; the schema does not.
    let both = format!("{} {}", bench.ids.ann, bench.ids.bob);
    assert_eq!(bench.add(&[&both]).await.status, 400);
}

#[tokio::test]
async fn calls_are_recorded() {
    let bench = Bench::new().await;
    bench.get("/groups?status=active").await;
    bench.add(&[&bench.ids.cy]).await;
    bench.add(&[&bench.ids.cy]).await;
    let records = bench.simulator.requests();
    let seen: Vec<_> = records.iter().map(|r| (r.seq, r.method.as_str(), r.status, r.effect)).collect();
    let expected = [
        (1, "POST", Some(200), false),
        (2, "GET", Some(200), false),
        (3, "POST", Some(200), true),
        (4, "POST", Some(200), false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(records[1].query["status"], "active");
    assert_eq!(records[2].body, Some(json!({ "userIds": [bench.ids.cy] })));
    bench.simulator.forget_requests();
    bench.get("/groups").await;
    assert_eq!(bench.simulator.requests()[0].seq, 5);
}

/// Clients may not depend on the order of fields, but whoever compares two answers does.
#[tokio::test]
async fn lists_to_the_byte() {
    let mut world = World::new("corp");
    world.users.clear();
    let user = User { id: "o1".into(), user_id: "u1".into(), surname: "O\"Neill".into(), ..User::default() };
    world.users.push(User { email: Some("ann@corp.example".into()), ..user.clone() });
    let overlay = json!({ "zone": 1, "email": null, "a": [true] });
    let odd = overlay.as_object().unwrap().clone();
    world.users.push(User { id: "o2".into(), user_id: "u2".into(), overlay: odd.clone(), ..user });
    world.client.account = "u1".into();
    world.add_group("Staff", &["u2", "u1", "nobody"]);
    world.groups[0].id = "g1".into();
    world.groups[0].lead = Some("u2".into());
    world.groups[0].overlay = odd;
    world.groups[0].members.insert("ghost".into());
    let bench = Bench::with(|given| *given = world).await;
    let text = async |path: &str| {
        let reply = bench.request(Method::GET, path).send().await.unwrap();
        assert_eq!(reply.content_length().map(|length| length as usize), Some(reply.text().await.unwrap().len()));
        bench.request(Method::GET, path).send().await.unwrap().text().await.unwrap()
    };
    let both = r#""language":"en","locale":"US","#;
    let rest = r#""status":"active","surname":"O\"Neill","timeZone":"America/Los_Angeles","type":"activeUser","#;
    assert_eq!(
        text("/users").await,
        format!(r#"[{{"email":"ann@corp.example","givenName":"ann","id":"o1",{both}{rest}"userId":"u1"}},"#)
            + &format!(r#"{{"a":[true],"email":null,"givenName":"","id":"o2",{both}{rest}"userId":"u2","zone":1}}]"#)
    );
    let created = r#""createdOn":"2023-01-01T00:00:00.0000000+00:00""#;
    let updated = r#""updatedOn":"2023-01-01T00:00:00.0000000+00:00""#;
    assert_eq!(
        text("/groups?expand=userIds").await,
        format!(
            r#"[{{"a":[true],{created},"email":null,"groupLeadId":"u2","id":"g1","name":"Staff","orgId":"corp",{updated},"#
        ) + r#""userIds":["u1","u2","nobody"],"zone":1}]"#
    );
    let id = "82a96a09-9645-445a-8ffe-25009acff2d0";
    let memberships = format!(r#"[{{"groupId":"g1","id":"{id}","userIds":["u1","u2","nobody"]}}]"#);
    assert_eq!(text("/groups/users").await, memberships);
    // Without the one who is in no list of users, nobody is looked up one by one any more.
    bench.simulator.change(|world| world.groups[0].members.remove("ghost"));
    assert_eq!(text("/groups/users").await, memberships);
}
