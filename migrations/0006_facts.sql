-- What the log says of memberships, and the facts of the last run for those who ask why.

-- Members of each mapped group as the audit log has them by its last observation: what differs from it is
-- somebody else's doing. baseline_at is when the log got the full list.
CREATE TABLE observed_group (
    group_id TEXT NOT NULL PRIMARY KEY,
    group_name TEXT NOT NULL,
    digest TEXT NOT NULL,
    members TEXT NOT NULL,
    baseline_at BIGINT NOT NULL
);

-- The facts of the last run, a part a row, as JSON: only parts that differ are written.
CREATE TABLE fact (
    part TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
