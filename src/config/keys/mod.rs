//! The keys of the configuration, once: the reader takes its shape from here, and so does the JSON
//! Schema. A key that is not here is a mistake.

mod source;

use std::time::Duration;

pub(super) use source::SOURCE_KINDS;

/// What a value may be.
pub(super) enum Shape {
    /// A text that is not blank.
    Text,
    /// A text that may be empty.
    AnyText,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A duration of at least this.
    Duration(Duration),
    /// An e-mail address.
    Address,
    /// An e-mail address, or nothing at all.
    AddressOrEmpty,
    /// The address of a web service.
    Url,
    /// The address of a proxy.
    Proxy,
    /// `{ credential }`, `{ file }` or `{ env }`.
    Secret,
    /// A list.
    List(&'static Shape),
    /// One, or a list of them.
    OneOrMore(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables.
    Tables(&'static [Key]),
    /// Tables by names that the file chooses.
    Named(&'static [Key]),
    /// A list of tables, whose key `kind` says which keys they have.
    Kinds(&'static [(&'static str, &'static [Key])]),
    /// A table that has keys of its own kind: either of two lists of keys.
    Either(&'static [Key], &'static [Key]),
}

/// One key.
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What its value may be.
    pub(super) shape: Shape,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What holds without it, as JSON; empty: nothing does.
    pub(super) default: &'static str,
    /// What it means.
    pub(super) about: &'static str,
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, required: false, default: "", about }
}

impl Key {
    const fn needed(mut self) -> Self {
        self.required = true;
        self
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const ANY: Duration = Duration::ZERO;
const MANY: i64 = u32::MAX as i64;

/// The top of the file.
pub(super) const FILE: &[Key] = &[
    key("hyperproof", Shape::Table(HYPERPROOF), "The organisation whose groups are kept, and how it is called.")
        .needed(),
    key("state", Shape::Table(STATE), "What rosterd remembers.").needed(),
    key("schedule", Shape::Table(SCHEDULE), "When the service runs. One-shot commands need none."),
    key("identity", Shape::Table(IDENTITY), "How the directory's addresses become Hyperproof's."),
    key(
        "guard",
        Shape::Table(GUARD),
        "Limits. A limit is max(floor, ceil(percent of the base)); more than that is held.",
    ),
    key("source", Shape::Kinds(SOURCE_KINDS), "Where people and directory groups come from.").needed(),
    key("mapping", Shape::Tables(MAPPING), "Which directory group feeds which target group.").needed(),
    key("group_defaults", Shape::Table(GROUP_DEFAULTS), "The keys of [group.\"…\"], for every target group."),
    key("group", Shape::Named(GROUP), "Rules of one target group, by its name."),
    key("audit", Shape::Table(AUDIT), "The audit log."),
    key("http", Shape::Table(HTTP), "The status page, health and metrics, read-only. Off unless set."),
    key("notify", Shape::Kinds(NOTIFY_KINDS), "Who hears of it when the state changes."),
];

/// `[hyperproof]`
pub(super) const HYPERPROOF: &[Key] = &[
    key(
        "region",
        Shape::OneOf(&["us", "eu", "gov"]),
        "Where the organisation is. \"eu\" and \"gov\" need token_url, which the vendor does not publish.",
    )
    .or("\"us\""),
    key("api_url", Shape::Url, "The API, where it is not the region's."),
    key("token_url", Shape::Url, "Where tokens come from, where it is not the region's."),
    key("client_id", Shape::Text, "OAuth client id, from the API client made in Hyperproof.").needed(),
    key("client_secret", Shape::Secret, "OAuth client secret, from the same place.").needed(),
    key("scope", Shape::Text, "Sent with the token request when set, such as \"group.read group.update user.read\"."),
    key("member_id", Shape::OneOf(&["auto", "user_id", "id"]), "Which of an account's ids groups hold.").or("\"auto\""),
    key("requests_per_minute", Shape::Whole(1, 1_000_000), "Our own budget of calls; the vendor publishes none.")
        .or("120"),
    key("burst", Shape::Whole(1, 100_000), "Calls that may go at once.").or("10"),
    key("concurrency", Shape::Whole(1, 256), "Calls under way at the same time.").or("4"),
    key("max_users_per_call", Shape::Whole(1, 10_000), "People in one call.").or("200"),
    key("timeout", Shape::Duration(SECOND), "How long one attempt may take.").or("\"30s\""),
    key("max_attempts", Shape::Whole(1, 20), "Attempts of one call, the first included.").or("5"),
    key("max_wait", Shape::Duration(ANY), "A longer wait ends the run as throttled.").or("\"5m\""),
    key("eligible_types", Shape::List(&Shape::Text), "Account types that may be added and removed.")
        .or("[\"activeUser\"]"),
    key("proxy", Shape::Proxy, "A proxy in place of the environment's."),
    key("ca_file", Shape::Text, "PEM file of authorities in place of the system's."),
];

/// `[state]`
pub(super) const STATE: &[Key] = &[
    key(
        "path",
        Shape::Text,
        "The SQLite file, such as \"/var/lib/rosterd/rosterd.db\". It is bound to one organisation.",
    )
    .needed(),
    key(
        "retention",
        Shape::Duration(DAY),
        "How long runs and their records stay in the state file, before they are archived.",
    )
    .or("\"400d\""),
];

/// `[schedule]`
pub(super) const SCHEDULE: &[Key] = &[
    key(
        "cron",
        Shape::Text,
        "Six fields, seconds first, such as \"0 */15 * * * *\"; five fields are taken too. Name the weekdays.",
    )
    .needed(),
    key("timezone", Shape::Text, "Name of a time zone, such as \"Europe/Berlin\".").or("\"UTC\""),
    key(
        "jitter",
        Shape::Duration(ANY),
        "A run starts up to this much later, so that many services do not call at once.",
    )
    .or("\"30s\""),
    key("run_at_start", Shape::Flag, "Whether the service runs once when it starts.").or("true"),
];

/// `[identity]`
pub(super) const IDENTITY: &[Key] = &[
    key("rewrite", Shape::Tables(REWRITE), "Endings of addresses to replace; the first that fits is used.").or("[]"),
    key(
        "aliases",
        Shape::Text,
        "CSV file with the columns from and to: whole addresses to replace. They win over rewrite.",
    ),
    key(
        "ignore",
        Shape::List(&Shape::Text),
        "Addresses (* stands for anything) of people who are never granted and never removed.",
    )
    .or("[]"),
];

/// `identity.rewrite`
pub(super) const REWRITE: &[Key] = &[
    key("from", Shape::Text, "The ending, such as \"@corp.local\".").needed(),
    key("to", Shape::Text, "What takes its place, such as \"@corp.example\".").needed(),
];

/// `[guard]`
pub(super) const GUARD: &[Key] = &[
    key("group_removals", Shape::Table(SHARE), "Removals in one group; base: its live members.")
        .or("{\"percent\":20,\"floor\":3}"),
    key("group_adds", Shape::Table(GROWTH), "Additions in one group; base: its live members.")
        .or("{\"percent\":100,\"floor\":20}"),
    key("run_removals", Shape::Table(SHARE), "Removals in a run; base: live memberships of all mapped groups.")
        .or("{\"percent\":10,\"floor\":20}"),
    key("run_adds", Shape::Table(GROWTH), "Additions in a run; base: live memberships of all mapped groups.")
        .or("{\"percent\":25,\"floor\":100}"),
    key("day_removals", Shape::Table(SHARE), "Removals within 24 hours; base: live memberships of all mapped groups.")
        .or("{\"percent\":20,\"floor\":40}"),
    key("source_shrink", Shape::Table(SHARE), "People with a mapped grant that a source may lose; base: its baseline.")
        .or("{\"percent\":10,\"floor\":10}"),
    key(
        "first_removals",
        Shape::OneOf(&["hold", "apply"]),
        "Removals of a target group's first full run, and of the first after its mappings or mode changed.",
    )
    .or("\"hold\""),
    key(
        "removal_grace",
        Shape::Duration(ANY),
        "Absent from complete reads at least this far apart before it is removed; disabled people go at once.",
    )
    .or("\"0m\""),
];

/// A limit over something that can only shrink to nothing.
pub(super) const SHARE: &[Key] = &[
    key("percent", Shape::Whole(0, 100), "Hundredths of the base. Left out: as in the default."),
    key("floor", Shape::Whole(0, MANY), "The least that the limit can be. Left out: as in the default."),
];

/// A limit over something that can grow beyond its base.
pub(super) const GROWTH: &[Key] = &[
    key("percent", Shape::Whole(0, 10_000), "Hundredths of the base. Left out: as in the default."),
    key("floor", Shape::Whole(0, MANY), "The least that the limit can be. Left out: as in the default."),
];

/// `[[mapping]]`
pub(super) const MAPPING: &[Key] = &[
    key("source", Shape::Text, "The name of a source.").needed(),
    key("group", Shape::Text, "One directory group: a name or a DN."),
    key("match", Shape::Text, "Every directory group whose name this regular expression matches."),
    key("to", Shape::Text, "The target group; behind match, a template with $1 or ${name}.").needed(),
];

/// `[group."…"]`
pub(super) const GROUP: &[Key] = &[
    key("id", Shape::Text, "Hyperproof's id. Without it the group is found by name, and once found, followed by id."),
    MODE,
    KEEP,
    EXPECT,
    MIN_MEMBERS,
    LEAD,
    CREATE,
    ALLOW_EMPTY,
    GROUP_LIMITS,
];

/// `[group_defaults]`: all of them but the id, which is one group's.
pub(super) const GROUP_DEFAULTS: &[Key] = &[MODE, KEEP, EXPECT, MIN_MEMBERS, LEAD, CREATE, ALLOW_EMPTY, GROUP_LIMITS];

const MODE: Key = key(
    "mode",
    Shape::OneOf(&["mirror", "add-only", "owned", "report"]),
    "\"owned\" removes only what rosterd added; \"report\" plans and never applies.",
)
.or("\"mirror\"");
const KEEP: Key = key("keep", Shape::List(&Shape::Address), "People who are never removed.").or("[]");
const EXPECT: Key =
    key("expect", Shape::List(&Shape::Address), "People without whose grant this group's removals are held.").or("[]");
const MIN_MEMBERS: Key =
    key("min_members", Shape::Whole(0, MANY), "With fewer desired members this group's removals are held.").or("0");
const LEAD: Key =
    key("lead", Shape::AddressOrEmpty, "The group's lead; \"\" clears it; left out, the lead is nobody's business.");
const CREATE: Key =
    key("create", Shape::Flag, "Whether the group may be created. Hyperproof has no way to delete one.").or("false");
const ALLOW_EMPTY: Key = key("allow_empty", Shape::Flag, "Whether removals may leave nobody.").or("false");
const GROUP_LIMITS: Key =
    key("guard", Shape::Table(GROUP_GUARD), "The group's own limits in place of those of [guard].");

/// `guard` of a group
pub(super) const GROUP_GUARD: &[Key] = &[
    key("group_removals", Shape::Table(SHARE), "Removals in this group; base: its live members."),
    key("group_adds", Shape::Table(GROWTH), "Additions in this group; base: its live members."),
];

/// `[audit]`
pub(super) const AUDIT: &[Key] = &[
    key("signing_key", Shape::Secret, "Ed25519 key, PKCS#8 PEM, with which checkpoints are signed."),
    key("checkpoint_file", Shape::Text, "Where checkpoints are written as well, best on another machine's disk."),
];

/// `[http]`
pub(super) const HTTP: &[Key] = &[
    key("listen", Shape::Text, "Address and port, such as \"127.0.0.1:9797\".").needed(),
    key("token", Shape::Secret, "What a caller must show; needed beyond loopback."),
];

/// The kinds of `[[notify]]`.
pub(super) const NOTIFY_KINDS: &[(&str, &[Key])] =
    &[("webhook", WEBHOOK), ("slack", SLACK), ("teams", TEAMS), ("email", EMAIL)];

const HOOK: Key = key("url", Shape::Secret, "The hook's address.").needed();
const ON: Key = key("on", Shape::List(&Shape::OneOf(NOTIFY_ON)), "The changes of state that are told.")
    .or("[\"held\",\"failed\",\"throttled\",\"recovered\"]");
const PERSONAL_DATA: Key = key("personal_data", Shape::Flag, "Whether the text names people.").or("false");
const NOTIFY_CA: Key = key("ca_file", Shape::Text, "PEM file of authorities in place of the system's.");
const NOTIFY_PROXY: Key = key("proxy", Shape::Proxy, "A proxy in place of the environment's.");

/// What a notice can be about.
pub(super) const NOTIFY_ON: &[&str] = &["held", "failed", "throttled", "recovered"];

const WEBHOOK: &[Key] = &[
    key("kind", Shape::OneOf(&["webhook"]), "A JSON document by POST.").needed(),
    HOOK,
    ON,
    PERSONAL_DATA,
    NOTIFY_PROXY,
    NOTIFY_CA,
];
const SLACK: &[Key] = &[
    key("kind", Shape::OneOf(&["slack"]), "A Slack incoming webhook.").needed(),
    HOOK,
    ON,
    PERSONAL_DATA,
    NOTIFY_PROXY,
    NOTIFY_CA,
];
const TEAMS: &[Key] = &[
    key("kind", Shape::OneOf(&["teams"]), "A Microsoft Teams webhook.").needed(),
    HOOK,
    ON,
    PERSONAL_DATA,
    NOTIFY_PROXY,
    NOTIFY_CA,
];
const EMAIL: &[Key] = &[
    key("kind", Shape::OneOf(&["email"]), "A mail.").needed(),
    key("server", Shape::Text, "The mail server: host, or host:port.").needed(),
    key("from", Shape::Address, "The sender.").needed(),
    key("to", Shape::OneOrMore(&Shape::Address), "The recipients.").needed(),
    key("username", Shape::Text, "The account on the mail server."),
    key("password", Shape::Secret, "Its password."),
    key("tls", Shape::OneOf(&["starttls", "tls", "none"]), "\"none\" is taken for this machine only.")
        .or("\"starttls\""),
    ON,
    PERSONAL_DATA,
    NOTIFY_CA,
];
