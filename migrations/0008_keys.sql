-- By what records of the log are found again: the group, account or address that a record of memberships is
-- about, and the hold that began to wait. Made from the records alone, and no part of the chain. kind: group
-- (an id), name, account, address, roll (value '': full lists of members, and groups that were created), hold.
CREATE TABLE audit_key (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    seq BIGINT NOT NULL
);
CREATE INDEX audit_key_value ON audit_key (kind, value, seq);
CREATE INDEX audit_key_seq ON audit_key (seq);

-- What is over stays for as long as records do, and no run shall read it.
CREATE INDEX hold_closed_at ON hold (closed_at, id);
CREATE INDEX approval_expires ON approval (expires, number);
CREATE INDEX approval_scope ON approval (scope, rule);
CREATE INDEX removal_at ON removal (at, approved);

-- Which account each person was, in the order of people and many links a row: pages of person_link, whose rows
-- move here when they are written next. body: a JSON list of persons and accounts in turns.
CREATE TABLE person_link_page (
    source TEXT NOT NULL,
    first_person TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, first_person)
);
CREATE INDEX person_link_page_digest ON person_link_page (source, first_person, digest);

-- Digests of long texts, so that what did not change need not be read to be seen.
ALTER TABLE left_group ADD COLUMN digest TEXT NOT NULL DEFAULT '';
CREATE INDEX left_group_digest ON left_group (group_id, digest);
ALTER TABLE fact ADD COLUMN digest TEXT NOT NULL DEFAULT '';
CREATE INDEX fact_digest ON fact (part, digest);
