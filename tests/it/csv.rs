//! Files of comma-separated values as a source: what is in them, and what is wrong with them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use proptest::prelude::*;
use rosterd::model::directory::{ReadFacts, SourceSnapshot};
use rosterd::model::evidence::{FileRead, ReadEvidence};
use rosterd::model::id::SourceName;
use rosterd::source::csv::{Column, Settings, Shape, read};

fn settings(path: &Path) -> Settings {
    let column = |heading: &str| Column { heading: heading.to_owned(), required: false };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Settings {
        path: path.to_owned(),
        shape: Shape::Rows,
        group_column: "group".to_owned(),
        email_column: "email".to_owned(),
        status_column: column("status"),
        id_column: column("id"),
        active_values: words(&["active", "enabled", "yes", "true", "1", ""]),
        inactive_values: words(&["inactive", "disabled", "no", "false", "0", "ausgeschieden über"]),
        delimiter: b',',
        max_age: None,
        final_line_end: true,
    }
}

fn lists(settings: Settings) -> Settings {
    Settings { shape: Shape::Lists { separator: ";".to_owned() }, group_column: "groups".to_owned(), ..settings }
}

fn read_now(settings: &Settings) -> SourceSnapshot {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(read(&SourceName::new("hr"), settings, &BTreeSet::new(), Timestamp::now()))
}

/// Files `a.csv`, `b.csv` … with these contents, read by the pattern `*.csv`.
fn read_files(contents: &[impl AsRef<[u8]>], adjust: impl Fn(Settings) -> Settings) -> SourceSnapshot {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    for (name, content) in ('a'..).zip(contents) {
        fs::write(dir.path().join(format!("{name}.csv")), content).expect("a temporary file can be written");
    }
    read_now(&adjust(settings(&dir.path().join("*.csv"))))
}

/// A snapshot as text: its people, its groups, then what is odd.
fn text(snapshot: &SourceSnapshot) -> String {
    let mut out = String::new();
    for person in &snapshot.people {
        let addresses: Vec<_> = person.addresses.iter().map(|address| address.as_str()).collect();
        let disabled = if person.disabled { " disabled" } else { "" };
        writeln!(out, "{} [{}] {}{disabled}", person.key, addresses.join(" "), person.origin)
            .expect("text can always be written to a String");
        assert_eq!(person.immutable, person.key.as_str().starts_with("id:"));
    }
    for group in &snapshot.groups {
        let keys: Vec<_> = group.people.iter().map(|person| snapshot.people[*person as usize].key.as_str()).collect();
        writeln!(out, "= {}: {}", group.name(), keys.join(" ")).expect("text can always be written to a String");
        assert_eq!(group.completeness, snapshot.completeness);
        assert_eq!((group.key.as_str(), group.immutable, group.groups.len()), (group.name(), false, 0));
    }
    for problem in &snapshot.problems {
        writeln!(out, "! {}: {}", problem.place, problem.text).expect("text can always be written to a String");
        assert!(!problem.to_string().contains("corp.example"), "problems are logged, and name nobody");
    }
    if !snapshot.completeness.is_complete() {
        writeln!(out, "incomplete").expect("text can always be written to a String");
    }
    assert!(snapshot.people.is_sorted_by(|a, b| a.key < b.key));
    assert!(snapshot.groups.is_sorted_by(|a, b| a.key < b.key));
    out
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// An open quote takes in all that follows: the columns may well be there, and the rows are not.
#[test]
fn a_heading_row_that_does_not_end_makes_no_empty_file() {
    let mut long = "group,email,\"note\n".to_owned();
    while long.len() < 3 << 20 {
        long.push_str("grc,eve@corp.example,x\n");
    }
    let many = format!("group,email{}\n", ",".repeat(2 << 20));
    for file in [long, many] {
        let snapshot = read_files(&["group,email\ngrc,ann@corp.example\n".to_owned(), file], |settings| settings);
        let text = text(&snapshot);
        assert!(
            text.contains("! b.csv: the heading row is longer than 1 MiB") && text.ends_with("incomplete\n"),
            "{text}"
        );
        assert_eq!(snapshot.watermark, None);
    }
}

#[test]
fn rows_of_memberships() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "one membership a row; a repeated one is harmless; spelling of addresses is as first given",
            &["group,email\ngrc,Ann@corp.example\n it , bob@corp.example \ngrc,ann@CORP.example\n"],
            &[
                "mail:ann@corp.example [Ann@corp.example] a.csv:2",
                "mail:bob@corp.example [bob@corp.example] a.csv:3",
                "= grc: mail:ann@corp.example",
                "= it: mail:bob@corp.example",
            ],
        ),
        (
            "names of groups are compared exactly",
            &["group,email\nGRC,ann@corp.example\ngrc,ann@corp.example\n"],
            &[
                "mail:ann@corp.example [ann@corp.example] a.csv:2",
                "= GRC: mail:ann@corp.example",
                "= grc: mail:ann@corp.example",
            ],
        ),
        (
            "an id gathers addresses, over files too, and rows without an id join it",
            &[
                "id,group,email\n,it,ann@corp.example\n7,grc,ann@corp.example\n",
                "email,id,group\nann.lee@corp.example,7,sales\nANN@corp.example,,ops\n,7,ops\n",
            ],
            &[
                "id:7 [ann@corp.example ann.lee@corp.example] a.csv:2",
                "= grc: id:7",
                "= it: id:7",
                "= ops: id:7",
                "= sales: id:7",
                "! a.csv:3: an id has several addresses",
            ],
        ),
        (
            "two ids with one address are two people, and a row without an id is neither's",
            &["id,group,email\n1,a,x@corp.example\n2,b,x@corp.example\n,c,x@corp.example\n"],
            &[
                "id:1 [x@corp.example] a.csv:2",
                "id:2 [x@corp.example] a.csv:3",
                "mail:x@corp.example [x@corp.example] a.csv:4",
                "= a: id:1",
                "= b: id:2",
                "= c: mail:x@corp.example",
            ],
        ),
        (
            "an id that looks like an address is nobody's address",
            &["id,group,email\nx@corp.example,a,\n,a,x@corp.example\n"],
            &[
                "id:x@corp.example [] a.csv:2",
                "mail:x@corp.example [x@corp.example] a.csv:3",
                "= a: id:x@corp.example mail:x@corp.example",
            ],
        ),
        (
            "people who are not active stay, marked",
            &["group,email,status\na,x@corp.example, Ausgeschieden ÜBER\na,y@corp.example,YES\na,z@corp.example,\n"],
            &[
                "mail:x@corp.example [x@corp.example] a.csv:2 disabled",
                "mail:y@corp.example [y@corp.example] a.csv:3",
                "mail:z@corp.example [z@corp.example] a.csv:4",
                "= a: mail:x@corp.example mail:y@corp.example mail:z@corp.example",
            ],
        ),
        (
            "byte order mark, CRLF, blank lines, quotes, a heading in other case",
            &["\u{feff}\"Group\",EMAIL\r\n\r\n\"R&D, \"\"core\"\"\",x@corp.example\r\n   \r\n"],
            &["mail:x@corp.example [x@corp.example] a.csv:3", "= R&D, \"core\": mail:x@corp.example"],
        ),
        ("headings alone are a company of nobody", &["group,email\n"], &[]),
    ];
    for (what, files, expected) in table {
        let snapshot = read_files(files, |settings| settings);
        assert_eq!(text(&snapshot), lines(expected), "{what}");
    }
}

#[test]
fn lists_of_groups() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "groups are parted, trimmed, and empty ones dropped",
            "email,groups\nx@corp.example, a ;;b;\ny@corp.example,\nz@corp.example,a;a\n",
            &[
                "mail:x@corp.example [x@corp.example] a.csv:2",
                "mail:y@corp.example [y@corp.example] a.csv:3",
                "mail:z@corp.example [z@corp.example] a.csv:4",
                "= a: mail:x@corp.example mail:z@corp.example",
                "= b: mail:x@corp.example",
            ],
        ),
        (
            "one person on two rows has the groups of both",
            "email,groups,id\nx@corp.example,a;b,1\nx@corp.example,c,\n",
            &["id:1 [x@corp.example] a.csv:2", "= a: id:1", "= b: id:1", "= c: id:1"],
        ),
    ];
    for (what, file, expected) in table {
        assert_eq!(text(&read_files(&[file], lists)), lines(expected), "{what}");
    }
}

#[test]
fn a_bad_row_makes_the_source_incomplete_and_is_named() {
    let table: &[(&[u8], &[&str])] = &[
        (b"group,email\n,x@corp.example\n", &["! a.csv:2: column \"group\" is empty"]),
        (b"group,email\na,\n", &["! a.csv:2: the row has neither an e-mail address nor an id"]),
        (b"group,email,id\na, , \n", &["! a.csv:2: the row has neither an e-mail address nor an id"]),
        (b"group,email\n\n\na,x.corp.example\n", &["! a.csv:4: column \"email\" is not an e-mail address"]),
        (
            b"group,email\na,mailto:x@corp.example\n",
            &["! a.csv:2: column \"email\" is not one e-mail address: it has ':' before its last @"],
        ),
        (
            b"group,email\na,\"x@corp.example,y@corp.example\"\n",
            &["! a.csv:2: column \"email\" is not one e-mail address: it has '@' before its last @"],
        ),
        (
            b"group,email\n\"a\nb\",x@c.example\n",
            &["! a.csv:2: column \"group\" has a line break or another control character in it"],
        ),
        (
            b"group,email,id\na,x@c.example,1\x002\n",
            &["! a.csv:2: column \"id\" has a line break or another control character in it"],
        ),
        (b"group,email\na,x@corp.example,\n", &["! a.csv:2: 3 fields where the heading row has 2"]),
        (b"group,email\na\n", &["! a.csv:2: 1 field where the heading row has 2"]),
        (b"group,email,note\na,x@corp.example,caf\xe9\n", &["! a.csv:2: the row is not UTF-8 text"]),
        (
            b"group,email\r\na,\"x@corp.example",
            &["! a.csv:2: a quote is opened and not closed before the end of the file"],
        ),
        (
            b"group,email,note\na,x@c.example,\"oops\nb,y@c.example,\"fine\n",
            &["! a.csv:2: a quote inside a field without quotes, or text beside a quoted field"],
        ),
        (
            b"group,email,status\na,x@corp.example,x@corp.example\n",
            &["! a.csv:2: status (an e-mail address) is neither active nor inactive"],
        ),
        (
            b"group,email,status\na,x@c.example,on leave\n",
            &["! a.csv:2: status \"on leave\" is neither active nor inactive"],
        ),
    ];
    for (file, expected) in table {
        let snapshot = read_files(&[file], |settings| settings);
        assert_eq!(text(&snapshot), lines(&[expected, &["incomplete"][..]].concat()), "{}", file.escape_ascii());
    }
}

#[test]
fn people_beside_a_bad_row_are_read_all_the_same() {
    let snapshot = read_files(&["group,email\na,x@corp.example\na,nonsense\na,y@corp.example\n"], |settings| settings);
    let expected = [
        "mail:x@corp.example [x@corp.example] a.csv:2",
        "mail:y@corp.example [y@corp.example] a.csv:4",
        "= a: mail:x@corp.example mail:y@corp.example",
        "! a.csv:3: column \"email\" is not an e-mail address",
        "incomplete",
    ];
    assert_eq!(text(&snapshot), lines(&expected));
}

#[test]
fn active_on_one_row_and_inactive_on_another_is_no_answer() {
    let files = [
        "id,group,email,status\n1,a,x@corp.example,active\n1,b,x@corp.example,active\n",
        "id,group,email,status\n,b,X@corp.example,inactive\n",
    ];
    let expected = [
        "id:1 [x@corp.example] a.csv:2 disabled",
        "= a: id:1",
        "= b: id:1",
        "! b.csv:2: the person is inactive here and active in a.csv:2",
        "incomplete",
    ];
    assert_eq!(text(&read_files(&files, |settings| settings)), lines(&expected));
}

#[test]
fn a_file_that_is_no_table_leaves_the_source_incomplete() {
    let utf16: Vec<u8> = "group,email\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xFF, 0xFE][..], &utf16].concat();
    let table: &[(&[u8], &str)] = &[
        (b"", "is empty: not even a heading row"),
        (b"\xEF\xBB\xBF\r\n \n", "is empty: not even a heading row"),
        (&utf16, "is UTF-16 text, and rosterd reads UTF-8"),
        (&marked, "is UTF-16 text, and rosterd reads UTF-8"),
        (b"team,email\n", "no column has the heading \"group\"; the headings are \"team\", \"email\""),
        (
            b"group,email,Email \n",
            "two columns have the heading \"email\"; the headings are \"group\", \"email\", \"Email\"",
        ),
    ];
    for (file, problem) in table {
        let good = b"group,email\na,x@corp.example\n".as_slice();
        let snapshot = read_files(&[file, good], |settings| settings);
        let expected = [
            "mail:x@corp.example [x@corp.example] b.csv:2",
            "= a: mail:x@corp.example",
            &format!("! a.csv: {problem}"),
            "incomplete",
        ];
        assert_eq!(text(&snapshot), lines(&expected));
    }
}

#[test]
fn a_named_column_that_one_file_lacks_leaves_the_source_incomplete() {
    let files = ["group,email,status\n", "group,email\n"];
    assert!(read_files(&files, |settings| settings).completeness.is_complete());
    let snapshot = read_files(&files, |mut settings| {
        settings.status_column.required = true;
        settings
    });
    let expected =
        ["! b.csv: no column has the heading \"status\"; the headings are \"group\", \"email\"", "incomplete"];
    assert_eq!(text(&snapshot), lines(&expected));
}

/// A file in which the heading was misspelt would make everybody in it active, or nobody followed.
#[test]
fn an_optional_column_that_another_file_has_is_missed() {
    let rows = "group,email,status\na,x@corp.example,inactive\n";
    let snapshot = read_files(&[rows, "group,email,state\na,y@corp.example,inactive\n"], |settings| settings);
    let expected = [
        "mail:x@corp.example [x@corp.example] a.csv:2 disabled",
        "mail:y@corp.example [y@corp.example] b.csv:2",
        "= a: mail:x@corp.example mail:y@corp.example",
        "! b.csv: no column has the heading \"status\", which a.csv has; the headings are \"group\", \"email\", \"state\"",
        "incomplete",
    ];
    assert_eq!(text(&snapshot), lines(&expected));
    assert_eq!(snapshot.columns, ["status", "final_line_end"].map(str::to_owned).into());
    let help = "mend the heading, or add the column; files that differ for good are sources of their own";
    assert_eq!(snapshot.problems[0].help.as_deref(), Some(help));

    let alone = read_files(&["group,email,state\na,y@corp.example,inactive\n"], |settings| settings);
    assert!(alone.completeness.is_complete(), "a source may have no such column");
    let ruled_out = read_files(&[rows, "group,email,id\na,x@corp.example,\n"], |mut settings| {
        settings.status_column.heading = String::new();
        settings.id_column.heading = String::new();
        settings
    });
    assert!(ruled_out.completeness.is_complete());
    assert_eq!(ruled_out.columns, ["final_line_end".to_owned()].into(), "no column");
    assert!(!ruled_out.people[0].disabled, "nobody asked");
}

/// What is wrong with half a row is not what is wrong with the file.
#[test]
fn a_file_that_ends_within_a_bad_row_looks_cut_short() {
    let start = "group,email,status\na,x@corp.example,active\n";
    for (rest, bad) in [
        ("a,y@corp.example,acti", "status \"acti\" is neither active nor inactive"),
        ("a,y@corp.ex", "2 fields where the heading row has 3"),
    ] {
        let snapshot = read_files(&[format!("{start}{rest}")], |settings| settings);
        let told: Vec<String> =
            snapshot.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.text)).collect();
        let cut = "a.csv:3: the file looks cut short: its last row is bad, and no line end comes after it";
        assert_eq!(told, [cut.to_owned(), format!("a.csv:3: {bad}")]);
        let ended = read_files(&[format!("{start}{rest}\n")], |settings| settings);
        assert_eq!(ended.problems.len(), 1, "a row of its own");
    }
    let fine = read_files(&[format!("{start}a,y@corp.example,active")], |settings| settings);
    assert!(fine.completeness.is_complete(), "many files have no line end at their end");
    let earlier = read_files(&["group,email\na,nobody\na,x@corp.example"], |settings| settings);
    assert_eq!(earlier.problems.len(), 1);
}

/// Whether a line end is missed later is asked of all files: what one of them never had is missed in none.
#[test]
fn that_all_files_end_with_a_line_end_is_remembered() {
    let (ended, old, open) = ("group,email\na,x@corp.example\n", "group,email\ra,x@corp.example\r", "group,email\na");
    let open = format!("{open},y@corp.example");
    let cases: [(&[&str], bool); 5] = [
        (&[ended], true),
        (&[ended, old], true),
        (&[&open], false),
        (&[ended, &open], false),
        (&[&open, ended], false),
    ];
    for (contents, all) in cases {
        let snapshot = read_files(contents, |settings| settings);
        assert!(snapshot.completeness.is_complete(), "{:?}", snapshot.problems);
        assert_eq!(snapshot.columns.contains("final_line_end"), all, "{contents:?}");
    }
}

#[test]
fn another_delimiter() {
    let semicolons = |settings| Settings { delimiter: b';', ..settings };
    let snapshot = read_files(&["group;email\n\"a;b\";x@corp.example\n"], semicolons);
    assert_eq!(snapshot.groups[0].name(), "a;b");
    let snapshot = read_files(&["group,email\na,x@corp.example\n"], semicolons);
    let help = snapshot.problems[0].help.as_deref();
    assert_eq!(help, Some("the row looks as if its delimiter were ',': set delimiter = ','"));
}

#[test]
fn many_bad_rows_are_all_counted_and_not_all_told() {
    let file = format!("group,email\n{}", "a,nobody\n".repeat(1234));
    let snapshot = read_files(&[file], |settings| settings);
    assert_eq!(snapshot.problems.len(), 101);
    assert_eq!(snapshot.problems[100].text, "and 1134 more bad rows");
    let rosterd::model::directory::Completeness::Incomplete { why } = &snapshot.completeness else {
        panic!("complete in spite of bad rows");
    };
    assert_eq!(why, "a.csv:2: column \"email\" is not an e-mail address (and 1233 more)");
    assert_eq!(in_full(&snapshot), "1 file, 1234 rows, fresh");
}

#[test]
fn an_id_column_that_holds_no_ids_is_found_out() {
    let rows: String = (0..70).map(|n| format!("a,x{n}@corp.example,same\n")).collect();
    let snapshot = read_files(&[format!("group,email,id\n{rows}")], |settings| settings);
    assert_eq!(snapshot.problems.len(), 7, "six rows, and that the id has several");
    assert_eq!(snapshot.problems[0].text, "its id has more than 64 addresses: the column \"id\" cannot be an id");
}

/// Few people under one value that is no id stay one person, and are told.
#[test]
fn an_id_with_several_addresses_is_told() {
    let rows = "group,email,id\na,x@corp.example,1\na,y@corp.example,n/a\nb,z@corp.example,n/a\na,X@corp.example,1\n";
    let snapshot = read_files(&[rows], |settings| settings);
    assert!(snapshot.completeness.is_complete());
    let told: Vec<String> = snapshot.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a.csv:3: an id has several addresses (help: all of them are taken for one person's; where there is no id, leave the column empty)"
        ]
    );
    let more = format!("{rows}b,p@corp.example,2\nb,q@corp.example,2\n");
    let snapshot = read_files(&[more], |settings| settings);
    let first = &snapshot.problems[0];
    let told = "2 ids have several addresses each, beginning with this one";
    assert_eq!((first.place.as_str(), first.text.as_str()), ("a.csv:3", told));
}

#[test]
fn what_is_not_there_is_unread() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d.csv")).unwrap();
    let at = |name: &str| dir.path().join(name);
    for (path, text) in [
        ("none.csv", "there is no such file"),
        ("none/*.csv", "no file matches"),
        ("d.csv", "is a directory"),
        ("*.csv", "is a directory"),
    ] {
        let snapshot = read_now(&settings(&at(path)));
        assert!(!snapshot.completeness.is_complete());
        assert_eq!(snapshot.problems.len(), 1);
        assert_eq!(snapshot.problems[0].text, text);
        assert_eq!(snapshot.evidence, "no files");
        assert!(snapshot.people.is_empty() && snapshot.groups.is_empty());
    }
}

#[test]
fn the_oldest_file_shows_whether_the_export_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let hours = |n: u64| Duration::from_secs(n * 3600 + 60);
    for (name, time) in [
        ("new.csv", SystemTime::now() - hours(1)),
        ("old.csv", SystemTime::now() - hours(30)),
        ("odd.csv", SystemTime::now() + hours(5)),
    ] {
        let file = fs::File::create(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name), "group,email\na,x@corp.example\n").unwrap();
        file.set_modified(time).unwrap();
    }
    let mut settings = settings(&dir.path().join("*.csv"));
    settings.max_age = Some(Duration::from_secs(40 * 3600));
    let snapshot = read_now(&settings);
    assert!(snapshot.completeness.is_complete(), "{:?}", snapshot.problems);
    assert_eq!(snapshot.evidence, "3 files, 3 rows");
    assert_eq!(in_full(&snapshot), "3 files, 3 rows, the oldest 30 h old");
    assert_eq!(snapshot.problems[0].place, "odd.csv");
    let text = &snapshot.problems[0].text;
    assert!(
        text.starts_with("was last written 2") && text.ends_with("Z, which is yet to come, so its age is not known")
    );

    settings.max_age = Some(Duration::from_secs(26 * 3600));
    let snapshot = read_now(&settings);
    let told = &snapshot.problems[0];
    assert_eq!(told.place, "old.csv");
    assert!(told.text.ends_with("Z, longer ago than max_age (26 h): the export has stopped"), "{}", told.text);
    assert_eq!(read_now(&settings).problems, snapshot.problems, "told alike by each read");
    assert!(!snapshot.completeness.is_complete());
}

#[test]
fn large_files_are_read_whole() {
    let mut file = String::from("group,email,id\n");
    for n in 0..200_000_u32 {
        writeln!(file, "g{},p{}@corp.example,{}", n % 50, n % 20_000, n % 20_000).unwrap();
    }
    let snapshot = read_files(&[file], |settings| settings);
    assert!(snapshot.completeness.is_complete());
    assert_eq!((snapshot.people.len(), snapshot.groups.len()), (20_000, 50));
    // p's rows are those of p, p + 20 000, …, and 20 000 is a multiple of 50: one group a person.
    assert!(snapshot.groups.iter().all(|group| group.people.len() == 400));
}

/// A row of a small company, so that people, ids and groups meet.
fn row() -> impl Strategy<Value = String> {
    // Ids have one address each: which of several comes first is the order of the rows by design.
    (0..4_u8, 0..6_u8, any::<bool>()).prop_map(|(group, person, with_id)| {
        let id = if with_id && person < 4 { person.to_string() } else { String::new() };
        let status = if person == 2 { "inactive" } else { "active" };
        format!("g{group},p{person}@corp.example,{status},{id}\n")
    })
}

/// How it was read, with the age of the files.
fn in_full(snapshot: &SourceSnapshot) -> String {
    snapshot.read.in_full(&snapshot.evidence, Timestamp::now())
}

/// Without origins, which name lines, without the age of the files, and without their bytes.
fn without_origins(mut snapshot: SourceSnapshot) -> SourceSnapshot {
    snapshot.evidence.clear();
    snapshot.facts = ReadFacts::default();
    snapshot.read = ReadEvidence::None;
    snapshot.watermark = None;
    for person in &mut snapshot.people {
        person.origin = String::new().into();
    }
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_rows_and_files_says_nothing(
        (rows, shuffled) in prop::collection::vec(row(), 0..20)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cut in 0..20_usize,
    ) {
        let file = |rows: &[String]| format!("group,email,status,id\n{}", rows.concat());
        let (a, b) = shuffled.split_at(cut.min(shuffled.len()));
        let one = read_files(&[file(&rows), file(&[])], |settings| settings);
        let two = read_files(&[file(a), file(b)], |settings| settings);
        prop_assert!(one.completeness.is_complete());
        prop_assert_eq!(without_origins(one), without_origins(two));
    }

    #[test]
    fn any_bytes_are_some_answer(
        head in prop::sample::select(vec!["", "group,email\n", "group,email,status,id\n", "email,groups\n"]),
        body in prop::collection::vec(prop_oneof![
            8 => prop::sample::select(b"ab@.,;\"\n\r 1".to_vec()),
            1 => any::<u8>(),
        ], 0..120),
        delimiter in prop_oneof![4 => Just(b','), 1 => any::<u8>()],
        as_lists in any::<bool>(),
        separator in "[;a]{0,2}",
    ) {
        let snapshot = read_files(&[[head.as_bytes(), &body].concat()], |settings| {
            let settings = Settings { delimiter, ..settings };
            if as_lists { Settings { shape: Shape::Lists { separator: separator.clone() }, ..lists(settings) } } else { settings }
        });
        // Building the text checks what must hold of any snapshot.
        text(&snapshot);
        let gaps = snapshot.problems.iter().filter(|problem| !problem.text.contains("several addresses"));
        prop_assert_eq!(snapshot.completeness.is_complete(), gaps.count() == 0);
    }

    /// Large files are read in many blocks, by several threads.
    #[test]
    fn what_is_said_ten_thousand_times_is_said_once(rows in prop::collection::vec(row(), 1..20)) {
        let times = 10_000_usize.div_ceil(rows.len());
        let file = |times| ["group,email,status,id\n".to_owned(), rows.concat().repeat(times)];
        let once = read_files(&[file(1).concat()], |settings| settings);
        let often = read_files(&[file(times).concat()], |settings| settings);
        prop_assert!(often.completeness.is_complete());
        prop_assert_eq!(&often.read, &ReadEvidence::Files(FileRead {
            files: 1,
            rows: (rows.len() * times) as u64,
            oldest: often.facts.written_at,
        }));
        prop_assert_eq!((once.people, once.groups), (often.people, often.groups));
    }
}
