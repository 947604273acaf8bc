//! Every fault, and that cuts are real cuts.

use std::time::{Duration, Instant};

use reqwest::Method;
use rosterd::simulator::{CallState, Fault, FaultKind, Matcher, Moment, RetryAfter, Simulator};
use serde_json::{Value, json};

use super::Bench;

/// The status of an answer that a fault makes up.
async fn struck(kind: FaultKind) -> (u16, Option<String>, String) {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::next(kind));
    let response = bench.request(Method::GET, "/groups").send().await.unwrap();
    let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), header, response.text().await.unwrap())
}

#[tokio::test]
async fn throttling_has_the_documented_bodies() {
    let limit = |retry_after| FaultKind::RateLimit { retry_after, seconds: 5 };
    let (status, header, body) = struck(limit(Some(RetryAfter::Seconds(7)))).await;
    assert_eq!((status, header.as_deref()), (429, Some("7")));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds." }));
    assert_eq!(struck(limit(None)).await.1, None);
    let (_, date, _) = struck(limit(Some(RetryAfter::DateIn(60)))).await;
    assert!(date.unwrap().ends_with(" GMT"));
    let (_, odd, _) = struck(limit(Some(RetryAfter::Text("soon".into())))).await;
    assert_eq!(odd.as_deref(), Some("soon"));
    let (status, header, body) = struck(FaultKind::Quota { retry_after: Some(RetryAfter::Seconds(1)) }).await;
    assert_eq!((status, header.as_deref()), (403, Some("1")));
    assert!(body.contains("Bandwidth quota exceeded. Try again later."));
    assert_eq!(struck(FaultKind::Quota { retry_after: None }).await.1, None);
}

#[tokio::test]
async fn faults_make_up_answers() {
    for (kind, status, body) in [
        (FaultKind::Forbidden, 403, "permission"),
        (FaultKind::Unauthorized, 401, "Unauthorized"),
        (FaultKind::Status { code: 503, moment: Moment::Before }, 503, "Service Unavailable"),
        (FaultKind::Status { code: 7, moment: Moment::Before }, 500, "Internal"),
        (FaultKind::Html, 200, "<html>"),
        (FaultKind::EmptyList, 200, "[]"),
        (FaultKind::EmptyBody, 200, ""),
        (FaultKind::Garbage, 200, "]["),
        (FaultKind::Answer { code: 418, body: "{\"a\":1}".into() }, 418, "{\"a\":1}"),
    ] {
        let (got, _, text) = struck(kind.clone()).await;
        assert_eq!(got, status, "{kind:?}");
        assert!(text.contains(body), "{kind:?}: {text}");
    }
    let (_, _, text) = struck(FaultKind::Huge { bytes: 3_000_000 }).await;
    assert_eq!(text.len(), 3_000_000);
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}

#[tokio::test]
async fn a_status_can_come_before_or_after_the_effect() {
    for (moment, members) in [(Moment::Before, 2), (Moment::After, 3)] {
        let bench = Bench::new().await;
        bench.simulator.inject(Fault::next(FaultKind::Status { code: 500, moment }));
        assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 500);
        assert_eq!(bench.staff().len(), members);
        assert_eq!(bench.simulator.requests().pop().unwrap().effect, moment == Moment::After);
    }
}

#[tokio::test]
async fn a_cut_is_a_cut_before_or_after_the_effect() {
    for moment in [Moment::Before, Moment::After] {
        for reset in [false, true] {
            let bench = Bench::new().await;
            bench.simulator.inject(Fault::next(FaultKind::Cut { moment, reset }));
            let body = json!({ "userIds": [bench.ids.cy] });
            let path = bench.members_path();
            let error = bench.request(Method::POST, &path).json(&body).send().await.unwrap_err();
            let why = causes(&error);
            assert_eq!(why.contains("reset"), reset, "{why}");
            assert_eq!(bench.staff().len(), if moment == Moment::After { 3 } else { 2 });
            let record = bench.simulator.requests().pop().unwrap();
            assert_eq!((record.status, record.state), (None, CallState::Cut));
            assert_eq!(record.fault.as_deref(), Some("cut"));
            // The next call, on a new connection, goes through.
            assert_eq!(bench.get("/groups").await.status, 200);
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

#[tokio::test]
async fn a_truncated_answer_starts_well_and_ends_early() {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::next(FaultKind::Truncated));
    let mut response = bench.request(Method::GET, "/groups").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let announced = response.content_length().unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!((first.len() as u64) < announced);
    assert!(response.chunk().await.is_err());
    assert_eq!(bench.get("/groups").await.status, 200);
}

#[tokio::test]
async fn a_slow_call_takes_effect_although_the_client_gave_up() {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::next(FaultKind::Slow { ms: 600, moment: Moment::Before }));
    let start = Instant::now();
    let path = bench.members_path();
    let body = json!({ "userIds": [bench.ids.cy] });
    let call = bench.request(Method::POST, &path).json(&body).timeout(Duration::from_millis(200));
    assert!(call.send().await.unwrap_err().is_timeout());
    assert_eq!(bench.staff().len(), 2);
    while bench.staff().len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(10), "the effect never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_held_call_goes_on_when_released() {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::on("POST", "/v1/groups/*/users", FaultKind::Hold { moment: Moment::Before }));
    assert_eq!(bench.get("/groups").await.status, 200);
    let ids = [bench.ids.cy.as_str()];
    let (reply, ()) = tokio::join!(bench.add(&ids), async {
        assert_eq!(bench.simulator.until_held().await, 3);
        assert_eq!(bench.simulator.requests()[2].state, CallState::Held);
        assert_eq!(bench.staff().len(), 2);
        assert_eq!(bench.simulator.release(), 1);
    });
    assert_eq!((reply.status, bench.staff().len()), (200, 3));
}

#[tokio::test]
async fn a_held_call_is_given_up_when_the_client_goes_away() {
    for (moment, members) in [(Moment::Before, 2), (Moment::After, 3)] {
        let bench = Bench::new().await;
        bench.simulator.inject(Fault::next(FaultKind::Hold { moment }));
        let ids = [bench.ids.cy.as_str()];
        let seq = tokio::select! {
            reply = bench.add(&ids) => panic!("answered: {reply:?}"),
            seq = bench.simulator.until_held() => seq,
        };
        let start = Instant::now();
        while bench.simulator.requests()[seq as usize - 1].state != CallState::Abandoned {
            assert!(start.elapsed() < Duration::from_secs(10), "the call is still held");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(bench.simulator.release(), 0);
        assert_eq!(bench.staff().len(), members);
    }
}

#[tokio::test]
async fn a_stale_read_shows_the_past_once() {
    let bench = Bench::new().await;
    bench.add(&[&bench.ids.cy]).await;
    // A stale read is about reads alone, so the write in between does not use it up.
    bench.simulator.inject(Fault::next(FaultKind::StaleRead));
    assert_eq!(bench.add(&[&bench.ids.cy]).await.body["userIds"].as_array().unwrap().len(), 3);
    let path = bench.members_path();
    assert_eq!(bench.get(&path).await.body["userIds"].as_array().unwrap().len(), 2);
    assert_eq!(bench.get(&path).await.body["userIds"].as_array().unwrap().len(), 3);
    bench.create(json!({ "name": "New" })).await;
    bench.simulator.inject(Fault::next(FaultKind::StaleRead));
    assert_eq!(bench.get("/groups").await.body.as_array().unwrap().len(), 1);
    assert_eq!(bench.get("/groups").await.body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_can_be_applied_in_part() {
    for (code, status) in [(200, 200), (500, 500)] {
        let bench = Bench::new().await;
        bench.simulator.inject(Fault::next(FaultKind::PartialBatch { first: 1, code }));
        let reply = bench.remove(&[&bench.ids.bob, &bench.ids.ann]).await;
        assert_eq!(reply.status, status);
        assert_eq!(bench.staff(), ["ann@corp.example"]);
    }
}

#[tokio::test]
async fn an_account_is_refused_until_the_fault_is_removed() {
    let bench = Bench::new().await;
    let kind = FaultKind::RefuseAccount { user_id: bench.ids.cy.clone() };
    let id = bench.simulator.inject(Fault::next(kind).always());
    for _ in 0..3 {
        assert_eq!(bench.add(&[&bench.ids.ann, &bench.ids.cy]).await.status, 400);
    }
    assert_eq!(bench.remove(&[&bench.ids.cy]).await.status, 400);
    assert_eq!(bench.create(json!({ "name": "N", "userIds": [bench.ids.cy] })).await.status, 400);
    assert_eq!(bench.add(&[&bench.ids.ann]).await.status, 200);
    assert!(bench.simulator.remove_fault(id));
    assert!(!bench.simulator.remove_fault(id));
    assert_eq!(bench.add(&[&bench.ids.cy]).await.status, 200);
}

#[tokio::test]
async fn a_fault_strikes_the_calls_it_is_about() {
    let down = || FaultKind::Status { code: 503, moment: Moment::Before };
    let only = |when: Matcher| Fault::next(down()).matching(when);
    for (fault, struck) in [
        (Fault::next(down()), "x...."),
        (Fault::next(down()).times(2), "xx..."),
        (Fault::next(down()).skip(2), "..x.."),
        (Fault::next(down()).always(), "xxxxx"),
        (Fault::nth(4, down()), "..x.."),
        (Fault::on("GET", "/v1/users/", down()), ".x..."),
        (Fault::on("get", "/v1/groups/*", down()).always(), "..xx."),
        (Fault::on("GET", "/v1/groups/**", down()).always(), "x.xxx"),
        (Fault::on("POST", "/v1/**", down()).always(), "....."),
        (only(Matcher { path: Some("/v1/groups".into()), skip: 1, ..Matcher::default() }), "....."),
    ] {
        let bench = Bench::new().await;
        bench.simulator.inject(fault.clone());
        let mut seen = String::new();
        let one = format!("/groups/{}", bench.ids.staff);
        for path in ["/groups", "/users", "/groups/users", &one, &bench.members_path()] {
            seen.push(if bench.get(path).await.status == 503 { 'x' } else { '.' });
        }
        assert_eq!(seen, struck, "{fault:?}");
    }
}

#[tokio::test]
async fn token_requests_can_be_struck() {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::on("POST", "/oauth/token", FaultKind::Unauthorized));
    assert_eq!(bench.get("/groups").await.status, 200);
    assert_eq!(bench.ask_token(json!({})).await.status, 401);
    assert_eq!(bench.ask_token(json!({})).await.status, 200);
}

#[tokio::test]
async fn a_stop_cuts_connections_and_frees_the_port() {
    let bench = Bench::new().await;
    bench.simulator.inject(Fault::next(FaultKind::Hold { moment: Moment::Before }));
    let address = bench.simulator.address();
    let call = tokio::spawn(bench.request(Method::GET, "/groups").send());
    bench.simulator.until_held().await;
    bench.simulator.stop().await;
    assert!(call.await.unwrap().is_err());
    let again = Simulator::start_at(address, super::world().0).await.unwrap();
    assert_eq!(again.address(), address);
}
