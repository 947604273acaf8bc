//! What a configuration without mistakes means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rosterd::config::{Config, Environment};
use rosterd::model::live::MemberIdKind;
use rosterd::model::notice::NoticeOn;
use rosterd::model::policy::{FirstRemovals, Lead, Limit, Mode, Selector};
use rosterd::notice::{MailTls, NoticeKind};
use rosterd::source::{Kind, csv};

use super::{BASE, Folder, base_with, load_text};

fn source(line: &str) -> csv::Settings {
    let text = base_with("path = \"hr/*.csv\"\n", &format!("path = \"hr/*.csv\"\n{line}\n"));
    let config = load_text(text).unwrap();
    let Kind::Csv(settings) = &config.sources.first().unwrap().kind else { panic!("another kind") };
    settings.clone()
}

fn limits(guard: &rosterd::model::policy::Guard) -> [(u32, u32); 6] {
    [
        guard.group_removals,
        guard.group_adds,
        guard.run_removals,
        guard.run_adds,
        guard.day_removals,
        guard.source_shrink,
    ]
    .map(|limit| (limit.percent, limit.floor))
}

#[test]
fn defaults() {
    let folder = Folder::new();
    let config = folder.load(BASE).unwrap();
    assert_eq!(config.file, folder.path("rosterd.toml"));
    assert_eq!(config.digest, rosterd::model::digest::sha256_hex(BASE.as_bytes()));
    let target = &config.target;
    assert_eq!(target.api_url, "https://api.hyperproof.app/v1");
    assert_eq!(target.token_url, "https://accounts.hyperproof.app/oauth/token");
    assert_eq!((target.client_id.as_str(), target.client_secret.expose()), ("id", "s3cret-value"));
    assert_eq!((target.scope.as_deref(), target.member_id, target.proxy.as_deref()), (None, None, None));
    assert_eq!((target.requests_per_minute, target.burst, target.concurrency, target.max_attempts), (120, 10, 4, 5));
    assert_eq!((target.timeout, target.max_wait), (Duration::from_secs(30), Duration::from_secs(300)));
    assert_eq!(target.eligible_types, ["activeUser"]);
    assert_eq!(config.policy.max_users_per_call, 200);
    assert_eq!(config.state.path, folder.path("state.db"));
    assert_eq!(config.state.retention, Duration::from_secs(400 * 86_400));
    assert!(config.schedule.is_none() && config.http.is_none() && config.notices.is_empty());
    assert!(config.audit.signing_key.is_none() && config.audit.checkpoint_file.is_none());
    assert_eq!(limits(&config.policy.guard), [(20, 3), (100, 20), (10, 20), (25, 100), (20, 40), (10, 10)]);
    assert_eq!(config.policy.guard.first_removals, FirstRemovals::Hold);
    assert_eq!(config.policy.guard.removal_grace, Duration::ZERO);
    let group = config.policy.group(&"Compliance".into());
    assert_eq!((group.mode, group.min_members, group.create, group.allow_empty), (Mode::Mirror, 0, false, false));
    assert_eq!((&group.lead, group.group_removals, group.group_adds), (&Lead::Untouched, None, None));
    let hr = source("");
    assert_eq!((hr.shape, hr.delimiter, hr.max_age), (csv::Shape::Rows, b',', None));
    assert_eq!((hr.group_column.as_str(), hr.email_column.as_str()), ("group", "email"));
    assert_eq!(hr.active_values, ["active", "enabled", "yes", "true", "1", ""]);
}

#[test]
fn regions_and_addresses() {
    let urls = |line: &str| {
        let config = load_text(base_with("client_id", &format!("{line}\nclient_id"))).unwrap();
        (config.target.api_url, config.target.token_url)
    };
    let token = "token_url = \"https://token.example/oauth/token/\"";
    assert_eq!(
        urls(&format!("region = \"eu\"\n{token}")),
        ("https://api.hyperproof.eu/v1".into(), "https://token.example/oauth/token".into())
    );
    assert_eq!(urls(&format!("region = \"gov\"\n{token}")).0, "https://api.hyperproofgov.app/v1");
    assert_eq!(urls("api_url = \"http://127.0.0.1:8080/v1/\"").0, "http://127.0.0.1:8080/v1");
    let config =
        load_text(base_with("client_id", "member_id = \"user_id\"\nproxy = \"http://proxy:3128/\"\nclient_id"))
            .unwrap();
    assert_eq!(config.target.member_id, Some(MemberIdKind::UserId));
    assert_eq!(config.target.proxy.as_deref(), Some("http://proxy:3128"));
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let folder = Folder::new();
    let config = folder.load(BASE).unwrap();
    let Kind::Csv(settings) = &config.sources.first().unwrap().kind else { panic!("another kind") };
    assert_eq!(settings.path, folder.path("hr/*.csv"));
    let odd = Folder::new();
    let file = odd.write("a [b]/rosterd.toml", BASE);
    let config = rosterd::config::load(&file, &odd.environment).unwrap();
    let Kind::Csv(settings) = &config.sources.first().unwrap().kind else { panic!("another kind") };
    let found: Vec<PathBuf> = {
        odd.write("a [b]/hr/one.csv", "");
        glob::glob(settings.path.to_str().unwrap()).unwrap().flatten().collect()
    };
    assert_eq!(found, [odd.path("a [b]/hr/one.csv")], "the folder's own brackets are no part of the glob");
    odd.write("hr [1.csv", "");
    let config = odd.load(base_with("hr/*.csv", "hr [1.csv")).unwrap();
    let Kind::Csv(settings) = &config.sources.first().unwrap().kind else { panic!("another kind") };
    assert_eq!(settings.path, odd.path("hr [1.csv"), "a file that is there is no pattern");
    let config = load_text(base_with("path = \"state.db\"", "path = \"/var/lib/x.db\"")).unwrap();
    assert_eq!(config.state.path, Path::new("/var/lib/x.db"));
}

#[test]
fn csv_sources() {
    let lists = source(
        "shape = \"lists\"\ndelimiter = '\\t'\nmax_age = \"26h\"\ncolumns = { groups = \"roles\", id = \"no\" }",
    );
    assert_eq!(lists.shape, csv::Shape::Lists { separator: ";".into() });
    assert_eq!((lists.group_column.as_str(), lists.email_column.as_str(), lists.delimiter), ("roles", "email", b'\t'));
    assert_eq!((lists.id_column.heading.as_str(), lists.id_column.required), ("no", true));
    assert_eq!((lists.status_column.heading.as_str(), lists.status_column.required), ("status", false));
    assert_eq!(lists.max_age, Some(Duration::from_secs(26 * 3600)));
    assert_eq!(source("shape = \"lists\"").group_column, "groups");
    let rows = source("active_values = [\" Ja \", \"NO\"]");
    assert_eq!(rows.group_column, "group");
    assert_eq!(rows.active_values, ["ja", "no"]);
    assert_eq!(
        rows.inactive_values,
        ["inactive", "disabled", "false", "0"],
        "a value that is given wins over a default"
    );
}

#[test]
fn mappings_in_their_order() {
    let config = load_text(BASE).unwrap();
    let shown: Vec<_> =
        config.policy.mappings.iter().map(|mapping| (mapping.from.as_str(), mapping.to.as_str())).collect();
    assert_eq!(shown, [("compliance", "Compliance"), ("^grc-(?<team>.+)$", "GRC ${team}")]);
    assert!(matches!(config.policy.mappings.last().unwrap().from, Selector::Pattern(_)));
}

#[test]
fn a_constant_behind_a_pattern_is_fine() {
    let text = base_with("to = \"GRC ${team}\"", "to = \"All of GRC\"");
    let config = load_text(format!("{text}[group.\"All of GRC\"]\n")).unwrap();
    assert_eq!(config.warnings, []);
}

#[test]
fn a_groups_own_key_wins_over_the_default() {
    let config = load_text(format!(
        "{BASE}[group_defaults]\nmode = \"report\"\nkeep = [\"a@b.c\"]\ncreate = true\nmin_members = 2\nguard = {{ group_removals = {{ percent = 50 }} }}\nlead = \"a@b.c\"\n\
         [group.Compliance]\nid = \"c0ffee\"\nmode = \"owned\"\nkeep = [\"x@y.z\", \"X@y.z\"]\nlead = \"\"\nguard = {{ group_removals = {{ floor = 9 }}, group_adds = {{ percent = 200 }} }}\n"
    ))
    .unwrap();
    let own = config.policy.group(&"Compliance".into());
    assert_eq!((own.mode, own.create, own.min_members), (Mode::Owned, true, 2));
    assert_eq!(own.id.as_ref().map(|id| id.as_str()), Some("c0ffee"));
    assert_eq!(own.keep.iter().map(|address| address.as_str()).collect::<Vec<_>>(), ["x@y.z"]);
    assert_eq!(own.lead, Lead::Cleared);
    assert_eq!(own.group_removals, Some(Limit { percent: 50, floor: 9 }), "what it leaves out is the default's");
    assert_eq!(own.group_adds, Some(Limit { percent: 200, floor: 20 }), "or the guard's");
    let other = config.policy.group(&"GRC blue".into());
    assert_eq!((other.mode, other.group_removals), (Mode::Report, Some(Limit { percent: 50, floor: 3 })));
    assert!(matches!(&other.lead, Lead::Person(address) if address.as_str() == "a@b.c"));
    assert!(other.id.is_none());
}

#[test]
fn identity_and_the_digest_over_both_files() {
    let folder = Folder::new();
    let text = format!(
        "{BASE}[identity]\naliases = \"aliases.csv\"\nrewrite = [{{ from = \"@a.b\", to = \"@c.d\" }}]\nignore = [\" svc-*@c.d \"]\n"
    );
    folder.write("aliases.csv", "from,to\nann@corp.local,ann@corp.example\n");
    let config = folder.load(&text).unwrap();
    let identity = &config.policy.identity;
    assert_eq!(identity.aliases.len(), 1);
    assert_eq!(identity.ignore, ["svc-*@c.d"]);
    assert_eq!(
        identity.rewrite.first().map(|rewrite| (rewrite.from.as_str(), rewrite.to.as_str())),
        Some(("@a.b", "@c.d"))
    );
    assert_eq!(folder.load(&text).unwrap().digest, config.digest);
    folder.write("aliases.csv", "from,to\nann@corp.local,ann@corp.example\n\n");
    assert_ne!(folder.load(&text).unwrap().digest, config.digest);
}

#[test]
fn schedule_http_and_notices() {
    let mut folder = Folder::new();
    folder.environment = Environment::of([("SECRET", "s"), ("HOOK", "https://hooks.example/")]);
    let config = folder
        .load(format!(
            "{BASE}[schedule]\ncron = \"0 6 * * MON\"\ntimezone = \"Europe/Berlin\"\njitter = \"0s\"\nrun_at_start = false\n\
             [http]\nlisten = \"[::1]:9797\"\n\
             [[notify]]\nkind = \"teams\"\nurl = {{ env = \"HOOK\" }}\n\
             [[notify]]\nkind = \"email\"\nserver = \"mail.corp.example:2525\"\nfrom = \"a@b.c\"\nto = [\"d@e.f\", \"g@h.i\"]\ntls = \"tls\"\non = [\"failed\", \"held\"]\npersonal_data = true\n"
        ))
        .unwrap();
    let schedule = config.schedule.unwrap();
    assert_eq!((schedule.jitter, schedule.run_at_start), (Duration::ZERO, false));
    let next = schedule.schedule.next_after("2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(next.to_string(), "2026-11-23T05:00:00Z");
    assert!(config.http.unwrap().listen.ip().is_loopback());
    let [teams, email] = config.notices.as_slice() else { panic!("two notices") };
    assert!(matches!(&teams.kind, NoticeKind::Teams { url } if url.expose() == "https://hooks.example/"));
    assert_eq!((teams.on.as_slice(), teams.personal_data), (&NoticeOn::ALL[..], false));
    let NoticeKind::Email { host, port, to, login, tls, .. } = &email.kind else { panic!("an e-mail") };
    assert_eq!(
        (host.as_str(), *port, to.len(), login.is_none(), *tls),
        ("mail.corp.example", Some(2525), 2, true, MailTls::Tls)
    );
    assert_eq!((email.on.as_slice(), email.personal_data), (&[NoticeOn::Held, NoticeOn::Failed][..], true));
}

#[test]
fn what_is_odd_and_no_mistake_is_a_warning() {
    let warnings = |text: String| {
        let config: Config = load_text(text).unwrap();
        config
            .warnings
            .iter()
            .map(|warning| format!("{}: {}", warning.place.rsplit('/').next().unwrap(), warning.text))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        warnings(base_with("client_id", "eligible_types = [\"activeUser\", \"robot\"]\nclient_id")),
        ["rosterd.toml:2: hyperproof.eligible_types[2]: \"robot\" is no account type that the vendor documents"]
    );
    assert_eq!(
        warnings(format!("{BASE}[[mapping]]\nsource = \"hr\"\ngroup = \"compliance\"\nto = \"Compliance \"\n")),
        ["rosterd.toml:22: mapping[3]: says the same as the mapping in line 13"]
    );
    assert_eq!(
        warnings(base_with("to = \"Compliance\"", "to = \"$team\"")),
        ["rosterd.toml:16: mapping[1].to: \"$team\" is taken as it is, because there is no pattern"]
    );
    assert_eq!(
        warnings(format!("{BASE}[[source]]\nname = \"idle\"\nkind = \"csv\"\npath = \"x\"\n")),
        ["rosterd.toml:23: source[2].name: no mapping uses the source \"idle\""]
    );
    assert_eq!(
        warnings(format!("{BASE}[schedule]\ncron = \"0 0 6 1-7 * MON\"\n")),
        ["rosterd.toml:23: schedule.cron: fires only on days that fit both the day of month and the weekday"]
    );
}
