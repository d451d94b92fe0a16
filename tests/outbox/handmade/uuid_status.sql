-- Ids are uuids, the status is an enum in plain words, and every time has a column.
CREATE TYPE outbox_status AS ENUM ('pending', 'processing', 'completed', 'failed', 'cancelled');
CREATE TABLE outbox_messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    topic text NOT NULL,
    status outbox_status NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    available_at timestamptz,
    last_attempt_at timestamptz,
    completed_at timestamptz
);
CREATE INDEX ON outbox_messages (status, created_at);

INSERT INTO outbox_messages (topic, status, attempts, created_at, available_at, last_attempt_at, completed_at) VALUES
    ('mail', 'pending', 0, '2026-01-05 06:00+00', NULL, NULL, NULL),
    ('mail', 'pending', 1, '2026-01-03 00:00+00', '2026-01-04 00:00+00', now() - interval '2 minutes', NULL),
    ('mail', 'pending', 1, '2026-01-03 00:00+00', '2099-01-01 00:00+00', '2026-01-03 00:00+00', NULL),
    ('mail', 'processing', 1, '2026-01-03 00:00+00', NULL, now(), NULL),
    ('mail', 'failed', 5, '2026-01-02 00:00+00', NULL, now() - interval '3 minutes', NULL),
    ('mail', 'cancelled', 0, '2026-01-01 00:00+00', NULL, NULL, NULL),
    ('mail', 'completed', 1, '2026-01-01 10:00+00', NULL, '2026-01-01 10:00+00', '2026-01-01 10:01+00'),
    ('mail', 'completed', 1, now() - interval '11 minutes', NULL, now(), now() - interval '10 minutes'),
    ('mail', 'completed', 1, now() - interval '13 minutes', NULL, now(), now() - interval '10 minutes');
