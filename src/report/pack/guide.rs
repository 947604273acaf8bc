//! `VERIFY.md`: how a pack is checked, in plain words.

use super::manifest::Manifest;
use super::{LOG, MANIFEST_SUM};

/// The text for this pack.
pub fn guide(manifest: &Manifest) -> String {
    let mut text = String::from(HEAD);
    text.push_str(match manifest.chain.records_included {
        true => WITH_ROSTERD,
        false => WITH_ROSTERD_HIDDEN,
    });
    text.push_str(BY_HAND);
    text.push_str(match manifest.chain.records_included {
        true => CHAIN,
        false => CHAIN_HIDDEN,
    });
    text.push_str(&format!("{SAMPLE}{LIMITS}"));
    let sample = &manifest.sample;
    text.replace("SEED=0", &format!("SEED={}", sample.seed)).replace("SIZE=0", &format!("SIZE={}", sample.size))
}

/// What commands check in this pack, for the report.
pub(super) fn short(manifest: &Manifest) -> Vec<String> {
    let mut commands = vec!["rosterd audit verify DIRECTORY".to_owned(), format!("sha256sum -c {MANIFEST_SUM}")];
    commands.push("jq -r '.files[] | \"\\(.sha256)  \\(.name)\"' manifest.json | sha256sum -c -".to_owned());
    if manifest.chain.records_included {
        commands.push(format!("rosterd audit verify {LOG}"));
    }
    commands
}

const HEAD: &str = "\
# How to check this evidence pack

Nothing here needs the network, the machine that the pack comes from, or trust in whoever handed it over, but for one thing:
**the digest of `manifest.json`**. It was printed when the pack was made, and it stands in the log of the system, in the record
of the event `exported`. Ask for it on another way than the pack, and compare:

    sha256sum manifest.json

`manifest.json` has the SHA-256 and the size of every other file.

## With rosterd

    rosterd audit verify .

Ends with 0 when all is well, and with 15 when anything is not; it names the file and the first bad record.
";

const WITH_ROSTERD: &str = "\
It checks every file against the manifest; that each record of `log.jsonl` has the hash it bears and follows the one before it,
from the hash before the first record (`chain.anchor` in the manifest) to the last; that the counts are those of the records;
and it makes the population anew from the records and compares `population.csv` and `population.jsonl` byte by byte.
";

const WITH_ROSTERD_HIDDEN: &str = "\
It checks every file against the manifest, that the numbers of the records have no gap, and that each row of the population
bears the number of one of them. The records themselves are not in this pack, because they name people: that a hash is that of
its record, and that the population says what the records say, can be checked only where the log is.
";

const BY_HAND: &str = "
## Without rosterd

With `jq`, `sha256sum` and a shell (bash), in the directory of the pack. Each line that compares prints nothing when all is well.

The files:

    sha256sum -c manifest.sha256
    jq -r '.files[] | \"\\(.sha256)  \\(.name)\"' manifest.json | sha256sum -c -

";

const CHAIN: &str = "\
The chain: each record has its hash, and names the hash of the one before it.

    jq -r .record log.jsonl | while IFS= read -r r; do printf %s \"$r\" | sha256sum | cut -c-64; done | diff - <(jq -r .hash log.jsonl)
    diff <(jq -r '.record|fromjson|.prev' log.jsonl) <(jq -r .chain.anchor.hash manifest.json; jq -r .hash log.jsonl | head -n -1)

Completeness: the numbers have no gap, each record is counted once, and the population has a row for each outcome.

    diff <(jq .seq log.jsonl) <(seq $(jq '.chain.first.seq, .chain.last.seq' manifest.json))
    diff <(jq -r '.record|fromjson|.event' log.jsonl | sort | uniq -c | awk '{print $2, $1}') <(jq -r '.counts.events | to_entries[] | \"\\(.key) \\(.value)\"' manifest.json | sort)
    diff <(jq -r '.record|fromjson|select(.event == \"outcome\")|.seq' log.jsonl) <(jq .seq population.jsonl)
";

const CHAIN_HIDDEN: &str = "\
Completeness: the numbers have no gap, and the sum over the events is their count.

    diff <(jq .seq hashes.jsonl) <(seq $(jq '.chain.first.seq, .chain.last.seq' manifest.json))
    jq -e '([.counts.events[]] | add) == .chain.last.seq - .chain.first.seq + 1' manifest.json

Where the log is, `rosterd audit export` of the same period without `--pseudonymise` has the same hashes in `log.jsonl`.
";

const SAMPLE: &str = "
## The sample, drawn again

Joiners are rows with `add_member` and `done`, leavers rows with `remove_member` and `done`. Each row's digest is the SHA-256 of
`SEED:SEQ`; the rows with the smallest digests are the sample.

    SEED=0 SIZE=0
    draw() { jq -r \"select(.op == \\\"$1\\\" and .result == \\\"done\\\") | .seq\" population.jsonl | while read -r s; do echo \"$(printf %s \"$SEED:$s\" | sha256sum | cut -c-64) $s\"; done | sort | head -n $SIZE | cut -d' ' -f2; }
    draw add_member; draw remove_member

An auditor who wants a sample that nobody could know before picks the seed: `rosterd audit export … --seed N`.

";

const LIMITS: &str = "\
## What this shows, and what it does not

The chain shows that no record between the first and the last was changed, dropped, added or moved since. It does not show
that nobody wrote the whole chain anew before the pack was made: compare `verified.head` in the manifest with a checkpoint, a
backup, or an earlier pack that was kept where the system cannot write. Times are the clock's of the machine that wrote them.
Texts in tables that a spreadsheet would take for a formula are led by an apostrophe; `population.jsonl` has them as they are.
";
