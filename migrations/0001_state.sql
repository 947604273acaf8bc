-- The state of rosterd. Integers are BIGINT, times milliseconds since 1970 in UTC, lists JSON text,
-- so that the same text serves SQLite and PostgreSQL. Never edit a migration that shipped: its
-- checksum covers every byte.

-- The audit log. Frozen: scripts outside the repository read it.
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    record TEXT NOT NULL
);

-- Where the log ended when a run did. It lies outside the chain, so that a cut tail shows.
CREATE TABLE audit_head (
    seq BIGINT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- Single values: organisation, own_account, member_id, config_digest, throttled_until, written_at.
CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY,
    cause TEXT NOT NULL,
    partial TEXT,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    outcome TEXT,
    exit_code BIGINT,
    actor TEXT NOT NULL,
    config_digest TEXT NOT NULL,
    version TEXT NOT NULL,
    plan_digest TEXT,
    planned TEXT,
    intents BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    already_so BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    not_tried BIGINT NOT NULL DEFAULT 0,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT
);
CREATE INDEX run_started_at ON run (started_at);

-- Printed documents of the last plans and runs. kind: plan, run.
CREATE TABLE document (
    run_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL
);

-- How each source was read last.
CREATE TABLE source_read (
    source TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    complete BIGINT NOT NULL,
    complete_at BIGINT,
    people BIGINT NOT NULL,
    evidence TEXT NOT NULL
);

-- Calls that were announced and whose outcome is not known yet. account_id is '' where there is none.
CREATE TABLE open_intent (
    seq BIGINT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL,
    op TEXT NOT NULL,
    group_name TEXT NOT NULL,
    account_id TEXT NOT NULL,
    group_id TEXT,
    email TEXT,
    approval BIGINT
);

-- Removals of the last days, by the seq of their outcome.
CREATE TABLE removal (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    approved BIGINT NOT NULL
);

-- What rosterd did, recorded when it did it.
CREATE TABLE group_link (
    group_name TEXT NOT NULL PRIMARY KEY,
    group_id TEXT NOT NULL
);
CREATE TABLE owned (
    group_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (group_id, account_id)
);

-- What the last full run learned; written at its end only.
CREATE TABLE known_group (
    group_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE left_group (
    group_id TEXT NOT NULL PRIMARY KEY,
    members TEXT NOT NULL
);
CREATE TABLE person_link (
    source TEXT NOT NULL,
    person TEXT NOT NULL,
    account_id TEXT NOT NULL,
    PRIMARY KEY (source, person)
);
CREATE TABLE feed (
    group_name TEXT NOT NULL PRIMARY KEY,
    feeds TEXT NOT NULL
);
CREATE TABLE settled (
    group_name TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL
);
CREATE TABLE baseline (
    source TEXT NOT NULL PRIMARY KEY,
    people BIGINT NOT NULL
);
CREATE TABLE pending (
    group_name TEXT NOT NULL,
    account_id TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (group_name, account_id)
);
CREATE TABLE accepted_missing (
    source TEXT NOT NULL,
    directory_group TEXT NOT NULL,
    group_name TEXT NOT NULL,
    PRIMARY KEY (source, directory_group, group_name)
);

-- Holds. audited is 0 until a run (and not only a plan) found it; closed_at is empty while it waits.
CREATE TABLE hold (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    group_name TEXT,
    limit_value BIGINT NOT NULL,
    measured BIGINT NOT NULL,
    sentence TEXT NOT NULL,
    changes TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    audited BIGINT NOT NULL,
    closed_at BIGINT
);

-- Plans whose digest stands for their holds.
CREATE TABLE plan (
    run_id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    holds TEXT NOT NULL
);

CREATE TABLE approval (
    number BIGINT NOT NULL PRIMARY KEY,
    hold_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    approver TEXT NOT NULL,
    login TEXT NOT NULL,
    reason TEXT NOT NULL,
    ticket TEXT,
    at BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    accepted BIGINT NOT NULL DEFAULT 0
);

-- The changes of an approval; passed is the seq of the outcome that used it up.
CREATE TABLE approval_change (
    approval BIGINT NOT NULL,
    op TEXT NOT NULL,
    group_name TEXT NOT NULL,
    account_id TEXT NOT NULL,
    passed BIGINT,
    PRIMARY KEY (approval, op, group_name, account_id),
    FOREIGN KEY (approval) REFERENCES approval (number)
);
CREATE INDEX approval_change_key ON approval_change (op, group_name, account_id);
