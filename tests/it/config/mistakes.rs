//! One case for every possible mistake: what it says, and on which line.

use proptest::prelude::*;

use super::{BASE, Folder, base_with, load_text, mistakes_in};

/// Replacing a part of the base yields exactly these mistakes.
#[track_caller]
fn replaced(part: &str, replacement: &str, expected: &[&str]) {
    assert_eq!(mistakes_in(load_text(base_with(part, replacement))), expected, "{replacement}");
}

/// Lines added at the end of the base (the first of them is line 22) yield exactly these.
#[track_caller]
fn added(lines: &str, expected: &[&str]) {
    assert_eq!(mistakes_in(load_text(format!("{BASE}{lines}"))), expected, "{lines}");
}

/// A key of `[hyperproof]`, which lands in line 2.
#[track_caller]
fn hyperproof(line: &str, expected: &[&str]) {
    replaced("client_id = \"id\"", &format!("{line}\nclient_id = \"id\""), expected);
}

/// A key of the source, which lands in line 12.
#[track_caller]
fn source(line: &str, expected: &[&str]) {
    replaced("path = \"hr/*.csv\"\n", &format!("path = \"hr/*.csv\"\n{line}\n"), expected);
}

#[test]
fn the_base_has_none() {
    added("", &[]);
    assert_eq!(load_text(BASE).unwrap().warnings, []);
}

#[test]
fn all_are_told_at_once_in_the_order_of_the_file() {
    let text = "colour = 1\n[hyperproof]\nregoin = \"us\"\nburst = \"many\"\n[state]\nretention = \"long\"\n[[mapping]]\nto = \"\"\n";
    let folder = Folder::new();
    let mistakes = folder.load(text).unwrap_err();
    let shown = mistakes.to_string().replace(&folder.path("").display().to_string(), "/etc/");
    insta::assert_snapshot!(shown, @r#"
    /etc/rosterd.toml: source: is missing
      help: add a [[source]]: where people and directory groups come from.
    /etc/rosterd.toml:1: colour: is not a known key
      help: known here: hyperproof, state, schedule, identity, guard, source, mapping, group_defaults, group, audit, http, notify
    /etc/rosterd.toml:2: hyperproof.client_id: is missing
      help: OAuth client id, from the API client made in Hyperproof.
    /etc/rosterd.toml:2: hyperproof.client_secret: is missing
      help: OAuth client secret, from the same place. Write client_secret = { credential = "name" }, { file = "path" } or { env = "NAME" }.
    /etc/rosterd.toml:3: hyperproof.regoin: is not a known key
      help: did you mean "region"?
    /etc/rosterd.toml:4: hyperproof.burst: must be a whole number, but is a text
    /etc/rosterd.toml:5: state.path: is missing
      help: The SQLite file, such as "/var/lib/rosterd/rosterd.db". It is bound to one organisation.
    /etc/rosterd.toml:6: state.retention: "long" is not a duration
      help: write numbers with the units ms, s, m, h and d, such as "30s", "15m", "24h", "400d" or "1h 30m"
    /etc/rosterd.toml:7: mapping[1].group: is missing, and so is match
      help: group names one directory group, match is a regular expression for many
    /etc/rosterd.toml:7: mapping[1].source: is missing
      help: The name of a source.
    /etc/rosterd.toml:8: mapping[1].to: is empty
    11 mistakes in the configuration
    "#);
}

#[test]
fn the_file_itself() {
    let folder = Folder::new();
    let missing = rosterd::config::load(&folder.path("none.toml"), &folder.environment);
    assert_eq!(mistakes_in(missing), ["- : cannot be read: no such file or directory"]);
    let text = "a = 1\nb = \"\u{e9}\"\n".replace('\u{e9}', "?").into_bytes();
    let text: Vec<u8> = text.into_iter().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
    assert_eq!(mistakes_in(load_text(text)), ["- : is not text (UTF-8): the first wrong byte is on line 2"]);
    assert_eq!(mistakes_in(load_text(vec![b' '; 17 << 20])), ["- : is too large for a configuration"]);
    assert_eq!(
        mistakes_in(load_text("")),
        ["- hyperproof: is missing", "- mapping: is missing", "- source: is missing", "- state: is missing"]
    );
}

#[test]
fn broken_toml_has_line_and_column() {
    let mistakes = load_text("[state]\npath = nowhere\n[hyperproof\n").unwrap_err();
    let places: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect();
    assert_eq!(places, [(Some(2), Some(8)), (Some(3), Some(12))]);
    assert!(mistakes.iter().all(|mistake| mistake.text.starts_with("is not TOML: ")), "{mistakes}");
    assert_eq!(mistakes_in(load_text("a = 1\na = 2\n")), ["2 : is not TOML: duplicate key"]);
}

#[test]
fn unknown_keys_everywhere() {
    added("[gaurd]\n", &["22 gaurd: is not a known key"]);
    hyperproof("region_ = 1", &["2 hyperproof.region_: is not a known key"]);
    source("list_seperator = \";\"", &["12 source[1].list_seperator: is not a known key"]);
    source("columns = { mail = \"x\" }", &["12 source[1].columns.mail: is not a known key"]);
    added("[group_defaults]\nid = \"x\"\n", &["23 group_defaults.id: is not a known key"]);
    added(
        "[group.Compliance]\nguard = { run_adds = { percent = 1 } }\n",
        &["23 group.Compliance.guard.run_adds: is not a known key"],
    );
    added(
        "[identity]\nrewrite = [{ from = \"@a.b\", to = \"@c.d\", at = 1 }]\n",
        &["23 identity.rewrite[1].at: is not a known key"],
    );
    added(
        "[[notify]]\nkind = \"slack\"\nurl = { env = \"SECRET\" }\nserver = \"x\"\n",
        &["24 notify[1].url: what it names is not a web address", "25 notify[1].server: is not a known key"],
    );
}

#[test]
fn wrong_types_name_what_was_expected() {
    hyperproof("scope = 1", &["2 hyperproof.scope: must be a text in quotes, but is a whole number"]);
    hyperproof("burst = 1.5", &["2 hyperproof.burst: must be a whole number, but is a number with a fraction"]);
    hyperproof("timeout = 30", &["2 hyperproof.timeout: must be a duration in quotes, but is a whole number"]);
    hyperproof("region = true", &["2 hyperproof.region: must be one of \"us\", \"eu\", \"gov\", but is true or false"]);
    hyperproof("api_url = []", &["2 hyperproof.api_url: must be a web address in quotes, but is a list"]);
    hyperproof(
        "eligible_types = \"activeUser\"",
        &["2 hyperproof.eligible_types: must be a list in brackets, but is a text"],
    );
    hyperproof(
        "eligible_types = [\"activeUser\",\n 1]",
        &["3 hyperproof.eligible_types[2]: must be a text in quotes, but is a whole number"],
    );
    added("[group_defaults]\ncreate = \"yes\"\n", &["23 group_defaults.create: must be true or false, but is a text"]);
    added(
        "[group_defaults]\nkeep = [1]\n",
        &["23 group_defaults.keep[1]: must be an e-mail address in quotes, but is a whole number"],
    );
    added("[group]\nCompliance = 1\n", &["23 group.Compliance: must be a table, but is a whole number"]);
    added("[guard]\nrun_adds = 5\n", &["23 guard.run_adds: must be a table, but is a whole number"]);
    added("[notify]\nkind = \"slack\"\n", &["22 notify: must be a list of tables, but is a table"]);
    added("[schedule]\ncron = 2026-01-01\n", &["23 schedule.cron: must be a text in quotes, but is a date or time"]);
}

#[test]
fn the_organisation() {
    replaced("client_id = \"id\"\n", "", &["1 hyperproof.client_id: is missing"]);
    replaced("client_id = \"id\"", "client_id = \" \"", &["2 hyperproof.client_id: is empty"]);
    hyperproof("region = \"uk\"", &["2 hyperproof.region: must be one of \"us\", \"eu\", \"gov\", but is \"uk\""]);
    hyperproof(
        "region = \"eu\"",
        &["1 hyperproof.token_url: is missing, and the vendor publishes none for region \"eu\""],
    );
    hyperproof(
        "region = \"gov\"",
        &["1 hyperproof.token_url: is missing, and the vendor publishes none for region \"gov\""],
    );
    hyperproof("api_url = \"api.hyperproof.app\"", &["2 hyperproof.api_url: is not a web address"]);
    hyperproof("api_url = \"ftp://api.hyperproof.app\"", &["2 hyperproof.api_url: must begin with https://"]);
    hyperproof(
        "token_url = \"http://accounts.hyperproof.app\"",
        &["2 hyperproof.token_url: is plain http:// to another machine, which sends everything in clear"],
    );
    hyperproof("token_url = \"https://me:pw@host/\"", &["2 hyperproof.token_url: holds a user name or a password"]);
    hyperproof("token_url = \"https://host/?key=1\"", &["2 hyperproof.token_url: has a query (?) or a fragment (#)"]);
    hyperproof("proxy = \"http://me:pw@proxy:3128\"", &["2 hyperproof.proxy: holds a user name or a password"]);
    hyperproof("proxy = \"socks5://proxy\"", &["2 hyperproof.proxy: must begin with https://"]);
    hyperproof(
        "member_id = \"userId\"",
        &["2 hyperproof.member_id: must be one of \"auto\", \"user_id\", \"id\", but is \"userId\""],
    );
    hyperproof("requests_per_minute = 0", &["2 hyperproof.requests_per_minute: must be from 1 to 1000000"]);
    hyperproof("burst = 0", &["2 hyperproof.burst: must be from 1 to 100000"]);
    hyperproof("concurrency = 257", &["2 hyperproof.concurrency: must be from 1 to 256"]);
    hyperproof("max_users_per_call = 0", &["2 hyperproof.max_users_per_call: must be from 1 to 10000"]);
    hyperproof("max_attempts = -1", &["2 hyperproof.max_attempts: must be from 1 to 20"]);
    hyperproof("max_attempts = 99999999999999999999", &["2 hyperproof.max_attempts: must be from 1 to 20"]);
    hyperproof("timeout = \"0s\"", &["2 hyperproof.timeout: must be at least 1s"]);
    hyperproof("max_wait = \"-5m\"", &["2 hyperproof.max_wait: \"-5m\" is not a duration"]);
    hyperproof(
        "eligible_types = []",
        &["2 hyperproof.eligible_types: is empty, so that nobody could be added or removed"],
    );
    let mistakes = mistakes_in(load_text(base_with("client_id", "ca_file = \"none.pem\"\nclient_id")));
    assert!(
        matches!(mistakes.as_slice(), [one] if one.starts_with("2 hyperproof.ca_file: ") && one.ends_with("none.pem\" is not a file")),
        "{mistakes:?}"
    );
}

#[test]
fn state_and_schedule() {
    replaced("path = \"state.db\"\n", "", &["5 state.path: is missing"]);
    replaced("path = \"state.db\"", "path = \"\"", &["6 state.path: is empty"]);
    replaced(
        "path = \"state.db\"",
        "path = \"state.db\"\nretention = \"1h\"",
        &["7 state.retention: must be at least 1d"],
    );
    added("[schedule]\n", &["22 schedule.cron: is missing"]);
    let cron = |text: &str| format!("[schedule]\ncron = {text:?}\n");
    added(
        &cron("* * * *"),
        &[
            "23 schedule.cron: a cron expression has six fields, seconds first (or five, from minutes on), but this has 4",
        ],
    );
    added(&cron("0 0 25 * * *"), &["23 schedule.cron: the hour field cannot be \"25\""]);
    added(&cron("0 0 0 * * 8"), &["23 schedule.cron: the day of week field cannot be \"8\""]);
    added(&cron("0 0 0 31 2 *"), &["23 schedule.cron: no date ever fits it"]);
    added(
        "[schedule]\ncron = \"0 0 25 * * *\"\ntimezone = \"Berlin\"\n",
        &["23 schedule.cron: the hour field cannot be \"25\"", "24 schedule.timezone: \"Berlin\" is not a time zone"],
    );
    added(
        "[schedule]\ncron = \"0 0 * * * *\"\njitter = \"1 week\"\n",
        &["24 schedule.jitter: \"1 week\" is not a duration"],
    );
}

#[test]
fn identity() {
    let with = |line: &str| format!("[identity]\n{line}\n");
    added(&with("rewrite = [{ from = \"@a.b\" }]"), &["23 identity.rewrite[1].to: is missing"]);
    added(
        &with("rewrite = [{ from = \"@a.b\", to = \"c.d\" }]"),
        &["23 identity.rewrite[1].to: would leave no address: only one of from and to has an @"],
    );
    added(
        &with("rewrite = [{ from = \"@\", to = \"@c d\" }]"),
        &[
            "23 identity.rewrite[1].from: \"@\" is not the ending of an address",
            "23 identity.rewrite[1].to: \"@c d\" is not the ending of an address",
        ],
    );
    added(&with("ignore = [\"\"]"), &["23 identity.ignore[1]: is empty"]);
    added(&with("ignore = [\"*\"]"), &["23 identity.ignore[1]: \"*\" would ignore everybody"]);
    added(&with("ignore = [\"*@*\"]"), &["23 identity.ignore[1]: \"*@*\" would ignore everybody"]);
    added(
        &with("ignore = [\"svc\", \"a b*\"]"),
        &["23 identity.ignore[1]: \"svc\" fits no address", "23 identity.ignore[2]: \"a b*\" fits no address"],
    );
}

/// A lenient reader takes the rest of the file for a note; the people in it would look gone.
#[test]
fn an_open_quote_in_the_aliases_file_swallows_no_row() {
    let folder = Folder::new();
    folder.write("aliases.csv", "from,to,note\na@b.c,x@e.f,\"oops\nbob@b.c,robert@e.f,fine\n");
    let mistakes = folder.load(format!("{BASE}[identity]\naliases = \"aliases.csv\"\n")).unwrap_err();
    let shown = mistakes.to_string().replace(&folder.path("").display().to_string(), "");
    insta::assert_snapshot!(shown, @r#"
    aliases.csv:2: a quote is opened and not closed before the end of the file
      help: the file may have been cut off; a quote inside a quoted field is written twice
    1 mistake in the configuration
    "#);
}

#[test]
fn every_bad_row_of_the_aliases_file_is_told() {
    let folder = Folder::new();
    let text = format!("{BASE}[identity]\naliases = \"aliases.csv\"\n");
    let mistakes = |folder: &Folder| {
        let mistakes = folder.load(&text).unwrap_err();
        let place = folder.path("").display().to_string();
        mistakes.iter().map(|mistake| mistake.to_string().replace(&place, "")).collect::<Vec<_>>()
    };
    assert_eq!(mistakes(&folder).len(), 1);
    assert!(
        mistakes(&folder).concat().starts_with("rosterd.toml:23: identity.aliases: \"aliases.csv\" cannot be read")
    );
    folder.write("aliases.csv", [b'f', 0xff]);
    assert!(mistakes(&folder).concat().contains("is not text"));
    folder.write("aliases.csv", "old,new\na@b.c,d@e.f\n");
    assert_eq!(
        mistakes(&folder),
        [
            "aliases.csv:1: the first line does not name the columns from and to, each once\n  help: begin the file with the line: from,to"
        ]
    );
    folder.write("aliases.csv", "from,to\nann,ann@corp.example\nbob@corp.local,\na@b.c,d@e.f\nA@b.c,x@e.f\n");
    assert_eq!(
        mistakes(&folder),
        [
            "aliases.csv:2: from is not an e-mail address\n  help: write two whole addresses: from,to",
            "aliases.csv:3: to is empty\n  help: write two whole addresses: from,to",
            "aliases.csv:5: from stands above already, with another to\n  help: keep one of the two rows",
        ]
    );
}

#[test]
fn guard() {
    let with = |line: &str| format!("[guard]\n{line}\n");
    added(
        &with("run_removals = { percent = 101, floor = 1 }"),
        &["23 guard.run_removals.percent: must be from 0 to 100"],
    );
    added(
        &with("run_removals = { percent = 1, floor = -1 }"),
        &["23 guard.run_removals.floor: must be from 0 to 4294967295"],
    );
    added(&with("run_removals = {}"), &["23 guard.run_removals: has neither percent nor floor"]);
    added(
        &with("first_removals = \"ask\""),
        &["23 guard.first_removals: must be one of \"hold\", \"apply\", but is \"ask\""],
    );
    added(&with("removal_grace = \"soon\""), &["23 guard.removal_grace: \"soon\" is not a duration"]);
}

#[test]
fn sources() {
    replaced(
        "[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"hr/*.csv\"\n",
        "",
        &[
            "- source: is missing",
            "10 mapping[1].source: there is no source \"hr\"",
            "15 mapping[2].source: there is no source \"hr\"",
        ],
    );
    let empty =
        format!("source = []\n{}", base_with("[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"hr/*.csv\"\n", ""));
    assert_eq!(
        mistakes_in(load_text(empty)).first().map(String::as_str),
        Some("1 source: is empty, so that nobody could be granted anything")
    );
    replaced("kind = \"csv\"\n", "", &["8 source[1].kind: is missing"]);
    replaced(
        "kind = \"csv\"",
        "kind = \"CSV\"",
        &["10 source[1].kind: must be one of \"csv\", \"ldap\", but is \"CSV\""],
    );
    replaced(
        "kind = \"csv\"",
        "kind = \"xls\"\nsheet = 1",
        &[
            "10 source[1].kind: must be one of \"csv\", \"ldap\", but is \"xls\"",
            "11 source[1].sheet: is not a known key",
        ],
    );
    replaced("path = \"hr/*.csv\"\n", "", &["8 source[1].path: is missing"]);
    replaced("path = \"hr/*.csv\"", "path = \"\"", &["11 source[1].path: is empty"]);
    replaced(
        "path = \"hr/*.csv\"",
        "path = \"hr/[.csv\"",
        &["11 source[1].path: is not a glob: invalid range pattern"],
    );
    replaced(
        "name = \"hr\"\n",
        "",
        &[
            "8 source[1].name: is missing",
            "13 mapping[1].source: there is no source \"hr\"",
            "18 mapping[2].source: there is no source \"hr\"",
        ],
    );
    added(
        "[[source]]\nname = \"hr\"\nkind = \"csv\"\npath = \"x\"\n",
        &["23 source[2].name: \"hr\" is the name of another source too"],
    );
    added(
        "[[source]]\nname = \"a\\u0007\"\nkind = \"csv\"\npath = \"x\"\n",
        &["23 source[2].name: has a control character in it"],
    );
    added(
        "[[source]]\nname = \"ad\"\nkind = \"ldap\"\nurl = \"ldaps://dc1.corp.example\"\n",
        &[
            "22 source[2].group_base: is missing",
            "22 source[2].schema: is missing",
            "22 source[2].user_base: is missing",
        ],
    );
}

/// A directory with these lines in place of its address.
fn directory(lines: &str, mistakes: &[&str]) {
    added(
        &format!(
            "[[source]]\nname = \"ad\"\nkind = \"ldap\"\nschema = \"openldap\"\nuser_base = \"dc=x\"\ngroup_base = \"dc=x\"\n{lines}\n"
        ),
        mistakes,
    );
}

#[test]
fn directories() {
    directory("url = \"ldaps://dc1\"\nuser_bsae = \"x\"", &["29 source[2].user_bsae: is not a known key"]);
    directory(
        "url = [\"dc1\", \"ldap:///dc=x\", \"ldaps://dc1:x\"]",
        &[
            "28 source[2].url[1]: must begin with ldaps://, ldap:// or ldapi://",
            "28 source[2].url[2]: has more than host and port",
            "28 source[2].url[3]: has a port that is no number from 1 to 65535",
        ],
    );
    directory("url = []", &["28 source[2].url: is empty"]);
    let password = "bind_dn = \"cn=r\"\nbind_password = { env = \"SECRET\" }\n";
    directory(
        &format!("{password}url = [\"ldap://127.0.0.1\", \"ldap://dc1\"]"),
        &["30 source[2].url[2]: ldap://dc1:389 would carry the password in clear to another machine"],
    );
    directory(&format!("{password}url = \"ldap://dc1\"\nstart_tls = true"), &[]);
    directory(
        "url = \"ldaps://dc1\"\nstart_tls = true",
        &["28 source[2].url: start_tls = true turns ldap:// into TLS, and this is another kind of address"],
    );
    directory(
        "url = \"ldaps://dc1\"\nbind_dn = \"cn=r\"",
        &["29 source[2].bind_dn: has no bind_password to go with it"],
    );
    directory(
        "url = \"ldaps://dc1\"\nbind_password = { env = \"SECRET\" }",
        &["29 source[2].bind_password: has no bind_dn to go with it"],
    );
    directory(
        "url = \"ldaps://dc1\"\nsasl = \"external\"\nbind_dn = \"cn=r\"",
        &[
            "29 source[2].sasl: signs in with a client certificate, and there is none",
            "30 source[2].bind_dn: has no meaning with sasl = \"external\"",
        ],
    );
    directory("url = \"ldapi://%2Frun%2Fldapi\"\nsasl = \"external\"", &[]);
    directory(
        "url = \"ldaps://dc1\"\nclient_key = { env = \"SECRET\" }",
        &["29 source[2].client_key: has no client_cert to go with it"],
    );
    directory(
        "url = \"ldaps://dc1\"\nuser_filter = \"(mail=*\"\ngroup_filter = \"objectClass=*\"",
        &[
            "29 source[2].user_filter: \"(mail=*\" is not a search filter",
            "30 source[2].group_filter: \"objectClass=*\" is not a search filter",
        ],
    );
    directory(
        "url = \"ldaps://dc1\"\nemail_attributes = []\nid_attribute = \"a b\"\ndisabled = { attribute = \"x\", bit = 3 }",
        &[
            "29 source[2].email_attributes: is empty",
            "30 source[2].id_attribute: \"a b\" is not the name of an attribute",
            "31 source[2].disabled.bit: 3 is not the value of one bit",
        ],
    );
    directory("url = \"ldaps://dc1\"\ndisabled = { attribute = \"x\" }", &["29 source[2].disabled.values: is missing"]);
}

#[test]
fn csv_sources() {
    source("shape = \"columns\"", &["12 source[1].shape: must be one of \"rows\", \"lists\", but is \"columns\""]);
    source("list_separator = \";\"", &["12 source[1].list_separator: has a meaning for shape = \"lists\" only"]);
    source("shape = \"lists\"\nlist_separator = \"\"", &["13 source[1].list_separator: is empty"]);
    source(
        "shape = \"lists\"\nlist_separator = \",\"",
        &["13 source[1].list_separator: \",\" parts the fields of the file already"],
    );
    source(
        "shape = \"lists\"\ndelimiter = \";\"",
        &["8 source[1].list_separator: \";\" parts the fields of the file already"],
    );
    source(
        "shape = \"lists\"\ncolumns = { group = \"g\" }",
        &["13 source[1].columns.group: has no meaning for shape = \"lists\""],
    );
    source("columns = { groups = \"g\" }", &["12 source[1].columns.groups: has no meaning for shape = \"rows\""]);
    source("columns = { email = \"\" }", &["12 source[1].columns.email: is empty"]);
    source(
        "columns = { email = \"x\", id = \"x\" }",
        &["12 source[1].columns.id: \"x\" is the column of both email and id"],
    );
    source(
        "columns = { email = \"group\" }",
        &["12 source[1].columns.email: \"group\" is the column of both group and email"],
    );
    source(
        "active_values = [\"a\"]\ninactive_values = [\"A \"]",
        &["13 source[1].inactive_values[1]: \"a\" is among active_values too"],
    );
    source("delimiter = \",,\"", &["12 source[1].delimiter: must be one ASCII character, and no quote or line end"]);
    source("max_age = \"0s\"", &["12 source[1].max_age: must be at least 1s"]);
}

#[test]
fn mappings() {
    replaced(
        "source = \"hr\"\ngroup = \"compliance\"",
        "group = \"compliance\"",
        &["13 mapping[1].source: is missing"],
    );
    replaced(
        "source = \"hr\"\ngroup = \"compliance\"",
        "source = \"rh\"\ngroup = \"compliance\"",
        &["14 mapping[1].source: there is no source \"rh\""],
    );
    replaced(
        "group = \"compliance\"",
        "group = \"compliance\"\nmatch = \"x\"",
        &["16 mapping[1].match: stands beside group, and only one of them can hold"],
    );
    replaced("group = \"compliance\"\n", "", &["13 mapping[1].group: is missing, and so is match"]);
    replaced("group = \"compliance\"", "group = \" \"", &["15 mapping[1].group: is empty"]);
    replaced("to = \"Compliance\"\n", "", &["13 mapping[1].to: is missing"]);
    replaced("to = \"Compliance\"", "to = \" \"", &["16 mapping[1].to: is empty"]);
    replaced(
        "match = \"^grc-(?<team>.+)$\"",
        "match = \"^grc-(\"",
        &["20 mapping[2].match: is not a regular expression: unclosed group"],
    );
    replaced(
        "match = \"^grc-(?<team>.+)$\"",
        "match = \"^grc-(?<team>.{9999}{9999})$\"",
        &["20 mapping[2].match: is not a regular expression: Compiled regex exceeds size limit of 10485760 bytes."],
    );
    replaced(
        "to = \"GRC ${team}\"",
        "to = \"GRC ${taem} $2\"",
        &[
            "21 mapping[2].to: the pattern has no capture \"2\"",
            "21 mapping[2].to: the pattern has no capture \"taem\"",
        ],
    );
    replaced("to = \"GRC ${team}\"", "to = \"$1_all\"", &["21 mapping[2].to: the pattern has no capture \"1_all\""]);
    let none = format!("mapping = []\n{}", BASE.split("[[mapping]]").next().unwrap());
    assert_eq!(mistakes_in(load_text(none)), ["1 mapping: is empty, so that there is nothing to keep in step"]);
}

#[test]
fn groups() {
    added("[group.Complaince]\n", &["22 group.Complaince: no mapping can yield this target group"]);
    added("[group.\" Compliance\"]\n", &["22 group.\" Compliance\": no mapping can yield this target group"]);
    added("[group.\"GRC Blue\"]\n", &[]);
    added("[group.\"grc Blue\"]\n", &["22 group.\"grc Blue\": no mapping can yield this target group"]);
    added(
        "[group.Compliance]\nid = \"x\"\n[group.\"GRC a\"]\nid = \"x\"\n",
        &["25 group.\"GRC a\".id: is the id of the group \"Compliance\" too"],
    );
    added("[group.Compliance]\nid = \"../users\"\n", &["23 group.Compliance.id: \"../users\" is not a group's id"]);
    added("[group.Compliance]\nid = \"\"\n", &["23 group.Compliance.id: is empty"]);
    added(
        "[group.Compliance]\nmode = \"mirrored\"\n",
        &[
            "23 group.Compliance.mode: must be one of \"mirror\", \"add-only\", \"owned\", \"report\", but is \"mirrored\"",
        ],
    );
    added(
        "[group.Compliance]\nkeep = [\"ann\"]\nexpect = [\"\"]\nlead = \"ann@\"\n",
        &[
            "23 group.Compliance.keep[1]: is not an e-mail address",
            "24 group.Compliance.expect[1]: is empty",
            "25 group.Compliance.lead: is not an e-mail address",
        ],
    );
    added("[group.Compliance]\nmin_members = -1\n", &["23 group.Compliance.min_members: must be from 0 to 4294967295"]);
    added(
        "[group.Compliance]\nguard = { group_removals = {} }\n",
        &["23 group.Compliance.guard.group_removals: has neither percent nor floor"],
    );
}

#[test]
fn http_and_audit() {
    added("[http]\n", &["22 http.listen: is missing"]);
    added("[http]\nlisten = \"localhost\"\n", &["23 http.listen: \"localhost\" is not an address with a port"]);
    added(
        "[http]\nlisten = \"0.0.0.0:9797\"\n",
        &["22 http.token: is missing, and the page can be reached from other machines"],
    );
    added("[http]\nlisten = \"0.0.0.0:9797\"\ntoken = { env = \"SECRET\" }\n", &[]);
    added(
        "[audit]\nsigning_key = { env = \"SECRET\" }\n",
        &["23 audit.signing_key: is not a private key in PKCS#8 PEM"],
    );
    added("[audit]\ncheckpoint_file = \"\"\n", &["23 audit.checkpoint_file: is empty"]);
}

#[test]
fn notices() {
    let mut folder = Folder::new();
    folder.environment = rosterd::config::Environment::of([
        ("SECRET", "s"),
        ("HOOK", "https://hooks.example/?k=1"),
        ("PLAIN", "http://hooks.example/"),
    ]);
    let told = |lines: &str| mistakes_in(folder.load(format!("{BASE}[[notify]]\n{lines}\n")));
    assert!(told("kind = \"webhook\"\nurl = { env = \"HOOK\" }").is_empty());
    assert_eq!(
        told("kind = \"pager\""),
        ["23 notify[1].kind: must be one of \"webhook\", \"slack\", \"teams\", \"email\", but is \"pager\""]
    );
    assert_eq!(told("url = { env = \"HOOK\" }"), ["22 notify[1].kind: is missing"]);
    assert_eq!(told("kind = \"teams\""), ["22 notify[1].url: is missing"]);
    assert_eq!(
        told("kind = \"teams\"\nurl = { env = \"PLAIN\" }"),
        ["24 notify[1].url: what it names is plain http:// to another machine, which sends everything in clear"]
    );
    assert_eq!(
        told("kind = \"slack\"\nurl = { env = \"HOOK\" }\non = []"),
        ["25 notify[1].on: is empty, so that nothing would ever be told"]
    );
    assert_eq!(
        told("kind = \"slack\"\nurl = { env = \"HOOK\" }\non = [\"hold\"]"),
        ["25 notify[1].on[1]: must be one of \"held\", \"failed\", \"throttled\", \"recovered\", but is \"hold\"",]
    );
    let mail = |lines: &str| told(&format!("kind = \"email\"\nfrom = \"a@b.c\"\n{lines}"));
    assert!(mail("to = \"a@b.c\"\nserver = \"[::1]:25\"\ntls = \"none\"").is_empty());
    assert_eq!(mail("to = []\nserver = \"mail\""), ["25 notify[1].to: is empty, so that nobody would be told"]);
    assert_eq!(
        mail("server = \"mail:x\""),
        ["22 notify[1].to: is missing", "25 notify[1].server: \"mail:x\" is not a host, nor host:port"]
    );
    assert_eq!(
        mail("to = \"a@b.c\"\nserver = \"mail\"\ntls = \"none\""),
        ["27 notify[1].tls: \"none\" would send everything in clear to another machine"]
    );
    assert_eq!(
        mail("to = \"a@b.c\"\nserver = \"mail\"\nusername = \"u\""),
        ["22 notify[1].password: is missing, but there is a username"]
    );
    assert_eq!(
        mail("to = \"a@b.c\"\nserver = \"mail\"\npassword = { env = \"SECRET\" }"),
        ["22 notify[1].username: is missing, but there is a password"]
    );
}

#[test]
fn near_misses_are_named() {
    let help = |text: String| {
        load_text(text).unwrap_err().iter().filter_map(|mistake| mistake.help.clone()).collect::<Vec<_>>().join("|")
    };
    assert_eq!(
        help(base_with("client_id", "clientid")),
        "OAuth client id, from the API client made in Hyperproof.|did you mean \"client_id\"?"
    );
    assert_eq!(help(format!("{BASE}[group.Complience]\n")), "did you mean \"Compliance\"?");
    assert_eq!(help(format!("{BASE}[group_defaults]\nmode = \"addonly\"\n")), "did you mean \"add-only\"?");
    assert_eq!(
        help(base_with("to = \"GRC ${team}\"", "to = \"$team_all\"")),
        "write ${team} in braces where letters, digits or _ follow it"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn random_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(load_text(bytes).is_err());
    }

    #[test]
    fn a_mutilated_example_is_no_panic(at in any::<prop::sample::Index>(), length in 0_usize..40, other in "[\\[\\]{}=\".,$a-z0-9\n #-]{0,12}") {
        let example = include_str!("../../../config/rosterd.example.toml");
        let mut text: Vec<char> = example.chars().collect();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, other.chars());
        if let Err(mistakes) = load_text(text.into_iter().collect::<String>()) {
            prop_assert!(mistakes.iter().next().is_some(), "a refusal names a mistake");
        }
    }

    #[test]
    fn random_values_are_no_panic_and_no_silent_refusal(line in 0_usize..21, value in "[a-z0-9\"$*(?<>){}\\[\\]@:/,.= -]{0,16}") {
        // Any line's value is replaced by a text or by something raw.
        for value in [format!("'{value}'"), value] {
            let text: Vec<String> = BASE.lines().enumerate().map(|(at, old)| match old.split_once(" = ") {
                Some((key, _)) if at == line => format!("{key} = {value}"),
                _ => old.to_owned(),
            }).collect();
            if let Err(mistakes) = load_text(text.join("\n")) {
                prop_assert!(mistakes.iter().next().is_some());
            }
        }
    }
}
