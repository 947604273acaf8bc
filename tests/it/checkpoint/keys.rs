//! Keys: what is one, several over time, and archives that carry their checkpoints along.

use rosterd::signing::{PublicKey, SigningKey};
use rosterd::store::{Access, Signing, Store, Verification, Witness, verify_log};

use super::{audit, events, first_bad, lines, new_key, three_runs, verify, with_key};
use crate::store::{at, finish, start};
use crate::support::bench::{Bench, filtered, secret};

#[test]
fn check_tells_a_wrong_key() {
    let mut bench = Bench::small();
    bench.rest = format!("{}{}", audit("audit-key.pem"), bench.rest);
    let good = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let encrypted = good.serialize_pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (key, what) in [
        (other.as_str(), "is not a key of Ed25519"),
        (&good.public_key_pem(), "is not a private key in PKCS#8 PEM"),
        (&encrypted, "is encrypted, and there is nobody to ask for a passphrase"),
        ("secret", "is not a private key in PKCS#8 PEM"),
        (&good.serialize_pem()[..60], "is not a private key in PKCS#8 PEM"),
    ] {
        secret(&bench.path("audit-key.pem"), key);
        for command in [&["check"][..], &["apply"], &["audit", "pubkey"]] {
            let told = bench.run(command).exits(2);
            let told = told.stdout + &told.stderr;
            assert!(told.contains(&format!("audit.signing_key: {what}")), "{told}");
            assert!(!told.contains("MC"), "{told}");
        }
    }
    secret(&bench.path("audit-key.pem"), &good.serialize_pem());
    bench.run(&["check"]).exits(0);
    bench.rest = bench.rest.replace("signing_key", "# signing_key");
    let told = bench.run(&["check"]).exits(2);
    let told = filtered(&(told.stdout + &told.stderr));
    assert!(told.contains("audit.checkpoint_file: is set, and there is no signing_key"), "{told}");
    bench.rest = bench.rest.replace("checkpoint_file", "# checkpoint_file");
    let told = bench.run(&["audit", "pubkey"]).exits(2).stderr;
    assert!(told.contains("has no key in audit.signing_key"), "{told}");
}

#[test]
fn what_is_given_as_a_public_key_must_be_one() {
    let bench = three_runs();
    let told = verify(&bench, &["--pubkey", "audit-key.pem"]).exits(2).stderr;
    assert!(told.contains("is a private key, and the public one is wanted"), "{told}");
    bench.write("none.pem", "text");
    assert!(verify(&bench, &["--pubkey", "none.pem"]).exits(2).stderr.contains("has no public key in PEM"));
    verify(&bench, &["--pubkey", "nowhere.pem"]).exits(2);
    verify(&bench, &["--checkpoints", "nowhere"]).exits(2);
}

#[test]
fn a_new_key_goes_on_where_the_old_one_ended() {
    let mut bench = with_key();
    bench.apply(0);
    new_key(&bench, "second.pem");
    bench.rest = bench.rest.replace("audit-key.pem", "second.pem");
    bench.apply(0);
    let second = bench.run(&["audit", "pubkey"]).exits(0).stdout;
    bench.write("pub2.pem", &second);
    let first = std::fs::read_to_string(bench.path("pub.pem")).unwrap();
    bench.write("both.pem", &format!("{first}{second}"));
    for both in [&["--pubkey", "pub.pem", "--pubkey", "pub2.pem"][..], &["--pubkey", "both.pem"]] {
        let told = verify(&bench, both).exits(0).stdout;
        assert_eq!(told.matches("1 checkpoint signed by key ").count(), 2, "{told}");
    }
    // The last one proves all that is before it; the first one alone does not prove what came later.
    let told = verify(&bench, &["--pubkey", "pub2.pem"]).exits(0).stdout;
    assert!(told.contains("which was not given: not checked"), "{told}");
    let told = first_bad(verify(&bench, &["--pubkey", "pub.pem"]), 7);
    assert!(told.contains("a run ended here, and no checkpoint after it is signed by a key that was given"), "{told}");
    // Given up, and taken up again.
    let signed = std::mem::take(&mut bench.rest);
    bench.rest = signed
        .lines()
        .filter(|line| !line.contains("signing_key") && !line.contains("checkpoint_file"))
        .fold(String::new(), |text, line| text + line + "\n");
    bench.apply(0);
    first_bad(verify(&bench, &["--pubkey", "both.pem"]), 11);
    bench.rest = signed;
    bench.apply(0);
    verify(&bench, &["--pubkey", "both.pem"]).exits(0);
    assert_eq!(lines(&bench).len(), 3);
    bench.in_step();
}

#[test]
fn archives_take_their_checkpoints_along() {
    let bench = with_key();
    let pem = std::fs::read_to_string(bench.path("audit-key.pem")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let signing = Signing { key: SigningKey::from_pem(&pem).unwrap(), file: Some(bench.path("worm/checkpoints")) };
        let store = Store::open(&bench.state(), Access::CreateOrWrite).await.unwrap().signing(Some(signing));
        let today = jiff::Timestamp::now().as_second() - at(0).as_second();
        for (run, days) in [("r500", 500), ("r450", 450), ("r10", 10)] {
            store.begin_run(&start(run, today - days * 86_400)).await.unwrap();
            store.finish_run(&finish(run, today - days * 86_400 + 1), None).await.unwrap();
            store.publish_checkpoints(jiff::Timestamp::now()).await.unwrap();
        }
        store.close().await;
    });
    bench.apply(0);
    assert_eq!(events(&bench).first().map(String::as_str), Some("run_started"));
    let dir = "rosterd.db.archive";
    let archive = format!("{dir}/rosterd-audit-0000000001-0000000006.jsonl");
    assert!(std::fs::read_to_string(bench.path(&archive)).unwrap().ends_with("\"seq\":6}\n"));
    for path in [&archive, dir] {
        let told = verify(&bench, &[path, "--pubkey", "pub.pem"]).exits(0).stdout;
        assert!(told.contains("checkpoints signed by key"), "{told}");
    }
    let alone = verify(&bench, &[&archive, "--pubkey", "pub.pem", "--checkpoints", "worm/checkpoints"]).exits(0).stdout;
    assert!(alone.contains("signed up to seq 6") && alone.contains("2 found in this log"), "{alone}");
    let whole = verify(&bench, &["--pubkey", "pub.pem"]).exits(0).stdout;
    assert!(whole.contains("4 checkpoints signed by key") && whole.contains("4 checkpoints, 4 found"), "{whole}");
    // A copy without its archives.
    bench.run(&["backup", "copy.db"]).exits(0);
    let copy = verify(&bench, &["copy.db", "--pubkey", "pub.pem", "--checkpoints", "worm/checkpoints"]).exits(0).stdout;
    assert!(copy.contains("2 checkpoints signed by key") && copy.contains("4 checkpoints, 2 found"), "{copy}");
    // The file has lost what is in archives now.
    let kept = lines(&bench);
    bench.write("worm/checkpoints", &format!("{}\n{}\n{}\n", kept[0], kept[2], kept[3]));
    assert!(verify(&bench, &[]).exits(15).stdout.contains("it does not have the checkpoint of seq 6"));
    bench.write("worm/checkpoints", &format!("{}\n", kept.join("\n")));
    bench.apply(0);
    verify(&bench, &["--pubkey", "pub.pem"]).exits(0);
    bench.in_step();
}

#[test]
fn a_log_in_memory_is_judged_too() {
    let bench = three_runs();
    let log = bench.run(&["audit", "list", "--format", "jsonl"]).exits(0).stdout;
    let keys = PublicKey::all_from_pem(&std::fs::read_to_string(bench.path("pub.pem")).unwrap()).unwrap();
    let witness = Witness { keys, ..Witness::default() };
    let verdict = verify_log(log.as_bytes(), &witness).unwrap();
    assert!(matches!(verdict.verification, Verification::Verified { records: 14, .. }));
    assert!(verdict.judgement.is_good());
    assert_eq!((verdict.judgement.last, verdict.judgement.after), (Some(14), 0));
    let unsigned: String = log.lines().take(3).map(|line| format!("{line}\n")).collect();
    let verdict = verify_log(unsigned.as_bytes(), &witness).unwrap();
    assert!(!verdict.judgement.is_good(), "nothing in it is signed");
}
