-- Runs by their place in the log: what is old enough to be archived is asked after every run.
CREATE INDEX run_first_seq ON run (first_seq, last_seq);
-- And by their age, in just the order in which they are told: nothing is left to sort.
DROP INDEX run_started_at;
CREATE INDEX run_age ON run (started_at, id);
