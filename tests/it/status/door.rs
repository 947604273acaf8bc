//! Who gets in: tokens, names, methods, slow clients, and the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rosterd::status::{Access, serve};
use rosterd::store::{self, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Watched, fresh};
use crate::support::bench::Bench;

#[test]
fn a_token_opens_and_nothing_else_does() {
    let watched = Watched::with_token(Bench::small(), Some("s3cret"));
    for path in ["/", "/metrics"] {
        assert_eq!(watched.ask("GET", path, &["Authorization: Bearer s3cret"]).status, 200);
    }
    // A path that is not there looks the same to a stranger.
    for path in ["/", "/metrics", "/nowhere"] {
        for headers in [
            &[][..],
            &["Authorization: Bearer s3cre"],
            &["Authorization: Bearer s3cret "][..0],
            &["Authorization: Basic czNjcmV0"],
            &["Authorization: Bearer s3cret", "Authorization: Bearer wrong"],
        ] {
            let answer = watched.ask("GET", path, headers);
            assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{path} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    // Behind a proxy on another name, the token is what protects.
    let proxied = ["GET /metrics HTTP/1.1", "Host: rosterd.corp.example", "Authorization: Bearer s3cret"];
    assert_eq!(watched.send(&proxied).status, 200);
}

#[test]
fn beyond_loopback_it_does_not_serve_without_a_token() {
    let bench = Bench::small();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(async {
        let store = Store::open(&bench.state(), store::Access::CreateOrWrite).await.unwrap();
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let (_state, receiver) = watch::channel(fresh());
        let served = serve(listener, Access::new(None), receiver, store, CancellationToken::new());
        tokio::time::timeout(Duration::from_secs(10), served).await.expect("it does not begin to serve")
    });
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("open to everybody") && error.contains("help: set [http] token"), "{error}");
}

#[test]
fn a_page_of_another_name_cannot_look_in() {
    let watched = Watched::new(Bench::small());
    let port = watched.address.port();
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:9797", "127.0.0.2"] {
        assert_eq!(watched.send(&["GET / HTTP/1.1", &format!("Host: {host}")]).status, 200, "{host}");
    }
    let foreign = [format!("evil.example:{port}"), "127.0.0.1.evil.example".into(), "10.0.0.1".into(), "a b".into()];
    for host in foreign {
        for path in ["/", "/metrics", "/readyz", "/healthz"] {
            let answer = watched.send(&[&format!("GET {path} HTTP/1.1"), &format!("Host: {host}")]);
            assert!(matches!(answer.status, 421 | 400), "{host} {path}: {answer:?}");
        }
    }
    // Two names, none at all, or one in the address.
    assert_eq!(watched.send(&["GET / HTTP/1.1", "Host: localhost", "Host: evil.example"]).status, 421);
    assert_eq!(watched.send(&["GET / HTTP/1.1", "Accept: */*"]).status, 421);
    assert_eq!(watched.send(&["GET http://evil.example/ HTTP/1.1", "Host: localhost"]).status, 421);
    assert_eq!(watched.send(&["GET /healthz HTTP/1.0"]).status, 200, "a simple health check sends no name");
}

#[test]
fn it_is_read_only_and_knows_four_paths() {
    let watched = Watched::new(Bench::small());
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = watched.ask(method, "/", &["Content-Length: 0"]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in ["/", "/healthz", "/metrics"] {
        let (get, head) = (watched.get(path), watched.ask("HEAD", path, &[]));
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    for path in ["/nowhere", "/metrics/", "/../etc/passwd", "//", "/?x"] {
        let expected = if path == "/?x" { 200 } else { 404 };
        assert_eq!(watched.get(path).status, expected, "{path}");
    }
}

#[test]
fn every_answer_carries_the_headers_that_keep_it_to_itself() {
    let watched = Watched::with_token(Bench::small(), Some("s3cret"));
    let token = "Authorization: Bearer s3cret";
    let answers = [
        watched.get("/healthz"),
        watched.get("/readyz"),
        watched.get("/metrics"),
        watched.ask("GET", "/", &[token]),
        watched.ask("GET", "/metrics", &[token]),
        watched.ask("GET", "/nowhere", &[token]),
        watched.ask("POST", "/", &[token, "Content-Length: 0"]),
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    }
}

/// A client that never comes to the end of its request.
fn dribble(watched: &Watched) -> TcpStream {
    let mut stream = watched.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    stream
}

#[test]
fn slow_clients_hold_nobody_up_and_are_cut() {
    let watched = Watched::new(Bench::small());
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..100).map(|_| dribble(&watched)).collect();
    for _ in 0..3 {
        slow.iter_mut().for_each(|stream| stream.write_all(b"a").unwrap());
        assert_eq!(watched.get("/healthz").status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(4), "they were answered only when the slow ones were cut");
    for mut stream in slow {
        let mut rest = Vec::new();
        // Cut, with or without a word: 408 or a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn more_slow_clients_than_there_is_room_for_only_delay() {
    let watched = Watched::new(Bench::small());
    let slow: Vec<TcpStream> = (0..300).map(|_| dribble(&watched)).collect();
    let began = Instant::now();
    assert_eq!(watched.get("/healthz").status, 200);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    drop(slow);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let watched = Watched::new(Bench::small());
    let long = format!("X-Long: {}", "a".repeat(64 * 1024));
    let mut stream = watched.connect();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{long}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let text = String::from_utf8_lossy(&raw);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    assert_eq!(watched.get("/healthz").status, 200);
}

#[test]
fn the_end_waits_for_nobody_for_long() {
    let mut watched = Watched::new(Bench::small());
    assert!(watched.stop() < Duration::from_secs(1), "nobody was there");
    let mut watched = Watched::new(Bench::small());
    let slow = dribble(&watched);
    // It is taken before the stop: the next one, made after it, is answered.
    assert_eq!(watched.get("/healthz").status, 200);
    let took = watched.stop();
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(slow);
    assert!(TcpStream::connect(watched.address).is_err(), "nobody listens any more");
}
