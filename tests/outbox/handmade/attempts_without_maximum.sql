-- Attempts are counted, and nothing says after how many a job is given up.
CREATE TABLE webhook_deliveries (
    id bigserial PRIMARY KEY,
    endpoint text NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    attempt_count smallint NOT NULL DEFAULT 0,
    last_attempt_at timestamptz
);
CREATE INDEX ON webhook_deliveries (created_at) WHERE delivered_at IS NULL;

INSERT INTO webhook_deliveries (endpoint, created_at, delivered_at, attempt_count, last_attempt_at) VALUES
    ('a', '2026-01-05 06:00+00', NULL, 0, NULL),
    ('a', '2026-01-05 07:00+00', NULL, 3, now() - interval '2 minutes'),
    ('a', '2026-01-04 07:00+00', NULL, 4, '2026-01-04 08:00+00'),
    ('a', '2026-01-01 10:00+00', '2026-01-01 10:01+00', 1, '2026-01-01 10:01+00'),
    ('a', now() - interval '11 minutes', now() - interval '10 minutes', 1, now() - interval '10 minutes'),
    ('a', now() - interval '13 minutes', now() - interval '10 minutes', 2, now() - interval '10 minutes'),
    ('a', now() - interval '13 minutes', now() - interval '10 minutes', 2, now() - interval '10 minutes');
