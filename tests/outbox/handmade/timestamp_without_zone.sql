-- Times without zone, as now() of the database's time zone wrote them, nine hours ahead of UTC.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Asia/Tokyo'); END $$;
SET timezone = 'Asia/Tokyo';
CREATE TABLE message_outbox (
    message_id bigserial PRIMARY KEY,
    channel text NOT NULL,
    message text NOT NULL DEFAULT '',
    inserted timestamp NOT NULL DEFAULT now(),
    sent timestamp
);
CREATE INDEX ON message_outbox (inserted) WHERE sent IS NULL;

INSERT INTO message_outbox (channel, inserted, sent) VALUES
    ('mail', '2026-01-05 15:00', NULL),
    ('mail', '2026-01-05 16:00', NULL),
    ('mail', '2026-01-01 19:00', '2026-01-01 19:01'),
    ('mail', now() - interval '11 minutes', now() - interval '10 minutes');
