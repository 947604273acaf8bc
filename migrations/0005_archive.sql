-- Old records of the audit log that were moved to files beside the state, one row a file. The newest row is
-- the anchor: the log in this file begins with the record after it. recorded_by is the `archived` record.
CREATE TABLE archive (
    first_seq BIGINT NOT NULL PRIMARY KEY,
    last_seq BIGINT NOT NULL,
    last_hash TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    recorded_by BIGINT NOT NULL
);
