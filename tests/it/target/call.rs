//! One call: tokens, repeats, throttling, errors.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rosterd::model::id::GroupId;
use rosterd::target::{Client, TargetError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::server::{Action, Memory, Server, ids};

fn reply(status: u16, headers: &'static [(&'static str, &'static str)], body: &str) -> Action {
    Action::Reply(status, headers, body.into())
}

#[tokio::test]
async fn a_call_is_signed_and_says_who_it_is() {
    let server = Server::start().await;
    let mut settings = server.settings();
    settings.scope = Some("group.read user.read".into());
    let client = Client::new(&settings).unwrap();
    client.reader().users(true, Some("organizationRoleId")).await.unwrap();
    client.reader().groups(None, None).await.unwrap();
    let world = server.world();
    let token = &world.log[0];
    assert_eq!(token.line, "POST /oauth/token");
    assert_eq!(
        token.text,
        "grant_type=client_credentials&client_id=the-client&client_secret=hunter2&scope=group.read+user.read"
    );
    assert_eq!(token.headers["content-type"], "application/x-www-form-urlencoded");
    let users = &world.log[1];
    assert_eq!(users.line, "GET /v1/users?includeDeactivated=true&expand=organizationRoleId");
    assert_eq!(users.headers["authorization"], "Bearer t1");
    assert_eq!(users.headers["user-agent"], concat!("rosterd/", env!("CARGO_PKG_VERSION")));
    assert!(users.headers["accept-encoding"].contains("gzip"));
    assert_eq!(world.log[2].line, "GET /v1/groups", "one token serves both");
    drop(world);
    let calls = client.calls();
    assert_eq!((calls.reads, calls.writes, calls.token), (2, 0, 1));
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_once_for_all() {
    let server = Server::start().await;
    let client = server.client();
    client.reader().own().await.unwrap();
    server.world().good_tokens.remove("t1");
    let reader = client.reader();
    let (a, b, c, d) = tokio::join!(reader.own(), reader.own(), reader.users(true, None), reader.groups(None, None));
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert_eq!(server.count("POST /oauth/token"), 2);
}

#[tokio::test]
async fn a_token_without_much_life_is_renewed_before_it_ends() {
    let server = Server::start().await;
    server.world().token_body = r#"{"access_token":"TOKEN","expires_in":"0.1"}"#.into();
    let client = server.client();
    client.reader().own().await.unwrap();
    client.reader().own().await.unwrap();
    assert_eq!(server.count("POST /oauth/token"), 1);
    tokio::time::sleep(Duration::from_millis(60)).await;
    client.reader().own().await.unwrap();
    assert_eq!(server.count("POST /oauth/token"), 2);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_is_said_once_and_without_the_secret() {
    let bodies = [
        (401, r#"{"error":"invalid_client","error_description":"hunter2 is wrong"}"#),
        (400, r#"{"error":"invalid_client"}"#),
        (403, "not switched on"),
        (404, ""),
    ];
    for (status, body) in bodies {
        let server = Server::start().await;
        server.always("POST", "/oauth/token", status, body);
        let client = server.client();
        let reader = client.reader();
        let (a, b, c) = tokio::join!(reader.own(), reader.own(), reader.own());
        for error in [a, b, c].map(Result::unwrap_err) {
            assert!(matches!(error, TargetError::Auth { .. }), "{status}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
            assert!(error.help().contains("client_secret"));
        }
        assert_eq!(server.count("POST /oauth/token"), 1, "one refusal serves all that wait");
        assert_eq!(server.lines().len(), 0);
    }
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_ends_the_call() {
    let server = Server::start().await;
    server.world().good_tokens.clear();
    let error = server.client().reader().own().await.unwrap_err();
    assert!(matches!(error, TargetError::Auth { .. }), "{error:?}");
    assert_eq!(server.count("POST /oauth/token"), 2);
    assert_eq!(server.count("GET /v1/users/me"), 2);
}

#[tokio::test]
async fn a_token_reply_must_hold_a_token() {
    for body in ["{}", "<html>", r#"{"access_token":null}"#, "[]"] {
        let server = Server::start().await;
        server.world().token_body = body.into();
        let error = server.client().reader().own().await.unwrap_err();
        assert!(matches!(error, TargetError::Decode { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let actions = [
        Action::Cut,
        Action::Half,
        reply(500, &[], "oops"),
        reply(502, &[], "<html>"),
        reply(503, &[], ""),
        reply(503, &[("Retry-After", "0")], ""),
        reply(504, &[], ""),
        reply(408, &[], ""),
        reply(429, &[("Retry-After", "0")], ""),
        reply(429, &[], r#"{"statusCode":429,"message":"Try again in 0 seconds."}"#),
        reply(429, &[], ""),
        reply(403, &[], r#"{"statusCode":403,"message":"Bandwidth quota exceeded. Try again later."}"#),
        reply(
            403,
            &[("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")],
            r#"{"message":"Out of call volume quota. Quota will be replenished in 00:00:10."}"#,
        ),
    ];
    for action in actions {
        for path in ["/users/me", "/oauth/token"] {
            let server = Server::start().await;
            let method = if path == "/users/me" { "GET" } else { "POST" };
            server.fault(method, path, 0, 2, action.clone());
            let own = server.client().reader().own().await;
            assert_eq!(own.as_deref(), Ok("me"), "{path} {action:?}");
            assert_eq!(server.count(if method == "GET" { "GET /v1/users/me" } else { "POST /oauth/token" }), 3);
        }
    }
}

#[tokio::test]
async fn attempts_are_counted_and_end() {
    type Check = fn(&TargetError) -> bool;
    let cases: [(Action, Check); 4] = [
        (Action::Cut, |error| matches!(error, TargetError::Unreachable { .. })),
        (
            reply(500, &[], "oops"),
            |error| matches!(error, TargetError::Unreachable { why, .. } if why == "status 500: oops"),
        ),
        (reply(429, &[], ""), |error| error.is_throttled()),
        (reply(403, &[], "quota exceeded"), |error| error.is_throttled()),
    ];
    for (action, check) in cases {
        let server = Server::start().await;
        server.fault("GET", "/users/me", 0, u32::MAX, action);
        let error = server.client().reader().own().await.unwrap_err();
        assert!(check(&error), "{error:?}");
        assert_eq!(server.count("GET /v1/users/me"), 3);
    }
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    type Check = fn(&TargetError) -> bool;
    let cases: [(u16, &str, Check); 6] = [
        (
            403,
            r#"{"message":"You lack permission."}"#,
            |error| matches!(error, TargetError::Forbidden { message, .. } if message == "You lack permission."),
        ),
        (400, r#"{"error":"bad"}"#, |error| matches!(error, TargetError::Refused { status: 400, .. })),
        (404, "", |error| matches!(error, TargetError::Refused { status: 404, .. })),
        (302, "", |error| error.help().contains("api_url")),
        (200, "<html>sign in</html>", |error| matches!(error, TargetError::Decode { .. })),
        (200, "{}", |error| matches!(error, TargetError::Decode { .. })),
    ];
    for (status, body, check) in cases {
        let server = Server::start().await;
        server.always("GET", "/users/me", status, body);
        let error = server.client().reader().own().await.unwrap_err();
        assert!(check(&error), "{status}: {error:?}");
        assert!(!error.help().is_empty());
        assert_eq!(server.count("GET /v1/users/me"), 1, "{status}");
    }
}

#[tokio::test]
async fn a_longer_wait_than_allowed_throttles_at_once_and_for_everybody() {
    let cases = [
        reply(429, &[("Retry-After", "61")], ""),
        reply(429, &[], "Rate limit is exceeded. Try again in 2 minutes."),
        reply(403, &[], "Out of call volume quota. Quota will be replenished in 01:02:03."),
        reply(503, &[("Retry-After", "3600")], ""),
    ];
    for action in cases {
        let server = Server::start().await;
        server.fault("GET", "/users/me", 0, 1, action.clone());
        let client = server.client();
        let error = client.reader().own().await.unwrap_err();
        let until = error.until().unwrap_or_else(|| panic!("{action:?}: {error:?}"));
        assert!(until.duration_since(Timestamp::now()).as_secs() >= 59, "{until}");
        let again = client.reader().users(true, None).await.unwrap_err();
        assert!(again.is_throttled(), "no call goes out before the time");
        assert_eq!(server.lines().len(), 1);
        assert!(client.calls().throttled >= Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_throttle_makes_every_call_wait() {
    let server = Server::start().await;
    let client = server.client();
    client.reader().own().await.unwrap();
    server.fault("GET", "/users/me", 0, 1, reply(429, &[("Retry-After", "1")], ""));
    let start = Instant::now();
    let reader = client.reader();
    let second = async {
        while server.count("GET /v1/users/me") < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The answer to the throttled call has to arrive first.
        tokio::time::sleep(Duration::from_millis(100)).await;
        reader.groups(None, None).await.unwrap();
        start.elapsed()
    };
    let (own, waited) = tokio::join!(reader.own(), second);
    own.unwrap();
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert!(client.calls().throttled >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let server = Server::start().await;
    server.fault("GET", "/users/me", 0, 1, Action::Hang);
    let mut settings = server.settings();
    settings.timeout = Duration::from_millis(100);
    let client = Client::new(&settings).unwrap();
    assert_eq!(client.reader().own().await.as_deref(), Ok("me"));
    server.fault("GET", "/users/me", 0, 9, Action::Hang);
    let error = client.reader().own().await.unwrap_err();
    assert!(error.to_string().contains("no answer within 100ms"), "{error}");
}

#[tokio::test]
async fn nobody_at_home_is_unreachable() {
    let server = Server::start().await;
    let mut settings = server.settings();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    settings.api_url = format!("http://{closed}/v1");
    let error = Client::new(&settings).unwrap().reader().own().await.unwrap_err();
    assert!(matches!(error, TargetError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = server.settings();
    settings.api_url = format!("http://{}/v1", listener.local_addr().unwrap());
    settings.timeout = Duration::from_secs(120);
    let client = Client::new(&settings).unwrap();
    let reader = client.reader();
    // Never more than a MiB of it is there at once, on this side.
    let endless = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[\r\n").await.unwrap();
        let mut sent = 0;
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 1;
        }
        sent
    };
    let (groups, sent) = tokio::join!(reader.groups(None, None), endless);
    let error = groups.unwrap_err();
    assert!(error.to_string().contains("512 MiB"), "{error}");
    assert!((512..600).contains(&sent), "{sent} MiB were taken");
}

#[tokio::test]
async fn error_texts_are_short_and_tell_no_secrets() {
    let server = Server::start().await;
    let body = format!("\u{1b}[31m token t1 and hunter2 of ann@corp.example {}", "long ".repeat(200));
    server.always("GET", "/users/me", 400, &body);
    let error = server.client().reader().own().await.unwrap_err().to_string();
    for secret in ["t1", "hunter2", "ann@", "\u{1b}"] {
        assert!(!error.contains(secret), "{secret}: {error}");
    }
    assert!(error.len() < 300, "{error}");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let server = Server::start().await;
    type Spoil = fn(&mut rosterd::target::Settings);
    let cases: [(&str, Spoil); 4] = [
        ("api_url", |settings| settings.api_url = "not an address".into()),
        ("api_url", |settings| settings.api_url = "mailto:a@b".into()),
        ("token_url", |settings| settings.token_url = "ftp://corp.example".into()),
        ("proxy", |settings| settings.proxy = Some("proxy.corp.example:3128".into())),
    ];
    for (key, spoil) in cases {
        let mut settings = server.settings();
        spoil(&mut settings);
        let error = Client::new(&settings).unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[tokio::test]
async fn an_explicit_proxy_is_used_even_for_loopback() {
    let server = Server::start().await;
    let mut settings = server.settings();
    settings.api_url = "http://hyperproof.invalid/v1".into();
    settings.token_url = "http://hyperproof.invalid/oauth/token".into();
    settings.proxy = Some(format!("http://{}", server.address));
    // The small server is no proxy: it is enough that the request arrives there.
    let _ = Client::new(&settings).unwrap().reader().own().await;
    assert!(server.count("POST http://hyperproof.invalid/oauth/token") > 0);
}

#[tokio::test]
async fn an_id_stays_one_part_of_the_path() {
    let server = Server::start().await;
    let reader = server.client().reader();
    let _ = reader.members(&GroupId::from("a/../b?c=d#e")).await;
    assert_eq!(server.lines(), ["GET /v1/groups/a%2F..%2Fb%3Fc=d%23e/users"]);
    for id in ["", ".", ".."] {
        let error = reader.members(&GroupId::from(id)).await.unwrap_err();
        assert!(matches!(error, TargetError::Decode { .. }), "{id:?}: {error:?}");
        let written = server.client().writer().remove_members(&GroupId::from(id), &ids("u1")).await;
        assert_eq!(written.members[0].result.as_str(), "failed");
    }
    assert_eq!(server.lines().len(), 1, "nothing was sent for the others");
}

#[tokio::test]
async fn the_budget_holds_for_all_calls() {
    let server = Server::start().await;
    let mut settings = server.settings();
    settings.requests_per_minute = 1200;
    settings.burst = 2;
    let client = Client::new(&settings).unwrap();
    let start = Instant::now();
    client.reader().live(Memory::default().known()).await.unwrap();
    client.reader().own().await.unwrap();
    // Six requests with the token's, two of them at once, then one each 50 ms.
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
}
