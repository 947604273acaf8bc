//! The keys of `[[source]]`.

use super::{Key, MANY, SECOND, Shape, key};

/// The kinds of `[[source]]`.
pub(in crate::config) const SOURCE_KINDS: &[(&str, &[Key])] = &[("csv", CSV), ("ldap", LDAP)];

const SKIP_UNCHANGED: Key = key(
    "skip_unchanged",
    Shape::Flag,
    "Whether a run leaves the source unread while it vouches that nothing changed, for a day at most.",
)
.or("true");

/// `[[source]]` of kind `csv`
const CSV: &[Key] = &[
    key("name", Shape::Text, "The source's name, for mappings and reports.").needed(),
    key("kind", Shape::OneOf(&["csv"]), "Files of comma-separated values.").needed(),
    key("path", Shape::Text, "A file or a glob, such as \"hr/*.csv\".").needed(),
    key(
        "shape",
        Shape::OneOf(&["rows", "lists"]),
        "\"rows\": one membership a line; \"lists\": one person a line with all groups in one field.",
    )
    .or("\"rows\""),
    key("list_separator", Shape::AnyText, "What parts the groups of a \"lists\" file; without it \";\"."),
    key("columns", Shape::Table(COLUMNS), "Headings, where they are not the usual ones."),
    key("active_values", Shape::List(&Shape::AnyText), "Statuses of people who are active, compared without case.")
        .or("[\"active\",\"enabled\",\"yes\",\"true\",\"1\",\"\"]"),
    key(
        "inactive_values",
        Shape::List(&Shape::AnyText),
        "Statuses of people who are not; any other value is a bad row.",
    )
    .or("[\"inactive\",\"disabled\",\"no\",\"false\",\"0\"]"),
    key("delimiter", Shape::AnyText, "The one ASCII character between fields.").or("\",\""),
    key("max_age", Shape::Duration(SECOND), "How old the oldest file may be; older, and the source counts as unread."),
    key(
        "final_line_end",
        Shape::Flag,
        "Whether a file that ends within a line counts as cut short, once all files ended with a line end.",
    )
    .or("true"),
    SKIP_UNCHANGED,
];

/// `columns` of a CSV source
const COLUMNS: &[Key] = &[
    key("group", Shape::Text, "The directory group, in a \"rows\" file; without it \"group\"."),
    key("groups", Shape::Text, "The directory groups, in a \"lists\" file; without it \"groups\"."),
    key("email", Shape::Text, "The address.").or("\"email\""),
    key(
        "status",
        Shape::AnyText,
        "Whether the person is active; without it \"status\", where the files have it; \"\": they have none.",
    ),
    key(
        "id",
        Shape::AnyText,
        "The person's immutable id; without it \"id\", where the files have it; \"\": they have none.",
    ),
];

/// `[[source]]` of kind `ldap`
const LDAP: &[Key] = &[
    key("name", Shape::Text, "The source's name, for mappings and reports.").needed(),
    key("kind", Shape::OneOf(&["ldap"]), "A directory server.").needed(),
    key("url", Shape::OneOrMore(&Shape::Text), "Servers, such as \"ldaps://dc1.corp.example\", tried in order.")
        .needed(),
    key("start_tls", Shape::Flag, "Whether an ldap:// connection is turned into TLS.").or("false"),
    key("ca_file", Shape::Text, "PEM file of authorities in place of the system's."),
    key("server_name", Shape::Text, "The name in the server's certificate, where it is not the host's."),
    key("client_cert", Shape::Text, "PEM file of our own certificate."),
    key("client_key", Shape::Secret, "Its key, PEM."),
    key("sasl", Shape::OneOf(&["external"]), "Sign in with the client certificate."),
    key("bind_dn", Shape::Text, "DN of the account that reads."),
    key("bind_password", Shape::Secret, "Its password."),
    key(
        "schema",
        Shape::OneOf(&["active-directory", "openldap", "rfc2307bis", "rfc2307", "freeipa", "389ds"]),
        "The preset; each key below overrides it.",
    )
    .needed(),
    key("user_base", Shape::Text, "Where people are.").needed(),
    key("group_base", Shape::Text, "Where groups are.").needed(),
    key("user_filter", Shape::Text, "Which entries are people."),
    key("group_filter", Shape::Text, "Which entries are groups."),
    key("user_name_attribute", Shape::Text, "The attribute by which memberUid names people."),
    key("group_name_attributes", Shape::List(&Shape::Text), "Attributes that name a group."),
    key("member_attributes", Shape::List(&Shape::Text), "Attributes that hold members."),
    key("id_attribute", Shape::Text, "The immutable id."),
    key("email_attributes", Shape::List(&Shape::Text), "Attributes that hold addresses, the primary one first."),
    key("disabled", Shape::Either(DISABLED_VALUES, DISABLED_BIT), "How the directory says that somebody has left."),
    key("nested", Shape::Flag, "Whether members of nested groups count.").or("true"),
    key("page_size", Shape::Whole(1, 100_000), "Entries in one page.").or("1000"),
    key("timeout", Shape::Duration(SECOND), "How long one read of the whole source may take.").or("\"60s\""),
    SKIP_UNCHANGED,
];

/// `disabled` by values
const DISABLED_VALUES: &[Key] = &[
    key("attribute", Shape::Text, "The attribute.").needed(),
    key("values", Shape::List(&Shape::Text), "Its values for people who have left.").needed(),
];

/// `disabled` by a bit
const DISABLED_BIT: &[Key] = &[
    key("attribute", Shape::Text, "The attribute.").needed(),
    key("bit", Shape::Whole(1, MANY), "The value of its bit for people who have left, such as 2.").needed(),
];
