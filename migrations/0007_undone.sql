-- What undo took back: the change that would make it again is held, until the directory says something else
-- or a person approves it. account_id is '' where there is none. by_run took back what of_run did.
CREATE TABLE undone (
    group_id TEXT NOT NULL,
    op TEXT NOT NULL,
    account_id TEXT NOT NULL,
    by_run TEXT NOT NULL,
    of_run TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (group_id, op, account_id)
);
-- Of a run that takes another one back: that one. Of a hold of such a run, likewise: other runs do not
-- know whether it still waits.
ALTER TABLE run ADD COLUMN undoes TEXT;
ALTER TABLE hold ADD COLUMN undoes TEXT;
