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
CREATE INDEX removal_at ON removal (at, approved);
