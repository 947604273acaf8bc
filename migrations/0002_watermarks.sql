-- What each source said of its own state as the last full run began to read it. Beside it, in setting:
-- last_read. Both are there only where every source vouches for its state.
CREATE TABLE watermark (
    source TEXT NOT NULL PRIMARY KEY,
    mark TEXT NOT NULL
);
