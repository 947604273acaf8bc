//! Notices by mail: STARTTLS, TLS, in clear on this machine; whom to trust, and logging in.

use std::time::Duration;

use crate::support::bench::{Bench, ONE_GROUP, Ran, secret};
use crate::support::ca::Ca;
use crate::support::smtp::{Security, Smtp};

/// An installation in which something is held, with a mail server to tell it to.
fn held(server: &Smtp, tls: &str, more: &str) -> Bench {
    let mut bench = Bench::small();
    bench.rest = ONE_GROUP.replace("\"apply\"", "\"hold\"")
        + &format!(
            "\n[[notify]]\nkind = \"email\"\nserver = \"localhost:{}\"\nfrom = \"rosterd@corp.example\"\n\
             to = [\"grc@corp.example\", \"ops@corp.example\"]\ntls = \"{tls}\"\n{more}\n",
            server.port
        );
    bench.people(&["compliance,ann", "compliance,bob"]);
    bench
}

fn apply(bench: &Bench) -> Ran {
    bench.run(&["apply"]).exits(11)
}

/// A body without its transfer encoding.
fn decoded(data: &str) -> String {
    let (_, body) = data.split_once("\n\n").expect("a mail has a body");
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match code.filter(|_| *first == b'=') {
            Some(code) => {
                bytes.push(code);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_mail_says_what_to_do_and_goes_out_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new(dir.path(), "ca");
    let issued = ca.issue("mail", &["localhost"]);
    for (security, tls) in [(Security::StartTls, "starttls"), (Security::Tls, "tls")] {
        let server = Smtp::start(security, Some(&issued));
        let bench = held(&server, tls, &format!("ca_file = \"{}\"", Ca::root(dir.path(), "ca").display()));
        let ran = apply(&bench);
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{tls}: {}", ran.stderr);
        let mail = &mails[0];
        assert!(mail.tls, "{tls}");
        assert_eq!(
            (mail.from.as_str(), mail.to.join(" ")),
            ("rosterd@corp.example", "grc@corp.example ops@corp.example".to_owned())
        );
        let headers = mail.data.split("\n\n").next().unwrap();
        for header in [
            "From: rosterd@corp.example",
            "To: grc@corp.example, ops@corp.example",
            "Auto-Submitted: auto-generated",
            "1 hold waits for approval",
        ] {
            assert!(headers.contains(header), "{header}: {headers}");
        }
        let body = decoded(&mail.data);
        assert!(body.contains("    rosterd approve h-") && body.contains("--by YOU --reason \"…\""), "{body}");
        assert!(!body.contains("cem"), "{body}");
        for command in server.commands().iter().filter(|command| !command.starts_with("tls ")) {
            assert!(command.starts_with("clear EHLO") || command == "clear STARTTLS", "{command}");
        }
        apply(&bench);
        assert_eq!(server.mails().len(), 1, "it was told");
    }
}

#[test]
fn on_this_machine_it_may_go_in_clear_and_names_people_where_that_is_wanted() {
    let server = Smtp::start(Security::None, None);
    let bench = held(&server, "none", "personal_data = true");
    apply(&bench);
    let mails = server.mails();
    assert!(!mails[0].tls);
    assert!(decoded(&mails[0].data).contains("- remove cem@corp.example in Compliance"), "{}", mails[0].data);
}

#[test]
fn a_certificate_that_is_not_trusted_gets_no_mail_and_no_password() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new(dir.path(), "ca");
    let _other = Ca::new(dir.path(), "other");
    let wrong_name = ca.issue("wrong", &["mail.corp.example"]);
    let expired = ca.issue_expired("expired", &["localhost"]);
    let fine = ca.issue("mail", &["localhost"]);
    let cases =
        [(&fine, "other", "authority"), (&wrong_name, "ca", "is not for this name"), (&expired, "ca", "has expired")];
    for (issued, trusted, expected) in cases {
        for (security, tls) in [(Security::StartTls, "starttls"), (Security::Tls, "tls")] {
            let server = Smtp::start(security, Some(issued));
            let ca_file = Ca::root(dir.path(), trusted);
            let login = "username = \"rosterd\"\npassword = { file = \"password\" }";
            let bench = held(&server, tls, &format!("ca_file = \"{}\"\n{login}", ca_file.display()));
            secret(&bench.path("password"), "hunter2-hunter2");
            let ran = apply(&bench);
            assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
            assert_eq!(server.mails(), []);
            assert!(!server.commands().iter().any(|command| command.contains("AUTH")), "{:?}", server.commands());
        }
    }
}

#[test]
fn a_server_without_starttls_gets_nothing_in_clear() {
    let server = Smtp::start(Security::None, None);
    let bench = held(&server, "starttls", "username = \"rosterd\"\npassword = { file = \"password\" }");
    secret(&bench.path("password"), "hunter2-hunter2");
    let ran = apply(&bench);
    assert!(ran.stderr.contains("notice not delivered") && ran.stderr.contains("STARTTLS"), "{}", ran.stderr);
    assert_eq!(server.mails(), []);
    assert!(server.commands().iter().all(|command| command.starts_with("clear EHLO") || command == "clear QUIT"));
}

#[test]
fn a_login_is_sent_inside_tls_and_stays_out_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::new(dir.path(), "ca");
    let issued = ca.issue("mail", &["localhost"]);
    let server = Smtp::start(Security::StartTls, Some(&issued));
    let login = "username = \"rosterd\"\npassword = { file = \"password\" }";
    let bench = held(&server, "starttls", &format!("ca_file = \"{}\"\n{login}", Ca::root(dir.path(), "ca").display()));
    secret(&bench.path("password"), "hunter2-hunter2");
    let ran = bench.run(&["-vvv", "apply"]).exits(11);
    // base64 of "\0rosterd\0hunter2-hunter2"
    let plain = "AHJvc3RlcmQAaHVudGVyMi1odW50ZXIy";
    assert_eq!(server.mails()[0].login.as_deref(), Some(plain));
    let state = std::fs::read(bench.state()).unwrap();
    for text in [ran.stderr.as_str(), &ran.stdout, &String::from_utf8_lossy(&state)] {
        assert!(!text.contains("hunter2") && !text.contains(plain), "{text}");
    }
}

#[test]
fn a_mail_that_is_refused_for_now_is_sent_later_with_the_same_id() {
    let server = Smtp::start(Security::None, None);
    let bench = held(&server, "none", "");
    server.refuse("451 <rosterd@corp.example> greylisted, come back");
    let ran = apply(&bench);
    assert!(ran.stderr.contains("the mail server answered 451") && ran.stderr.contains("greylisted"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("rosterd@corp.example"), "{}", ran.stderr);
    super::notices::wait_is_over(&bench);
    apply(&bench);
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let id = mails[0].data.lines().find(|line| line.starts_with("Message-ID: <")).unwrap();
    assert!(id.ends_with("@corp.example>"), "{id}");
    let began = std::time::Instant::now();
    apply(&bench);
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(server.mails().len(), 1);
}
