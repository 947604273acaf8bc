//! Servers that hang, cut, or are none: each costs one source, in bounded time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;

/// A server that does this with each connection.
fn server(behaviour: impl Fn(TcpStream) + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behaviour = behaviour.clone();
            std::thread::spawn(move || behaviour(stream));
        }
    });
    url
}

#[track_caller]
fn read_from(url: &str, limit: &str) -> (String, Duration) {
    let keys = format!("url = \"{url}\"\nschema = \"openldap\"\n{}", bases().replace("10s", limit));
    let began = Instant::now();
    let told = unread(&read(&keys, &["g"]));
    (told, began.elapsed())
}

/// Reads a request, so that what follows is an answer.
fn request(stream: &mut TcpStream) -> Option<u8> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).ok()?;
    // The message id: 30 len 02 01 ID.
    bytes.get(..count).and_then(|bytes| bytes.get(4)).copied()
}

#[test]
fn a_server_that_hangs_costs_the_time_that_was_given() {
    let url = server(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let (told, time) = read_from(&url, "2s");
    assert!(told.contains("within") && told.contains("timeout"), "{told}");
    assert!(time < Duration::from_secs(4), "{time:?}");
}

#[test]
fn what_is_no_ldap_is_said_to_be_none() {
    let url = server(|mut stream| {
        let _ = request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let (told, _) = read_from(&url, "5s");
    assert!(told.contains("does not speak LDAP"), "{told}");
    let url = server(|mut stream| {
        let _ = stream.write_all(b"220 mail.corp.example ESMTP\r\n");
        std::thread::sleep(Duration::from_secs(5));
    });
    let keys = format!("url = \"{}\"\nschema = \"openldap\"\n{}", url.replace("ldap:", "ldaps:"), bases());
    let told = unread(&read(&keys, &["g"]));
    assert!(told.contains("does not speak TLS"), "{told}");
}

#[test]
fn a_message_without_end_is_refused_at_its_head() {
    let url = server(|mut stream| {
        let _ = request(&mut stream);
        let _ = stream.write_all(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]);
        let block = vec![0; 1 << 20];
        while stream.write_all(&block).is_ok() {}
    });
    let (told, time) = read_from(&url, "20s");
    assert!(told.contains("2147483647 bytes"), "{told}");
    assert!(time < Duration::from_secs(10), "{time:?}");
}

#[test]
fn answers_that_the_crate_panics_on_cost_one_source() {
    // An unknown operation; an empty message; a search result whose code is no number.
    let answers: [fn(u8) -> Vec<u8>; 5] = [
        |id| vec![0x30, 0x05, 0x02, 0x01, id, 0x7e, 0x00],
        |_| vec![0x30, 0x00],
        |id| vec![0x30, 0x09, 0x02, 0x01, id, 0x65, 0x04, 0x04, 0x02, 0x41, 0x42],
        // An end with a control for pages that is none.
        |id| {
            let oid = b"1.2.840.113556.1.4.319";
            let mut answer = vec![0x30, 0x2a, 0x02, 0x01, id, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
            answer.extend([&[0xa0, 0x1c, 0x30, 0x1a, 0x04, 0x16][..], oid, &[0x04, 0x00]].concat());
            answer
        },
        // An entry whose name is not UTF-8.
        |id| vec![0x30, 0x0b, 0x02, 0x01, id, 0x64, 0x06, 0x04, 0x02, 0xff, 0xfe, 0x30, 0x00],
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let url = server(move |mut stream| {
            while let Some(id) = request(&mut stream) {
                let _ = stream.write_all(&answer(id));
            }
        });
        let (told, time) = read_from(&url, "4s");
        assert!(!told.is_empty() && time < Duration::from_secs(6), "{number}: {told} {time:?}");
    }
}

/// Messages whose head is right, and whose inside is anything.
#[test]
fn answers_of_random_bytes_cost_one_source() {
    std::thread::scope(|scope| {
        for seed in 1..=16u32 {
            scope.spawn(move || {
                let url = server(move |mut stream| {
                    let mut state = seed;
                    let mut random = || {
                        // Numerical Recipes, chapter 7: enough for bytes that mean nothing.
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        state.to_be_bytes()[0]
                    };
                    while let Some(id) = request(&mut stream) {
                        let operation = [0x64, 0x65, 0x73, 0x64][usize::from(random()) % 4];
                        let inner: Vec<u8> = (0..random() % 60).map(|_| random()).collect();
                        let length = u8::try_from(inner.len()).unwrap();
                        let head = [0x30, length + 5, 0x02, 0x01, id, operation, length];
                        let _ = stream.write_all(&[&head[..], &inner].concat());
                    }
                });
                let (told, time) = read_from(&url, "3s");
                assert!(!told.is_empty() && time < Duration::from_secs(8), "{seed}: {told} {time:?}");
            });
        }
    });
}

#[test]
fn a_server_that_is_killed_is_unread() {
    let Some(mut slapd) = Slapd::start(&Wish { ldif: &company(), ..Wish::default() }) else { return };
    let keys = keys(&slapd, &slapd.secure());
    complete(read(&keys, &["compliance"]));
    slapd.kill();
    let told = unread(&read(&keys, &["compliance"]));
    assert!(told.contains("cannot connect: connection refused"), "{told}");
}

#[test]
fn a_connection_that_is_cut_is_no_end() {
    let url = server(|mut stream| {
        // Success to everything, and at a search the end of the connection.
        while let Some(id) = request(&mut stream) {
            if id > 1 {
                return;
            }
            let _ =
                stream.write_all(&[0x30, 0x0c, 0x02, 0x01, id, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]);
        }
    });
    let (told, _) = read_from(&url, "5s");
    assert!(told.contains("closed the connection"), "{told}");
}
