//! The floors of the house: who may import whom, which outside crates stay inside which module, and
//! that every file says what it is for. Read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::lexer;

/// A top-level module: its floor, and what it may import from the crate.
struct Room {
    name: &'static str,
    floor: u8,
    may: &'static [&'static str],
}

const fn room(name: &'static str, floor: u8, may: &'static [&'static str]) -> Room {
    Room { name, floor, may }
}

/// A module imports from lower floors only, and of those only what is listed. `cli` alone may look
/// at its own floor, for `telemetry`.
const HOUSE: &[Room] = &[
    room("secret", 0, &[]),
    room("model", 0, &[]),
    room("reconcile", 1, &["model"]),
    room("report", 1, &["model"]),
    room("schedule", 1, &[]),
    room("signing", 1, &["model"]),
    room("tls", 1, &["secret"]),
    room("source", 2, &["model", "secret", "tls"]),
    room("target", 2, &["model", "secret", "tls"]),
    room("notice", 2, &["model", "secret", "tls"]),
    room("store", 2, &["model", "signing"]),
    room(
        "config",
        3,
        &[
            "model",
            "secret",
            "reconcile",
            "report",
            "schedule",
            "signing",
            "tls",
            "source",
            "target",
            "notice",
            "store",
        ],
    ),
    room("run", 3, &["model", "reconcile", "report", "source", "target", "store"]),
    room("daemon", 4, &["model", "secret", "run", "config", "schedule", "store", "notice", "report"]),
    room("status", 4, &["model", "secret", "report", "store"]),
    room("simulator", 4, &[]),
    room("telemetry", 5, &[]),
    room(
        "cli",
        5,
        &[
            "model",
            "secret",
            "reconcile",
            "report",
            "schedule",
            "signing",
            "tls",
            "source",
            "target",
            "notice",
            "store",
            "config",
            "run",
            "daemon",
            "status",
            "simulator",
            "telemetry",
        ],
    ),
    room("main", 6, &["cli"]),
];

/// Outside crates and the modules that they stay inside.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("zeroize", &["secret"]),
    ("idna", &["model"]),
    ("unicode_normalization", &["model", "source"]),
    ("regex", &["model", "reconcile", "config"]),
    ("aws_lc_rs", &["model", "signing", "tls"]),
    ("base64", &["signing"]),
    ("rustls", &["signing", "tls", "target"]),
    ("tokio_rustls", &["source"]),
    ("rustls_native_certs", &["tls"]),
    ("cron", &["schedule", "config"]),
    ("chrono", &["schedule", "config"]),
    ("glob", &["source", "config"]),
    ("ldap3", &["source"]),
    ("lber", &["source"]),
    ("reqwest", &["target", "notice"]),
    ("lettre", &["notice"]),
    ("governor", &["target"]),
    ("sqlx", &["store"]),
    ("toml", &["config"]),
    ("schemars", &["config"]),
    ("serde", &["report", "target", "store", "config", "simulator", "status"]),
    ("serde_json", &["report", "target", "store", "config", "simulator", "status", "cli"]),
    ("axum", &["simulator", "status"]),
    ("hyper", &["status"]),
    ("hyper_util", &["status"]),
    ("maud", &["report", "status"]),
    ("prometheus_client", &["status"]),
    ("subtle", &["status"]),
    ("tokio", &["source", "target", "notice", "store", "run", "daemon", "status", "simulator", "cli"]),
    ("sd_notify", &["daemon"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("anyhow", &["cli"]),
    ("indicatif", &["cli"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli", "report"]),
    ("tracing_subscriber", &["telemetry", "cli"]),
    ("tempfile", &["cli", "store", "simulator"]),
];

/// What floors 0 and 1 do not know: input, output, clocks, logs, threads. `tls` reads files of
/// authorities.
const IMPURE: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "io"],
    &["std", "net"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["tokio"],
    &["tracing"],
    &["SystemTime", "now"],
    &["Instant", "now"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["async"],
    &["await"],
];

/// A source file: where it is in `src`, and the paths that its code names.
struct Source {
    path: PathBuf,
    documented: bool,
    /// The modules from the crate's root down to this file.
    modules: Vec<String>,
    tokens: Vec<String>,
    /// Every path, with the trees of `use` taken apart. A name alone is a path too.
    paths: BTreeSet<Vec<String>>,
}

impl Source {
    fn new(path: &Path, text: &str) -> Self {
        let parts = path.with_extension("");
        let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
        let tokens = without_tests(lexer::tokens(text));
        Self {
            path: path.to_owned(),
            documented: text.starts_with("//!"),
            modules: parts.filter(|part| part != "mod").collect(),
            paths: paths(&tokens),
            tokens,
        }
    }

    /// Top-level modules that the code names, by `crate::`, the library's name, or `super::`.
    fn imports(&self) -> BTreeSet<&str> {
        let depth = self.modules.len();
        let imports = self.paths.iter().filter_map(|path| {
            let up = path.iter().take_while(|part| *part == "super").count();
            match path.first()?.as_str() {
                "crate" | "rosterd" => path.get(1),
                "super" if up == depth => path.get(depth),
                _ => None,
            }
        });
        imports.map(String::as_str).collect()
    }

    /// Whether the code names an outside crate, and not a module of ours of the same name.
    fn names_crate(&self, name: &str) -> bool {
        let declared = self.tokens.windows(2).any(|pair| pair[0] == "mod" && pair[1] == name);
        let imported = self.paths.iter().any(|path| {
            let ours = matches!(path.first().map(String::as_str), Some("crate" | "super" | "self"));
            ours && path.iter().any(|part| part == name)
        });
        let used = self.paths.iter().any(|path| path.len() > 1 && path[0] == name);
        let alone = self.tokens.windows(2).any(|pair| pair[0] == "use" && pair[1] == name);
        (used || alone) && !declared && !imported
    }

    /// Whether the code names this somewhere in a path.
    fn names(&self, part: &[&str]) -> bool {
        self.paths.iter().any(|path| path.windows(part.len()).any(|window| window == part))
    }

    /// Files of modules that are built for tests alone.
    fn test_modules(&self) -> impl Iterator<Item = Vec<String>> {
        let marks = self.tokens.windows(3).filter(|three| three[0] == TEST_MODULE && three[2] == ";");
        marks.map(|three| {
            let mut modules = self.modules.clone();
            modules.push(three[1].clone());
            modules
        })
    }
}

/// Stands for `#[cfg(test)] mod` in front of a module in a file of its own.
const TEST_MODULE: &str = "#test";

/// Takes inline modules of tests away, and marks those in files of their own.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        match test_module(rest) {
            Some(module) if module.get(1).is_some_and(|token| token == "{") => rest = behind_braces(&module[1..]),
            Some(module) => {
                kept.push(TEST_MODULE.to_owned());
                rest = module;
            }
            None => {
                kept.push(first.clone());
                rest = behind;
            }
        }
    }
    kept
}

/// From the name of a module on, where `#[cfg(test)]`, perhaps more attributes, and `mod` begin here.
fn test_module(tokens: &[String]) -> Option<&[String]> {
    let mut rest = tokens;
    let mut test = false;
    while let [hash, open, ..] = rest
        && (hash.as_str(), open.as_str()) == ("#", "[")
    {
        let end = rest.iter().position(|token| token == "]")?;
        let attribute = &rest[2..end];
        let says = |word: &str| attribute.iter().any(|token| token == word);
        test |= says("cfg") && says("test") && !says("not");
        rest = &rest[end + 1..];
    }
    let (module, rest) = rest.split_first()?;
    (test && module == "mod").then_some(rest)
}

fn behind_braces(tokens: &[String]) -> &[String] {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &tokens[at + 1..];
        }
    }
    &[]
}

fn paths(tokens: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let inside = at >= 2 && tokens[at - 1] == "::" && is_name(&tokens[at - 2]);
        if is_name(token) && !inside {
            path(&tokens[at..], Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, and the tree behind it if there is one. Returns how many tokens it has.
fn path(tokens: &[String], mut before: Vec<String>, found: &mut BTreeSet<Vec<String>>) -> usize {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token == "{" {
            return at + tree(&tokens[at..], &before, found);
        }
        if !is_name(token) {
            break;
        }
        before.push(token.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    found.insert(before);
    at
}

fn tree(tokens: &[String], before: &[String], found: &mut BTreeSet<Vec<String>>) -> usize {
    let mut at = 1;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "}" => return at + 1,
            name if is_name(name) => at += path(&tokens[at..], before.to_vec(), found),
            _ => at += 1,
        }
    }
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Everything that is against the plan of the house.
fn violations(sources: &[Source]) -> Vec<String> {
    let tests: BTreeSet<Vec<String>> = sources.iter().flat_map(Source::test_modules).collect();
    let mut found = Vec::new();
    for source in sources {
        let path = source.path.display();
        if !source.documented {
            found.push(format!("{path}: does not open with module docs"));
        }
        let Some(top) = source.modules.first().filter(|top| *top != "lib") else {
            continue;
        };
        match HOUSE.iter().find(|room| room.name == top) {
            Some(_) if tests.contains(&source.modules) => {}
            Some(room) => found.extend(judge(source, room).map(|text| format!("{path}: {text}"))),
            None => found.push(format!("{path}: module {top} is not in the table of floors")),
        }
    }
    found
}

/// What a file does that its room does not allow.
fn judge(source: &Source, room: &Room) -> impl Iterator<Item = String> {
    let top = room.name;
    let known = |name: &str| HOUSE.iter().any(|room| room.name == name);
    let imports = source.imports().into_iter();
    let imports = imports.filter(move |name| *name != top && known(name) && !room.may.contains(name));
    let imports = imports.map(move |name| format!("{top} must not import {name}"));
    let outside = OUTSIDE.iter().filter(move |(name, inside)| source.names_crate(name) && !inside.contains(&top));
    let outside = outside.map(move |(name, _)| format!("{name} must not be used in {top}"));
    let impure = IMPURE.iter().filter(move |part| {
        let allowed = room.floor > 1 || (top == "tls" && matches!(**part, ["std", "fs" | "io"]));
        !allowed && source.names(part)
    });
    let impure = impure.map(move |part| format!("{} on floor {}", part.join("::"), room.floor));
    imports.chain(outside).chain(impure)
}

fn read(directory: &Path, root: &Path, into: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read(&path, root, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            into.push(Source::new(path.strip_prefix(root).unwrap(), &text));
        }
    }
}

#[test]
fn every_module_keeps_to_its_floor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read(&root, &root, &mut sources);
    assert!(sources.len() > 10, "the sources were not found");
    let found = violations(&sources);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_itself_goes_downwards() {
    let floors: BTreeMap<&str, u8> = HOUSE.iter().map(|room| (room.name, room.floor)).collect();
    for room in HOUSE {
        for name in room.may {
            let downwards = floors[name] < room.floor || (room.name == "cli" && *name == "telemetry");
            assert!(downwards, "{} may import {name}", room.name);
        }
    }
}

/// What is found wrong with one file.
fn verdict(path: &str, text: &str) -> Vec<String> {
    violations(&[Source::new(Path::new(path), text)])
}

#[test]
fn a_violation_is_found_however_it_is_written() {
    let wrong = [
        ("model/a.rs", "//! x\nuse crate::report::words;"),
        ("model/a.rs", "//! x\nfn f() -> crate::store::Store { todo() }"),
        ("report/a.rs", "//! x\nuse crate::{model::id, store::Store};"),
        ("report/a.rs", "//! x\nuse crate::{\n    model::{id, run},\n    store,\n};"),
        ("source/csv/file.rs", "//! x\nuse super::super::super::target::Settings;"),
        ("tls.rs", "//! x\nuse super::source::Source;"),
        ("source/mod.rs", "//! x\nuse crate::store::Store;"),
        ("simulator/api.rs", "//! x\nuse crate::model::id::GroupId;"),
        ("main.rs", "//! x\nfn main() { rosterd::store::open(); }"),
        ("reconcile/a.rs", "//! x\nuse sqlx::Row;"),
        ("run/a.rs", "//! x\nfn f(_: reqwest::Client) {}"),
        ("model/a.rs", "//! x\n#[derive(serde::Serialize)]\nstruct A;"),
        ("reconcile/a.rs", "//! x\nfn f() { std::fs::read(p); }"),
        ("report/a.rs", "//! x\nfn f() { let now = Timestamp::now(); }"),
        ("report/a.rs", "// no module docs\n"),
        ("helpers.rs", "//! x\n"),
    ];
    for (path, text) in wrong {
        assert_eq!(verdict(path, text).len(), 1, "{path}: {text}\n{:?}", verdict(path, text));
    }
}

#[test]
fn what_is_allowed_is_not_complained_about() {
    let right = [
        ("report/a.rs", "//! x\nuse crate::model::id::GroupId;\nuse super::words;\nuse crate::report::look;"),
        ("report/a.rs", "//! See crate::store.\n// crate::store\nconst A: &str = \"crate::store sqlx::x\";"),
        ("report/a.rs", "//! x\n#[cfg(test)]\nmod tests {\n    use crate::store::Store;\n}"),
        ("source/mod.rs", "//! x\npub mod csv;\nfn f(_: csv::Settings) {}"),
        ("cli/plan.rs", "//! x\nuse crate::source::csv;\nfn f(_: csv::Settings) {}"),
        ("config/a.rs", "//! x\nuse crate::{model::id, source::{Source, csv}, tls};"),
        ("cli/mod.rs", "//! x\nuse crate::telemetry;"),
        ("tls.rs", "//! x\nuse crate::secret::Secret;\nfn f() { std::fs::read(p); }"),
    ];
    for (path, text) in right {
        assert_eq!(verdict(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn modules_for_tests_alone_may_do_more() {
    let parent = "//! x\n#[cfg(test)]\nmod laws;\nmod other;";
    let child = "//! x\nuse regex::Regex;";
    let judged = |name: &str| {
        violations(&[Source::new(Path::new("report/mod.rs"), parent), Source::new(Path::new(name), child)])
    };
    assert_eq!(judged("report/laws.rs"), Vec::<String>::new());
    assert_eq!(judged("report/other.rs"), ["report/other.rs: regex must not be used in report"]);
}
