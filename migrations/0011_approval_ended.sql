-- The run_finished record of the full run that found nothing of an approval any more; from then on it lets nothing
-- through. And of an approval of a hold of a run that takes another one back: that one, because other runs do not
-- know whether it is still wanted.
ALTER TABLE approval ADD COLUMN ended BIGINT;
ALTER TABLE approval ADD COLUMN undoes TEXT;
UPDATE approval SET undoes = (SELECT undoes FROM hold WHERE hold.id = approval.hold_id);
