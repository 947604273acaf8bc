//! `rosterd audit verify DIR` of an evidence pack: every file, the chain, and that the population is what the
//! records say. Needs the pack alone; a public key, where its checkpoints are to be checked as well.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use super::verify::verdict;
use super::witness::Against;
use crate::model::digest::{Digest, sha256_hex};
use crate::report::pack::{self, Counts, FilePart, Link, Manifest, Outcome, Told};
use crate::report::words::clean;
use crate::store::{Verification, verify_archive, verify_lines};

/// A manifest names a dozen files and counts; a larger one is something else.
const LARGEST: u64 = 64 << 20;

/// Whether a directory is a pack, or what is left of one.
pub(super) fn is_one(dir: &Path) -> bool {
    let names = [pack::MANIFEST, pack::MANIFEST_SUM, pack::LOG, pack::HASHES, pack::POPULATION];
    names.iter().any(|name| dir.join(name).is_file())
}

/// Checks a pack, and tells all that is wrong with it.
pub(super) fn run(output: &Output, dir: &Path, against: Against) -> Result<Exit, Fault> {
    let mut check =
        Check { dir, shown: clean(&dir.display().to_string()).into_owned(), text: String::new(), bad: false };
    if let Some((manifest, sha256)) = check.manifest() {
        check.files(&manifest);
        match manifest.chain.records_included {
            true => {
                check.chain(&manifest);
                check.checkpoints(&manifest, against);
            }
            false => {
                check.hashes(&manifest);
                if !against.keys.is_empty() {
                    check.wrong(pack::HASHES, "signatures cannot be checked: the records are not in this pack");
                }
            }
        }
        check.text.push_str(&format!("manifest sha256 {sha256}\n"));
        if !check.bad {
            let at = "compare this digest with the one that was printed when the pack was made: nothing in the pack proves it";
            output.note(at);
        }
    }
    output.answer(&check.text)?;
    Ok(if check.bad { Exit::Unverified } else { Exit::Fine })
}

struct Check<'a> {
    dir: &'a Path,
    shown: String,
    text: String,
    bad: bool,
}

impl Check<'_> {
    fn say(&mut self, name: &str, what: &str) {
        self.text.push_str(&format!("{}/{}: {}\n", self.shown, clean(name), clean(what)));
    }

    fn wrong(&mut self, name: &str, what: &str) {
        self.bad = true;
        self.say(name, what);
    }

    fn open(&mut self, name: &str) -> Option<BufReader<File>> {
        match File::open(self.dir.join(name)) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) => {
                self.wrong(name, &missing(&error));
                None
            }
        }
    }

    fn manifest(&mut self) -> Option<(Manifest, String)> {
        let mut text = String::new();
        let read = self.open(pack::MANIFEST)?.take(LARGEST).read_to_string(&mut text);
        if let Err(error) = read {
            self.wrong(pack::MANIFEST, &missing(&error));
            return None;
        }
        let sha256 = sha256_hex(text.as_bytes());
        match std::fs::read_to_string(self.dir.join(pack::MANIFEST_SUM)) {
            Ok(sum) if sum == format!("{sha256}  {}\n", pack::MANIFEST) => {}
            Ok(_) => self.wrong(pack::MANIFEST, &format!("its SHA-256 is not the one in {}", pack::MANIFEST_SUM)),
            Err(error) => self.wrong(pack::MANIFEST_SUM, &missing(&error)),
        }
        match Manifest::parse(&text) {
            Ok(manifest) => Some((manifest, sha256)),
            Err(why) => {
                self.wrong(pack::MANIFEST, &format!("it cannot be read: {why}"));
                None
            }
        }
    }

    /// Every file is there and as it was written.
    fn files(&mut self, manifest: &Manifest) {
        let before = self.bad;
        let needed = [pack::POPULATION, pack::POPULATION_JSON, pack::REPORT, manifest.chain.file.as_str()];
        for name in needed {
            if !manifest.files.iter().any(|file| file.name == name) {
                self.wrong(pack::MANIFEST, &format!("it does not name {name}"));
            }
        }
        for file in &manifest.files {
            if let Err(what) = whole(self.dir, file) {
                self.wrong(&file.name, &what);
            }
        }
        if self.bad == before {
            self.text.push_str(&format!("{}: {} files are as the manifest says\n", self.shown, manifest.files.len()));
        }
        let Ok(entries) = std::fs::read_dir(self.dir) else { return };
        let mut others: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .filter(|name| ![pack::MANIFEST, pack::MANIFEST_SUM].contains(&name.as_str()))
            .filter(|name| !manifest.files.iter().any(|file| file.name == *name))
            .collect();
        others.sort();
        for name in others {
            self.say(&name, "note: it is no part of the pack, and was not checked");
        }
    }

    /// The records, their counts, and the population made anew.
    fn chain(&mut self, manifest: &Manifest) {
        let chain = &manifest.chain;
        let Some(log) = self.open(pack::LOG) else { return };
        let (Some(csv), Some(json)) = (self.open(pack::POPULATION), self.open(pack::POPULATION_JSON)) else { return };
        let mut same = [Same::new(csv), Same::new(json)];
        same[0].expect(0, pack::csv_headings().as_bytes());
        let mut counts = Counts::default();
        let (mut first, mut last) = (None, None);
        let verified = verify_lines(log, chain.anchor.seq, &chain.anchor.hash, |seq, record| {
            let told = Told::parse(record)?;
            counts.take(&told);
            first.get_or_insert_with(|| Link { seq, hash: sha256_hex(record.as_bytes()) });
            if let Some(outcome) = Outcome::of(&told, &pack::Who::Named) {
                same[0].expect(seq, outcome.csv().as_bytes());
                same[1].expect(seq, outcome.json().as_bytes());
            }
            Ok(())
        });
        let verification = match verified {
            Ok(verification) => verification,
            Err(error) => return self.wrong(pack::LOG, &missing(&error)),
        };
        let (text, exit) = verdict(&format!("{}/{}", self.shown, pack::LOG), &verification);
        self.text.push_str(&text);
        self.bad |= exit != Exit::Fine;
        let Verification::Verified { last: end, head_hash, .. } = verification else { return };
        last = end.map(|seq| Link { seq, hash: head_hash }).or(last);
        if first != chain.first || last != chain.last {
            self.wrong(
                pack::LOG,
                "it does not begin and end where the manifest says: records are missing, or too many",
            );
        }
        let told = &manifest.counts;
        if (counts.records, &counts.events, &counts.outcomes, &counts.runs)
            != (told.records, &told.events, &told.outcomes, &told.runs)
        {
            self.wrong(pack::MANIFEST, "its counts are not those of the records");
        }
        let rows = counts.events.get("outcome").copied().unwrap_or_default();
        for (same, name) in same.into_iter().zip([pack::POPULATION, pack::POPULATION_JSON]) {
            match same.ended() {
                Ok(()) => self.say(name, &format!("{rows} rows, as the records say")),
                Err(what) => self.wrong(name, &what),
            }
        }
    }

    /// The checkpoints among the records.
    fn checkpoints(&mut self, manifest: &Manifest, against: Against) {
        if self.bad {
            return;
        }
        if manifest.chain.first.is_none() {
            return self.say(pack::LOG, "no records: there is nothing to sign");
        }
        let path = self.dir.join(pack::LOG);
        match verify_archive(&path, &against.keys) {
            Ok(log) => {
                let (text, exit) = against.judge(&path, (&log.verification, &log.checkpoints), false, None);
                self.text.push_str(&text);
                self.bad |= exit != Exit::Fine;
            }
            Err(error) => self.wrong(pack::LOG, &missing(&error)),
        }
    }

    /// What can be checked where the records are not in the pack.
    fn hashes(&mut self, manifest: &Manifest) {
        let chain = &manifest.chain;
        let Some(hashes) = self.open(pack::HASHES) else { return };
        match links(hashes, chain.anchor.seq) {
            Ok((first, last)) if first == chain.first && last == chain.last => {}
            Ok(_) => self.wrong(pack::HASHES, "it does not begin and end where the manifest says"),
            Err(what) => return self.wrong(pack::HASHES, &what),
        }
        let records = chain.first.as_ref().zip(chain.last.as_ref()).map_or(0, |(first, last)| last.seq - first.seq + 1);
        let counts = &manifest.counts;
        if i64::try_from(counts.records) != Ok(records) || counts.events.values().sum::<u64>() != counts.records {
            self.wrong(pack::MANIFEST, "its counts do not add up to the numbers of the records");
        }
        let (Some(csv), Some(json)) = (self.open(pack::POPULATION), self.open(pack::POPULATION_JSON)) else { return };
        match population(csv, json, chain.anchor.seq, chain.last.as_ref().map_or(0, |last| last.seq)) {
            Ok(rows) if rows == counts.population => {
                self.say(pack::POPULATION, &format!("{rows} rows, each with the number of a record"));
            }
            Ok(_) => self.wrong(pack::POPULATION, "the manifest counts other rows"),
            Err(what) => self.wrong(pack::POPULATION, &what),
        }
        self.say(
            pack::HASHES,
            &format!(
                "{records} records by number and hash, without a gap. Not checked, because the records are not in this \
                 pack: that they have these hashes, that each joins the next, and that the population says what they say"
            ),
        );
    }
}

fn missing(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        _ => format!("it cannot be read: {}", io_text(error)),
    }
}

/// Size and digest of a file.
fn whole(dir: &Path, file: &FilePart) -> Result<(), String> {
    if file.name.is_empty() || file.name.contains('/') || file.name.starts_with('.') {
        return Err("the manifest names something that is no file of a pack".to_owned());
    }
    let mut reader = File::open(dir.join(&file.name)).map_err(|error| missing(&error))?;
    let (mut digest, mut bytes) = (Digest::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer).map_err(|error| missing(&error))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        digest.bytes(buffer.get(..read).unwrap_or_default());
    }
    match (bytes == file.bytes, digest.hex() == file.sha256) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("it has {bytes} bytes, and the manifest says {}", file.bytes)),
        (true, false) => Err("it is not the file that was written: its SHA-256 differs".to_owned()),
    }
}

/// A file that is compared with what it must be.
struct Same {
    reader: BufReader<File>,
    differs: Option<i64>,
}

impl Same {
    fn new(reader: BufReader<File>) -> Self {
        Self { reader, differs: None }
    }

    fn expect(&mut self, seq: i64, bytes: &[u8]) {
        if self.differs.is_none() {
            let mut found = vec![0; bytes.len()];
            let same = self.reader.read_exact(&mut found).is_ok() && found == bytes;
            self.differs = (!same).then_some(seq);
        }
    }

    fn ended(mut self) -> Result<(), String> {
        match (self.differs, self.reader.fill_buf().is_ok_and(<[u8]>::is_empty)) {
            (None, true) => Ok(()),
            (None, false) => Err("it has more than the records say".to_owned()),
            (Some(0), _) => Err("its headings are not those of a population".to_owned()),
            (Some(seq), _) => Err(format!("it is not what the records say; first at seq {seq}")),
        }
    }
}

/// The first and the last of a list of hashes without a gap.
fn links(reader: impl BufRead, anchor: i64) -> Result<(Option<Link>, Option<Link>), String> {
    let (mut first, mut last): (Option<Link>, Option<Link>) = (None, None);
    for line in reader.lines() {
        let next = last.as_ref().map_or(anchor, |last| last.seq).saturating_add(1);
        let line = line.map_err(|error| missing(&error))?;
        let link: Option<Link> = serde_json::from_str::<Value>(&line)
            .ok()
            .and_then(|line| Some(Link { seq: line["seq"].as_i64()?, hash: line["hash"].as_str()?.to_owned() }));
        let link = link.filter(|link| link.seq == next && link.hash.len() == 64);
        let link = link.ok_or_else(|| format!("First bad line: seq {next}: no number and hash, or not in order"))?;
        first.get_or_insert_with(|| link.clone());
        last = Some(link);
    }
    Ok((first, last))
}

/// Both forms of a population say the same, and each row has a number after `after` and up to `last`.
fn population(csv: BufReader<File>, json: BufReader<File>, after: i64, last: i64) -> Result<u64, String> {
    let mut same = Same::new(csv);
    same.expect(0, pack::csv_headings().as_bytes());
    let (mut rows, mut before) = (0, after);
    for line in json.lines() {
        let outcome = line.map_err(|error| missing(&error)).and_then(|line| Outcome::parse(&line))?;
        if outcome.seq <= before || outcome.seq > last {
            return Err(format!("a row bears the number {}, which is none of the records in their order", outcome.seq));
        }
        before = outcome.seq;
        rows += 1;
        same.expect(outcome.seq, outcome.csv().as_bytes());
    }
    same.ended().map(|()| rows)
}
