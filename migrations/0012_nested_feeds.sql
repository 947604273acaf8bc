-- Directory groups nested in those that fed a target group at the last full run (JSON like feed.feeds): one that is
-- still named as a member and is not there is missed.
CREATE TABLE nested_feed (
    group_name TEXT NOT NULL PRIMARY KEY,
    feeds TEXT NOT NULL
);
