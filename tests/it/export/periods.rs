//! Which records are of a period: days of a zone, also when its clock changes; archives; what is refused.

use std::path::Path;

use jiff::Timestamp;
use rosterd::model::plan::Op;
use rosterd::model::run::ChangeResult;
use rosterd::store::{Access, Retire, Store};
use serde_json::json;

use super::{Pack, verify};
use crate::store::{actor, at, change, finish, key, start};
use crate::support::bench::{Bench, filtered};

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

/// Seconds as [`at`] counts them.
fn second(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_second() - at(0).as_second()
}

/// A run with one addition at each of these times.
fn runs_at(path: &Path, times: &[&str]) {
    wait_for(async {
        let store = Store::open(path, Access::CreateOrWrite).await.unwrap();
        for (number, time) in times.iter().enumerate() {
            let (run, second) = (format!("run-{number}"), second(time));
            store.begin_run(&start(&run, second)).await.unwrap();
            change(&store, &run, second, key(Op::AddMember, "Risk", &format!("u{number}")), ChangeResult::Done).await;
            store.finish_run(&finish(&run, second), None).await.unwrap();
        }
        store.close().await;
    });
}

fn in_berlin(times: &[&str]) -> Bench {
    let mut bench = Bench::small();
    bench.rest.push_str("[schedule]\ncron = \"0 0 * * * *\"\ntimezone = \"Europe/Berlin\"\n");
    runs_at(&bench.state(), times);
    bench
}

/// The accounts of a pack of this period.
#[track_caller]
fn accounts(bench: &Bench, out: &str, args: &[&str]) -> Vec<String> {
    bench.run(&[&["audit", "export", "--out", out], args].concat()).exits(0);
    let pack = Pack(bench.path(out));
    verify(&pack.0).exits(0);
    pack.table("population.csv").iter().map(|row| row["user_id"].clone()).collect()
}

#[test]
fn days_are_those_of_the_zone_also_when_the_clock_changes() {
    // Around the day of 23 hours, in Berlin: 23:00Z to 22:00Z.
    let spring = ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"];
    // Around the day of 25 hours: 22:00Z to 23:00Z.
    let autumn = ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"];
    let bench = in_berlin(&[spring, autumn].concat());
    assert_eq!(accounts(&bench, "spring", &["--from", "2026-03-29", "--to", "2026-03-30"]), ["u1", "u2"]);
    assert_eq!(accounts(&bench, "autumn", &["--from", "2026-10-25", "--to", "2026-10-26"]), ["u5", "u6"]);
    let utc = ["--from", "2026-10-25", "--to", "2026-10-26", "--timezone", "UTC"];
    assert_eq!(accounts(&bench, "utc", &utc), ["u6", "u7"]);
    let offset = ["--from", "2026-03-29T00:00:00+01:00", "--to", "2026-03-30T00:00:00+02:00"];
    assert_eq!(accounts(&bench, "offset", &offset), ["u1", "u2"]);
    assert_eq!(accounts(&bench, "rest", &["--from", "2026-10-26"]), ["u7"]);
    let manifest = Pack(bench.path("spring")).manifest();
    assert_eq!(
        manifest["period"],
        json!({ "from": "2026-03-28T23:00:00.000Z", "to": "2026-03-29T22:00:00.000Z", "timezone": "Europe/Berlin",
            "from_given": "2026-03-29", "to_given": "2026-03-30" })
    );
    let anchor = manifest["chain"]["anchor"]["seq"].clone();
    assert_eq!((anchor, &manifest["chain"]["first"]["seq"]), (json!(4), &json!(5)));
    let report = Pack(bench.path("autumn")).text("report.html");
    assert!(report.contains("2026-10-25 00:00:00 +02:00 Europe/Berlin"), "{report}");
    assert!(report.contains("where the clock is changed in this period: 2026-10-25T01:00:00Z"), "{report}");
    // Who was in before the period is at its start, and stays.
    let pack = Pack(bench.path("autumn"));
    let ids = |name: &str| pack.table(name).iter().map(|row| row["user_id"].clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(
        (ids("membership-start.csv"), ids("membership-end.csv")),
        ("u0 u1 u2 u3 u4".into(), "u0 u1 u2 u3 u4 u5 u6".into())
    );
}

#[test]
fn what_is_no_period_or_no_place_is_refused_and_nothing_is_left() {
    let bench = in_berlin(&["2026-03-28T22:59:59Z"]);
    let refused = |args: &[&str]| {
        let told = bench.run(&[&["audit", "export"], args].concat()).exits(2).stderr;
        assert!(!bench.path("pack").exists());
        told
    };
    let of = |from: &str, to: &str| refused(&["--from", from, "--to", to, "--out", "pack"]);
    insta::assert_snapshot!(filtered(&of("2026-03-29T02:30", "2026-04-01")), @r#"error: --from: "TIME" does not exist in Europe/Berlin: the clock goes from +01 to +02; write it with its offset"#);
    insta::assert_snapshot!(filtered(&of("2026-10-01", "2026-10-25T02:30")), @r#"error: --to: "TIME" is there twice in Europe/Berlin; write it with its offset, +02 or +01"#);
    assert!(of("2026-04-01", "2026-04-01").contains("the period ends"));
    assert!(of("2026-04-02", "2026-04-01").contains("the period ends"));
    assert!(of("2999-01-01", "2999-02-01").contains("the period ends"));
    assert!(of("yesterday", "2026-04-01").contains("--from: \"yesterday\" is not a time"));
    let zone = ["--from", "2026-01-01", "--out", "pack", "--timezone", "Berlin"];
    assert!(refused(&zone).contains("\"Berlin\" is not a time zone"));
    refused(&["--from", "2026-01-01", "--out", "no/where"]);
    bench.write("file", "");
    refused(&["--from", "2026-01-01", "--out", "file"]);
    std::fs::create_dir(bench.path("full")).unwrap();
    bench.write("full/of.txt", "");
    assert!(refused(&["--from", "2026-01-01", "--out", "full"]).contains("is not empty"));
    // An empty one is taken.
    std::fs::create_dir(bench.path("empty")).unwrap();
    assert_eq!(accounts(&bench, "empty", &["--from", "2026-01-01"]), ["u0"]);
    let left: Vec<String> = std::fs::read_dir(bench.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".rosterd-export"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_period_without_records_is_a_pack_too() {
    let bench = in_berlin(&["2026-03-28T22:59:59Z", "2026-06-01T00:00:00Z"]);
    assert!(accounts(&bench, "none", &["--from", "2026-04-01", "--to", "2026-05-01"]).is_empty());
    let pack = Pack(bench.path("none"));
    let manifest = pack.manifest();
    assert_eq!((&manifest["counts"]["records"], &manifest["chain"]["first"]), (&json!(0), &json!(null)));
    assert_eq!(manifest["chain"]["anchor"]["seq"], 4);
    assert_eq!(pack.table("membership-start.csv").len(), 1);
    assert_eq!(pack.text("membership-start.csv"), pack.text("membership-end.csv"));
}

#[test]
fn archives_are_read_and_one_that_is_needed_must_be_there() {
    let bench =
        in_berlin(&["2026-01-01T12:00:00Z", "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z", "2026-04-01T12:00:00Z"]);
    let archives = wait_for(async {
        let store = Store::open(&bench.state(), Access::CreateOrWrite).await.unwrap();
        let retire = |before: &str| Retire {
            before: before.parse().unwrap(),
            chunk: 4,
            now: Timestamp::now(),
            actor: actor(),
            version: "0.1.0".into(),
        };
        for before in ["2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z", "2026-03-15T00:00:00Z"] {
            store.archive_next(&retire(before)).await.unwrap().unwrap();
        }
        let archives = store.archives().await.unwrap();
        store.close().await;
        archives
    });
    assert_eq!(archives.len(), 3);
    assert_eq!(accounts(&bench, "all", &["--from", "2026-01-01"]), ["u0", "u1", "u2", "u3"]);
    let manifest = Pack(bench.path("all")).manifest();
    assert_eq!(manifest["chain"]["anchor"]["seq"], 0);
    assert_eq!(manifest["verified"]["archives"].as_array().unwrap().len(), 3);
    let february = ["--from", "2026-02-01", "--to", "2026-03-01"];
    let at = |archive: usize| bench.path("rosterd.db.archive").join(&archives[archive].file);
    let away = bench.path("away");

    // Before the period: not needed, and said.
    std::fs::rename(at(0), &away).unwrap();
    assert_eq!(accounts(&bench, "later", &february), ["u1"]);
    let pack = Pack(bench.path("later"));
    assert!(pack.manifest()["notes"][0].as_str().unwrap().contains("Archives up to record 4 were not there"));
    assert_eq!(pack.table("membership-end.csv").len(), 1);
    assert_eq!(pack.manifest()["chain"]["anchor"]["seq"], 4);
    std::fs::rename(&away, at(0)).unwrap();

    // Of the period: needed.
    std::fs::rename(at(1), &away).unwrap();
    let told = bench.run(&[&["audit", "export", "--out", "gone"], &february[..]].concat()).exits(1).stderr;
    assert!(told.contains(&archives[1].file) && told.contains("has records of the period"), "{told}");
    assert!(!bench.path("gone").exists());
    // After the period: not needed, where an earlier one says that it is after it.
    let early = ["--from", "2026-01-01", "--to", "2026-01-15"];
    bench.run(&[&["audit", "export", "--out", "gone"], &early[..]].concat()).exits(1);
    std::fs::rename(&away, at(1)).unwrap();
    std::fs::rename(at(2), &away).unwrap();
    assert_eq!(accounts(&bench, "january", &early), ["u0"]);
    std::fs::rename(&away, at(2)).unwrap();
    // There, and not as it was written.
    let text = std::fs::read_to_string(at(1)).unwrap();
    std::fs::write(at(1), text.replacen("u1", "u9", 1)).unwrap();
    let told = bench.run(&[&["audit", "export", "--out", "gone"], &february[..]].concat()).exits(1).stderr;
    assert!(told.contains(&archives[1].file) && told.contains("seq 6"), "{told}");
    assert!(!bench.path("gone").exists());
}
