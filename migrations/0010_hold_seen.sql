-- How far the log went when a hold was found last: what passed by an approval before is not what waits now. 0 for
-- a hold that was found before this was written down.
ALTER TABLE hold ADD COLUMN seen_seq BIGINT NOT NULL DEFAULT 0;
