//! Steering a simulator from another process.

use reqwest::Method;
use rosterd::simulator::{Edit, Simulator, World, serve};
use serde_json::{Value, json};

use super::{Bench, got};

#[tokio::test]
async fn state_and_requests_can_be_read() {
    let bench = Bench::new().await;
    let state = bench.steer(Method::GET, "state", Value::Null).await;
    assert_eq!(state.body["groups"][0]["name"], "Staff");
    let world = World::from_json(&state.body.to_string()).unwrap();
    assert_eq!(world, bench.simulator.world());
    bench.get("/users").await;
    let requests = bench.steer(Method::GET, "requests", Value::Null).await;
    assert_eq!(requests.body[1]["path"], "/v1/users");
    assert_eq!(requests.body[1]["state"], "answered");
    bench.steer(Method::DELETE, "requests", Value::Null).await;
    assert!(bench.simulator.requests().is_empty());
}

#[tokio::test]
async fn faults_can_be_ordered_and_dropped() {
    let bench = Bench::new().await;
    let one = json!({ "when": { "method": "GET", "path": "/v1/users" }, "kind": { "status": { "code": 502 } } });
    assert_eq!(bench.steer(Method::POST, "faults", one).await.body, json!({ "ids": [1] }));
    let two = json!({ "faults": [
        { "kind": { "rateLimit": { "retryAfter": { "seconds": 1 } } }, "times": 2 },
        { "kind": "forbidden", "times": null },
    ] });
    assert_eq!(bench.steer(Method::POST, "faults", two).await.body, json!({ "ids": [2, 3] }));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(bench.get("/users").await.status);
    }
    assert_eq!(seen, [502, 429, 429, 403]);
    let left = bench.steer(Method::GET, "faults", Value::Null).await.body;
    assert_eq!((left.as_array().unwrap().len(), &left[0]["id"]), (1, &json!(3)));
    assert_eq!(bench.steer(Method::DELETE, "faults/3", Value::Null).await.status, 200);
    assert_eq!(bench.steer(Method::DELETE, "faults/3", Value::Null).await.status, 404);
    assert_eq!(bench.steer(Method::DELETE, "faults", Value::Null).await.status, 200);
    assert_eq!(bench.get("/users").await.status, 200);
    let bad = bench.steer(Method::POST, "faults", json!({ "kind": "earthquake" })).await;
    assert_eq!(bad.status, 400);
    assert!(bad.body["error"].as_str().unwrap().contains("earthquake"));
    assert_eq!(bench.steer(Method::GET, "nothing", Value::Null).await.status, 404);
}

#[tokio::test]
async fn every_edit_by_hand() {
    let bench = Bench::new().await;
    let edits = json!({ "edit": [
        { "addMember": { "group": "Staff", "user": "cy@corp.example" } },
        { "removeMember": { "group": "Staff", "user": "bob@corp.example" } },
        { "addMember": { "group": "Staff", "user": "somebody-unknown" } },
        { "addUser": { "email": "dee@corp.example", "type": "contact" } },
        { "addGroup": { "name": "Two", "members": ["dee@corp.example"] } },
        { "addGroup": { "name": "Three" } },
        { "dropGroup": { "group": "Three" } },
        { "archiveGroup": { "group": "Two" } },
        { "renameGroup": { "group": "Staff", "name": "Crew" } },
        { "deactivateUser": { "user": "ann@corp.example" } },
        { "setEmail": { "user": "bob@corp.example", "email": "rob@corp.example" } },
        { "hideUser": { "user": "dee@corp.example", "hidden": true } },
        { "switches": { "maxBatch": 3, "memberId": "id" } },
    ] });
    let reply = bench.steer(Method::POST, "world", edits).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let world = bench.simulator.world();
    assert_eq!(world.member_emails("Crew"), ["ann@corp.example", "cy@corp.example", "somebody-unknown"]);
    assert_eq!(world.member_emails("Two"), ["dee@corp.example"]);
    assert!(world.user("rob@corp.example").is_some() && world.group("Three").is_none());
    assert_eq!(world.switches.max_batch, Some(3));
    assert_eq!(bench.get("/groups").await.body.as_array().unwrap().len(), 1);
    assert_eq!(bench.get("/users").await.body.as_array().unwrap().len(), 3);
    bench.simulator.edit(Edit::RestoreGroup { group: "Two".into() }).unwrap();
    bench.simulator.edit(Edit::ReactivateUser { user: "ann@corp.example".into() }).unwrap();
    assert_eq!(bench.get("/groups").await.body.as_array().unwrap().len(), 2);
    assert_eq!(bench.get("/users").await.body[1]["type"], "contact");
}

#[tokio::test]
async fn edits_are_made_together_or_not_at_all() {
    let bench = Bench::new().await;
    let before = bench.simulator.world();
    for bad in [
        json!({ "removeMember": { "group": "Nowhere", "user": "ann@corp.example" } }),
        json!({ "deactivateUser": { "user": "nobody" } }),
        json!({ "switches": { "colour": "red" } }),
        json!({ "addGroup": { "name": "" } }),
        json!({ "addUser": { "userId": bench.ids.ann } }),
    ] {
        let edits = json!({ "edit": [{ "archiveGroup": { "group": "Staff" } }, bad] });
        assert_eq!(bench.steer(Method::POST, "world", edits).await.status, 400);
        assert_eq!(bench.simulator.world(), before);
    }
}

#[tokio::test]
async fn the_world_can_be_replaced_and_tokens_expired() {
    let bench = Bench::new().await;
    let replace = json!({ "replace": { "organization": "other", "groups": [{ "name": "Only" }] } });
    assert_eq!(bench.steer(Method::POST, "world", replace).await.status, 200);
    assert_eq!(bench.get("/groups").await.body[0]["name"], "Only");
    let empty = json!({ "replace": { "organization": "" } });
    assert_eq!(bench.steer(Method::POST, "world", empty).await.status, 400);
    bench.steer(Method::POST, "tokens/expire", Value::Null).await;
    assert_eq!(bench.get("/groups").await.status, 401);
}

#[tokio::test]
async fn held_calls_can_be_released() {
    let bench = Bench::new().await;
    bench.steer(Method::POST, "faults", json!({ "kind": { "hold": { "moment": "after" } } })).await;
    let ids = [bench.ids.cy.as_str()];
    let (reply, ()) = tokio::join!(bench.add(&ids), async {
        let held = bench.steer(Method::POST, "held/wait", Value::Null).await;
        assert_eq!(held.body, json!({ "seq": 2 }));
        assert_eq!(bench.steer(Method::GET, "held", Value::Null).await.body, json!({ "held": [2] }));
        assert_eq!(bench.staff().len(), 3);
        let none = bench.steer(Method::POST, "release", json!({ "seq": 9 })).await;
        assert_eq!(none.body, json!({ "released": 0 }));
        let request = bench.client.post(format!("{}/_sim/release", bench.simulator.url()));
        assert_eq!(got(request).await.body, json!({ "released": 1 }));
    });
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_server_on_a_given_listener_stops_when_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, World::new("corp"), async {
        let _ = stopped.await;
    }));
    let state = got(super::client().get(format!("http://{address}/_sim/state"))).await;
    assert_eq!(state.body["organization"], "corp");
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    tokio::net::TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_dropped_handle_stops_the_simulator() {
    let simulator = Simulator::start(World::new("corp")).await.unwrap();
    let address = simulator.address();
    drop(simulator);
    for _ in 0..500 {
        if tokio::net::TcpListener::bind(address).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the port is still taken");
}
