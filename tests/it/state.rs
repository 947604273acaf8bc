//! A state file that cannot be used stops the run before any call that writes, with a message that
//! names the file and what to do; a state that is gone makes every run a first one.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rosterd::simulator::{Fault, FaultKind, Moment, World};
use rosterd::store::{Access, Store};
use sqlx::{ConnectOptions, Connection, Executor, SqlSafeStr};

use crate::support::bench::{Bench, Ran, address, filtered};
use crate::support::servers;

/// The small company with a state of one run, and one removal and one addition to make.
fn used() -> Bench {
    let bench = Bench::small();
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.simulator().forget_requests();
    bench
}

/// A plan and an apply end with this code, say this about the state file and what to do, and neither
/// makes a call.
#[track_caller]
fn stops(bench: &Bench, code: i32, words: &str) {
    for args in [&["plan"][..], &["apply"], &["apply", "--format", "json"]] {
        let ran = bench.run(args).exits(code);
        complains(bench, &ran, words);
        assert_eq!(bench.calls(), [], "{args:?}");
    }
}

#[track_caller]
fn complains(bench: &Bench, ran: &Ran, words: &str) {
    assert_eq!(ran.stdout, "");
    let file = bench.state().display().to_string();
    assert!(ran.stderr.contains(&file), "it names {file}: {}", ran.stderr);
    assert!(ran.stderr.contains(words), "it says {words:?}: {}", ran.stderr);
    assert!(ran.stderr.contains("\nhelp: "), "it says what to do: {}", ran.stderr);
}

/// The commands that only look at the state.
#[track_caller]
fn looks(bench: &Bench, code: i32, words: &str) {
    let looks: [&[&str]; 5] = [
        &["holds"],
        &["status"],
        &["audit", "list"],
        &["audit", "verify"],
        &["approve", "h-000000000000", "--by", "Ann", "--reason", "checked"],
    ];
    for args in looks {
        let ran = bench.run(args).exits(code);
        complains(bench, &ran, words);
    }
}

/// Does something to the file behind rosterd's back.
pub(crate) fn meddle(path: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        conn.execute(sqlx::AssertSqlSafe(sql.to_owned()).into_sql_str()).await.unwrap();
        conn.close().await.unwrap();
    });
}

#[test]
fn a_file_that_is_something_else_is_refused_and_left_as_it_is() {
    let bench = used();
    let text = "name,mail\nann,ann@corp.example\n".repeat(100);
    let noise: Vec<u8> = (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [text.as_bytes(), &noise, b"\0", b"SQLite format 2\0"] {
        std::fs::write(bench.state(), bytes).unwrap();
        stops(&bench, 1, "it is not a database");
        assert_eq!(std::fs::read(bench.state()).unwrap(), bytes);
    }
    looks(&bench, 1, "it is not a database");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let bench = used();
    std::fs::write(bench.state(), "").unwrap();
    meddle(&bench.state(), "CREATE TABLE recipe (name TEXT)");
    let before = std::fs::read(bench.state()).unwrap();
    stops(&bench, 1, "it is a database of another program: it has a table \"recipe\"");
    looks(&bench, 1, "it is a database of another program");
    assert_eq!(std::fs::read(bench.state()).unwrap(), before);
}

#[test]
fn a_damaged_file_stops_everything() {
    let bench = used();
    let whole = std::fs::read(bench.state()).unwrap();
    let mut holes = whole.clone();
    for page in holes.chunks_mut(4096).skip(1) {
        page.fill(0x5a);
    }
    for bytes in [&holes[..], &whole[..whole.len() / 2]] {
        std::fs::write(bench.state(), bytes).unwrap();
        stops(&bench, 1, "it is damaged");
        looks(&bench, 1, "it is damaged");
    }
    let told = bench.run(&["apply"]).exits(1);
    insta::assert_snapshot!(filtered(&told.stderr), @r#"
    error: state file DIR/rosterd.db: it is damaged: database disk image is malformed
    help: stop rosterd, keep DIR/rosterd.db (with -wal and -shm) aside, and restore a copy made by `rosterd backup`
    "#);
    // Put back, all is well.
    std::fs::write(bench.state(), &whole).unwrap();
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_stored_value_that_makes_no_sense_stops_the_run() {
    let bench = used();
    let whole = std::fs::read(bench.state()).unwrap();
    for setting in ["member_id", "throttled_until", "own_account"] {
        let sql = format!("INSERT OR REPLACE INTO setting (name, value) VALUES ('{setting}', 'nonsense')");
        meddle(&bench.state(), &sql);
        stops(&bench, 1, &format!("it is damaged: table setting, row {setting:?}"));
        std::fs::write(bench.state(), &whole).unwrap();
    }
    for (sql, table) in
        [("UPDATE left_group SET members = '{'", "left_group"), ("UPDATE baseline SET people = -1", "baseline")]
    {
        meddle(&bench.state(), sql);
        stops(&bench, 1, &format!("it is damaged: table {table}"));
        std::fs::write(bench.state(), &whole).unwrap();
    }
}

#[test]
fn a_state_of_a_newer_version_is_refused() {
    let bench = used();
    meddle(
        &bench.state(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', TRUE, x'00', 0)",
    );
    stops(&bench, 1, "it was used by a newer version of rosterd (schema 99, this one knows ");
    looks(&bench, 1, "it was used by a newer version of rosterd");
    let told = bench.run(&["plan"]).exits(1);
    let told = regex::Regex::new(r"knows \d+").unwrap().replace(&told.stderr, "knows N").into_owned();
    insta::assert_snapshot!(filtered(&told), @r#"
    error: state file DIR/rosterd.db: it was used by a newer version of rosterd (schema 99, this one knows N)
    help: install that version again; a state is never taken back to an older one
    "#);
}

#[test]
fn a_path_that_is_wrong_is_a_mistake_of_the_configuration() {
    let bench = used();
    std::fs::remove_file(bench.state()).unwrap();
    looks(&bench, 2, "it does not exist");
    assert!(!bench.state().exists(), "looking makes no file");
    std::fs::create_dir(bench.state()).unwrap();
    stops(&bench, 2, "it is a directory");
    std::fs::remove_dir(bench.state()).unwrap();

    let mut bench = used();
    bench.state_path = "nowhere/rosterd.db".to_owned();
    let ran = bench.run(&["apply"]).exits(2);
    insta::assert_snapshot!(filtered(&ran.stderr), @r#"
    error: state file DIR/nowhere/rosterd.db: there is no directory DIR/nowhere
    help: create DIR/nowhere for the user that rosterd runs as, or mend `state.path`
    "#);
    assert!(!bench.path("nowhere").exists(), "a directory is never made");
    assert_eq!(bench.calls(), []);
}

#[test]
fn a_file_that_another_program_keeps_locked_stops_the_run() {
    let bench = used();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.state());
    let mut conn = runtime.block_on(options.connect()).unwrap();
    runtime.block_on(conn.execute("BEGIN IMMEDIATE")).unwrap();
    let ran = bench.run(&["apply"]).exits(1);
    complains(&bench, &ran, "another process keeps it locked");
    assert_eq!(bench.calls(), []);
    // One that lets go in time is waited for.
    let child = bench.start(&["apply"]);
    runtime.block_on(conn.execute("COMMIT")).unwrap();
    bench.wait(child).exits(0);
    bench.in_step();
}

#[test]
fn the_state_of_another_organisation_is_refused() {
    let bench = used();
    let mut world = World::new("Subsidiary");
    for name in ["ann", "bob", "cem", "dan"] {
        world.add_user(&address(name));
    }
    world.add_group("Compliance", &[&address("cem")]);
    let other = Bench::new(world);
    other.people(&["compliance,ann"]);
    std::fs::copy(bench.state(), other.state()).unwrap();
    for args in [&["plan"][..], &["apply"]] {
        let ran = other.run(args).exits(2);
        complains(&other, &ran, "it belongs to organisation \"Corp\"");
    }
    assert_eq!(other.writes(), []);
    assert_eq!(other.members("Compliance"), ["cem"]);
    let told = other.run(&["apply"]).exits(2);
    insta::assert_snapshot!(filtered(&told.stderr), @r#"
    error: state file DIR/rosterd.db: it belongs to organisation "Corp", and Hyperproof answered for "Subsidiary"
    help: use one state file for each organisation, or mend the credentials in [hyperproof]
    "#);
    // The state is still good for its own organisation.
    std::fs::copy(other.state(), bench.state()).unwrap();
    bench.apply(0);
    bench.in_step();
}

// A state that is gone.

#[test]
fn a_state_that_was_deleted_makes_every_removal_wait_again() {
    let mut bench = used();
    bench.rest = bench.rest.replace("first_removals = \"apply\"", "first_removals = \"hold\"");
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    for ending in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{ending}", bench.state().display()));
    }
    bench.people(&["compliance,ann", "compliance,eve"]);
    let run = bench.apply(11);
    assert_eq!((run["holds"][0]["rule"].as_str(), run["holds"].as_array().map(Vec::len)), (Some("first_run"), Some(1)));
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan", "eve"]);
    bench.run(&["audit", "verify"]).exits(0);
    let digest = run["digest"].as_str().unwrap();
    bench.run(&["approve", digest, "--by", "Ann", "--reason", "the state was lost"]).exits(0);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "eve"]);
    bench.in_step();
}

#[test]
fn a_state_that_was_deleted_makes_nobody_owned() {
    let mut bench = Bench::small();
    bench.rest.push_str("[group.Compliance]\nmode = \"owned\"\n");
    bench.people(&["compliance,ann", "compliance,dan"]);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"], "bob and cem were there before");
    std::fs::remove_file(bench.state()).unwrap();
    bench.people(&["compliance,ann"]);
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "cem", "dan"], "nobody knows who added dan");
    bench.in_step();
}

// Across processes.

#[test]
fn a_killed_process_leaves_no_lock_and_its_intents_are_found() {
    let bench = used();
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/**", FaultKind::Hold { moment: Moment::After }));
    let mut child = bench.start(&["apply"]);
    bench.until_held();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(Store::open(&bench.state(), Access::ExistingOnly)).unwrap();
    let now = jiff::Timestamp::now();
    let error = store.lock_run("the test", now).unwrap_err();
    assert!(error.to_string().contains(&format!("apply (process {} on ", child.id())), "{error}");
    assert!(store.running().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    bench.until_abandoned();
    assert_eq!(store.running(), None);
    drop(store.lock_run("the test", now).unwrap());
    let open = runtime.block_on(store.open_intents()).unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    runtime.block_on(store.close());

    let next = bench.apply(0);
    bench.in_step();
    bench.every_intent_has_an_outcome();
    let outcomes: Vec<_> = bench.audit().into_iter().filter(|record| record["intent"] == open[0].seq).collect();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    assert_eq!(outcomes[0]["run_id"], open[0].run.as_str(), "it belongs to the run that was killed");
    assert_eq!(outcomes[0]["recovered_by"], next["run_id"]);
    assert_eq!((&outcomes[0]["result"], &outcomes[0]["read_back"]), (&"done".into(), &true.into()));
}

// Disks. Only root may mount one.

/// A small file system of its own; unmounted when dropped.
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// None, and said so, where this process may not mount.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "rosterd-test"]).arg(&at).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self { at }),
            told => {
                skipped(&format!("{told:?}"));
                None
            }
        }
    }

    fn read_only(&self, is: bool) {
        let how = if is { "remount,ro" } else { "remount,rw" };
        assert!(Command::new("mount").args(["-o", how]).arg(&self.at).status().unwrap().success());
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.at.join("ballast")).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.at.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may have left somebody on it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not test shall not look as if it had")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: no file system could be mounted: {why}");
}

/// A used installation with its state on a disk of its own.
fn on_a_disk(size: &str) -> Option<(Disk, Bench)> {
    let mut bench = Bench::small();
    bench.state_path = "disk/rosterd.db".to_owned();
    let disk = Disk::mount(bench.path("disk"), size)?;
    bench.apply(0);
    bench.people(&["compliance,ann", "compliance,bob", "compliance,dan"]);
    bench.simulator().forget_requests();
    Some((disk, bench))
}

#[test]
fn a_disk_that_is_read_only_stops_the_run() {
    let Some((disk, bench)) = on_a_disk("4m") else { return };
    disk.read_only(true);
    stops(&bench, 1, "it cannot be written");
    let told = bench.run(&["apply"]).exits(1);
    insta::assert_snapshot!(filtered(&told.stderr), @r#"
    error: state file DIR/disk/rosterd.db: it cannot be written: opening DIR/disk/rosterd.db.migrate.lock: Read-only file system (os error 30)
    help: its file system is read-only: mount it so that it can be written (where the system made it so by itself, look at its log first: the disk may be failing). Commands that only look (`rosterd status`, `holds`, `explain`, `members`, `review`, `audit list`) work meanwhile
    "#);
    disk.read_only(false);
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_full_disk_stops_the_run_before_its_first_call() {
    let Some((disk, bench)) = on_a_disk("4m") else { return };
    disk.fill();
    let told = bench.run(&["apply"]).exits(1);
    complains(&bench, &told, "the disk is full");
    assert_eq!(bench.calls(), []);
    insta::assert_snapshot!(filtered(&told.stderr), @r#"
    error: state file DIR/disk/rosterd.db: the disk is full
    help: make room on the file system; nothing is sent until the state can be written
    "#);
    disk.make_room();
    bench.apply(0);
    bench.in_step();
}

#[test]
fn a_disk_that_fills_up_while_hyperproof_is_read_lets_no_call_be_made() {
    let Some((disk, bench)) = on_a_disk("4m") else { return };
    bench.simulator().inject(Fault::on("GET", "/v1/groups", FaultKind::Hold { moment: Moment::Before }));
    let child = bench.start(&["apply"]);
    bench.until_held();
    disk.fill();
    bench.simulator().release();
    let ran = bench.wait(child).exits(1);
    complains(&bench, &ran, "the disk is full");
    assert_eq!(bench.writes(), []);
    disk.make_room();
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    bench.in_step();
    bench.every_intent_has_an_outcome();
}

#[test]
fn a_disk_that_fills_up_while_a_call_is_made_lets_no_other_be_made() {
    let Some((disk, bench)) = on_a_disk("4m") else { return };
    bench.simulator().inject(Fault::on("PUT", "/v1/groups/**", FaultKind::Hold { moment: Moment::After }));
    let child = bench.start(&["apply"]);
    bench.until_held();
    disk.fill();
    bench.simulator().release();
    let ran = bench.wait(child).exits(1);
    complains(&bench, &ran, "the disk is full");
    assert_eq!(bench.writes().len(), 1, "{:?}", bench.writes());
    assert_eq!(bench.members("Compliance"), ["ann", "bob"], "its outcome could not be recorded");
    disk.make_room();
    bench.apply(0);
    assert_eq!(bench.members("Compliance"), ["ann", "bob", "dan"]);
    bench.in_step();
    bench.every_intent_has_an_outcome();
}

/// After a restore the first who looks is often root. What that makes is the owner's, as it is with SQLite's own files,
/// or the service could not open its state.
#[test]
fn what_root_makes_beside_the_state_is_its_owners() {
    const OWNER: u32 = 65534;
    if !servers::root("a state of another user") {
        return;
    }
    let mut bench = Bench::small();
    bench.apply(0);
    let copy = bench.state();
    let owned = |directory: &Path| {
        let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap()).collect();
        assert!(files.len() > 1, "{files:?}");
        for file in files {
            let found = file.metadata().unwrap();
            assert_eq!((found.uid(), found.gid()), (OWNER, OWNER), "{file:?}");
        }
    };
    bench.state_path = "restored/rosterd.db".to_owned();
    std::fs::create_dir(bench.path("restored")).unwrap();
    std::fs::copy(copy, bench.state()).unwrap();
    for path in [bench.path("restored"), bench.state()] {
        chown(path, Some(OWNER), Some(OWNER)).unwrap();
    }
    bench.run(&["status"]).exits(0);
    owned(&bench.path("restored"));
    bench.apply(0);
    owned(&bench.path("restored"));
    // Where there is no state yet, it is the directory's owner.
    bench.state_path = "new/rosterd.db".to_owned();
    std::fs::create_dir(bench.path("new")).unwrap();
    chown(bench.path("new"), Some(OWNER), Some(OWNER)).unwrap();
    bench.apply(0);
    owned(&bench.path("new"));
    // What somebody else put there is left as it is: it may lead to any file.
    let other = bench.path("other");
    std::fs::write(&other, "").unwrap();
    std::fs::remove_file(bench.path("new/rosterd.db.migrate.lock")).unwrap();
    std::os::unix::fs::symlink(&other, bench.path("new/rosterd.db.migrate.lock")).unwrap();
    bench.run(&["status"]).exits(0);
    assert_eq!(other.metadata().unwrap().uid(), 0);
}

/// A copy on a medium that is read-only, or a disk that the system made so: who looks gets the same answers.
#[test]
fn a_disk_that_is_read_only_can_be_looked_at() {
    let Some((disk, bench)) = on_a_disk("4m") else { return };
    bench.apply(0);
    let looks: [&[&str]; 6] = [
        &["status"],
        &["holds"],
        &["explain", "ann@corp.example", "Compliance"],
        &["members", "Compliance"],
        &["review", "Compliance"],
        &["audit", "list"],
    ];
    let all = || looks.map(|args| filtered(&bench.run(args).exits(0).stdout));
    let before = all();
    disk.read_only(true);
    assert_eq!(all(), before);
    // Nothing can be approved there, and nobody is told to be somebody else.
    let told = bench.run(&["approve", "h-000000000000", "--by", "Ann", "--reason", "checked"]).exits(1);
    assert!(told.stderr.contains("\nhelp: its file system is read-only"), "{}", told.stderr);
    disk.read_only(false);
    bench.in_step();
}

/// A copy that was made of a state in use: what was committed last is in the file beside it, and SQLite cannot read that
/// where nothing can be written. Whoever looks is told what is the case.
#[test]
fn a_copy_of_a_state_in_use_on_a_disk_that_is_read_only_is_told() {
    let mut bench = Bench::small();
    bench.apply(0);
    let Some(disk) = Disk::mount(bench.path("disk"), "4m") else { return };
    let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    let state = bench.state();
    bench.state_path = "disk/rosterd.db".to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::sqlite::SqliteConnectOptions::new().filename(&state).connect().await.unwrap();
        conn.execute("UPDATE run SET cause = cause").await.unwrap();
        std::fs::copy(&state, bench.state()).unwrap();
        std::fs::copy(beside(&state), beside(&bench.state())).unwrap();
        conn.close().await.unwrap();
    });
    disk.read_only(true);
    let path = bench.state().display().to_string();
    let (status, verify) = (bench.run(&["status"]).exits(1), bench.run(&["audit", "verify", &path]).exits(1));
    insta::assert_snapshot!(filtered(&status.stderr), @r"
    error: state file DIR/disk/rosterd.db: what was recorded last is in the file beside it whose name ends in -wal, and their file system is read-only
    help: copy DIR/disk/rosterd.db and DIR/disk/rosterd.db-wal together to where they can be written, and look at that copy. A copy made by `rosterd backup` has all in one file
    ");
    assert_eq!(filtered(&verify.stderr), filtered(&status.stderr));
    for args in [&["members", "Compliance"][..], &["holds"], &["audit", "list"]] {
        assert_eq!(bench.run(args).exits(1).stderr, status.stderr, "{args:?}");
    }
    // As it is told: both files, where they can be written.
    for path in [bench.state(), beside(&bench.state())] {
        std::fs::copy(&path, bench.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    bench.state_path = "rosterd.db".to_owned();
    bench.run(&["status"]).exits(0);
    bench.in_step();
}
