//! A pack is checked with nothing but itself, and whatever is done to it is found.

use std::path::Path;

use rosterd::model::digest::sha256_hex;
use serde_json::{Value, json};

use super::{copied, export, pack, story, verify};

/// Writes the digests anew, as somebody would who knows how packs are made.
fn mend(dir: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    for file in manifest["files"].as_array_mut().unwrap() {
        let bytes = std::fs::read(dir.join(file["name"].as_str().unwrap())).unwrap();
        (file["bytes"], file["sha256"]) = (json!(bytes.len()), json!(sha256_hex(&bytes)));
    }
    edit(&mut manifest);
    let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
    std::fs::write(dir.join("manifest.sha256"), format!("{}  manifest.json\n", sha256_hex(text.as_bytes()))).unwrap();
    std::fs::write(dir.join("manifest.json"), text).unwrap();
}

#[test]
fn a_copy_elsewhere_verifies_and_what_is_done_to_any_file_is_found() {
    let bench = story();
    export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    let copy = copied(&pack.0);
    let told = verify(copy.path()).exits(0);
    let digest = sha256_hex(pack.text("manifest.json").as_bytes());
    assert!(told.stdout.contains(&format!("manifest sha256 {digest}")), "{}", told.stdout);
    assert!(told.stdout.contains("records verified, seq 1 to"), "{}", told.stdout);
    assert!(told.stdout.contains("population.csv: 5 rows, as the records say"), "{}", told.stdout);
    for name in pack.names() {
        let whole = std::fs::read(pack.0.join(&name)).unwrap();
        let at = |dir: &Path| dir.join(&name);
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        let shorter = whole[..whole.len() - 1].to_vec();
        let longer = [&whole[..], b" "].concat();
        for bytes in [Some(flipped), Some(shorter), Some(longer), Some(Vec::new()), None] {
            let copy = copied(&pack.0);
            match &bytes {
                // An empty file is as empty without its last byte.
                Some(bytes) if *bytes == whole => continue,
                Some(bytes) => std::fs::write(at(copy.path()), bytes).unwrap(),
                None => std::fs::remove_file(at(copy.path())).unwrap(),
            }
            let told = verify(copy.path()).exits(15).stdout;
            let named = if name == "manifest.sha256" { "manifest." } else { name.as_str() };
            assert!(told.contains(&format!("/{named}")), "{name}: {told}");
        }
    }
    // Something beside it is told, and is no fault of the pack.
    std::fs::write(copy.path().join("notes.txt"), "seen").unwrap();
    assert!(verify(copy.path()).exits(0).stdout.contains("notes.txt: note: it is no part of the pack"));
}

#[test]
fn a_pack_whose_manifest_was_mended_is_found_by_its_records() {
    let bench = story();
    export(&bench, &[]).exits(0);
    let pack = pack(&bench);
    let replaced = |name: &str, from: &str, to: &str| {
        let copy = copied(&pack.0);
        let text = pack.text(name);
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(copy.path().join(name), text.replacen(from, to, 1)).unwrap();
        copy
    };
    let seq = |row: usize| pack.table("population.csv")[row]["seq"].clone();

    // A row of the population, in each form.
    let copy = replaced("population.csv", "eve@corp.example\",\"failed", "eve@corp.example\",\"done");
    mend(copy.path(), |_| {});
    let told = verify(copy.path()).exits(15).stdout;
    assert!(
        told.contains(&format!("population.csv: it is not what the records say; first at seq {}", seq(2))),
        "{told}"
    );
    let copy = replaced("population.jsonl", "cem@corp.example", "ann@corp.example");
    mend(copy.path(), |_| {});
    let told = verify(copy.path()).exits(15).stdout;
    assert!(
        told.contains(&format!("population.jsonl: it is not what the records say; first at seq {}", seq(1))),
        "{told}"
    );

    // A row less.
    let last = pack.text("population.csv").lines().last().unwrap().to_owned() + "\r\n";
    let copy = replaced("population.csv", &last, "");
    mend(copy.path(), |_| {});
    assert!(verify(copy.path()).exits(15).stdout.contains("population.csv: it is not what the records say"));

    // A record, with its hash made to fit: the next one does not follow it.
    let copy = copied(&pack.0);
    let lines: Vec<String> = pack.text("log.jsonl").lines().map(str::to_owned).collect();
    let line: Value = serde_json::from_str(&lines[3]).unwrap();
    let record = line["record"].as_str().unwrap().replace("dan@", "ann@");
    let forged = format!(
        "{{\"hash\":\"{}\",\"record\":{},\"seq\":4}}",
        sha256_hex(record.as_bytes()),
        serde_json::to_string(&record).unwrap()
    );
    let with = |line: usize, text: &str| {
        let mut lines = lines.clone();
        lines[line] = text.to_owned();
        lines.join("\n") + "\n"
    };
    std::fs::write(copy.path().join("log.jsonl"), with(3, &forged)).unwrap();
    mend(copy.path(), |_| {});
    let told = verify(copy.path()).exits(15).stdout;
    assert!(told.contains("log.jsonl: the log does not verify. First bad record: seq 5"), "{told}");

    // The last records cut off, with counts that fit what is left.
    let copy = copied(&pack.0);
    std::fs::write(copy.path().join("log.jsonl"), lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    mend(copy.path(), |manifest| {
        let records = manifest["counts"]["records"].as_u64().unwrap();
        manifest["counts"]["records"] = json!(records - 1);
    });
    let told = verify(copy.path()).exits(15).stdout;
    assert!(told.contains("log.jsonl: it does not begin and end where the manifest says"), "{told}");

    // A count, and an anchor.
    let copy = copied(&pack.0);
    mend(copy.path(), |manifest| manifest["counts"]["outcomes"]["add_member"]["failed"] = json!(0));
    assert!(verify(copy.path()).exits(15).stdout.contains("manifest.json: its counts are not those of the records"));
    let copy = copied(&pack.0);
    mend(copy.path(), |manifest| manifest["chain"]["anchor"]["hash"] = json!("1".repeat(64)));
    assert!(verify(copy.path()).exits(15).stdout.contains("First bad record: seq 1"));

    // A name that leads elsewhere is not followed.
    let copy = copied(&pack.0);
    mend(copy.path(), |manifest| {
        let file = json!({ "name": "../etc/passwd", "bytes": 1, "sha256": "" });
        manifest["files"].as_array_mut().unwrap().push(file);
    });
    assert!(verify(copy.path()).exits(15).stdout.contains("no file of a pack"));
    let copy = copied(&pack.0);
    mend(copy.path(), |manifest| manifest["format"] = json!("rosterd.export/2"));
    assert!(verify(copy.path()).exits(15).stdout.contains("rosterd.export/2"));
}

#[test]
fn a_log_that_does_not_verify_is_not_exported() {
    let bench = story();
    crate::state::meddle(&bench.state(), "UPDATE audit SET record = replace(record, 'dan@', 'eve@') WHERE seq = 4");
    let told = export(&bench, &[]).exits(15).stdout;
    assert!(told.contains("First bad record: seq 4") && told.contains("no pack was written"), "{told}");
    assert!(!bench.path("pack").exists());
    assert!(!bench.audit().iter().any(|record| record["event"] == "exported"));
}
