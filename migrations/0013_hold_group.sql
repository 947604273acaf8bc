-- The id of the target group that a hold is about, as it was when the hold was found last: the log names it where the
-- hold is approved. None for a group that is not there yet, and for a hold that was found before this was written down.
ALTER TABLE hold ADD COLUMN group_id TEXT;
