-- How many of the people whom a source granted something at the last full run had an address. A file
-- from before has none, and so nothing to compare with until its next full run.
CREATE TABLE baseline_address (
    source TEXT NOT NULL PRIMARY KEY,
    people BIGINT NOT NULL
);
