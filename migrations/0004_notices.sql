-- What each receiver of notices was told since all was well. channel: its kind and a digest of where
-- it is. parts: what the condition consisted of, a JSON list of texts.
CREATE TABLE notice_told (
    channel TEXT NOT NULL,
    condition TEXT NOT NULL,
    since BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    lasts BIGINT NOT NULL,
    parts TEXT NOT NULL,
    PRIMARY KEY (channel, condition)
);

-- Notices that are not delivered yet, as they will be sent. Ids sort by time.
CREATE TABLE notice_outbox (
    id TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_try BIGINT NOT NULL
);
CREATE INDEX notice_outbox_channel ON notice_outbox (channel, id);
