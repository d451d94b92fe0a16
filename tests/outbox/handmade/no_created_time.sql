-- Only the end of a job has a time.
CREATE TABLE sync_outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text NOT NULL,
    synced_at timestamptz
);
CREATE INDEX ON sync_outbox (seq) WHERE synced_at IS NULL;

INSERT INTO sync_outbox (entity, synced_at) VALUES
    ('course', NULL),
    ('course', NULL),
    ('course', '2026-01-01 10:01+00'),
    ('course', now() - interval '10 minutes');
