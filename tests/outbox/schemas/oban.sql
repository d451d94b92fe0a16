-- Oban 2.23.0, migration 14. Times are UTC without zone.
CREATE TYPE oban_job_state AS ENUM
    ('available', 'suspended', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');
CREATE TABLE oban_jobs (
    id bigserial PRIMARY KEY,
    state oban_job_state NOT NULL DEFAULT 'available',
    queue text NOT NULL DEFAULT 'default',
    worker text NOT NULL DEFAULT 'MyApp.Worker',
    args jsonb NOT NULL DEFAULT '{}',
    errors jsonb[] NOT NULL DEFAULT '{}',
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 20,
    inserted_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
    scheduled_at timestamp NOT NULL DEFAULT timezone('UTC', now()),
    attempted_at timestamp,
    completed_at timestamp,
    attempted_by text[],
    discarded_at timestamp,
    priority integer NOT NULL DEFAULT 0,
    tags text[] DEFAULT '{}',
    meta jsonb DEFAULT '{}',
    cancelled_at timestamp,
    CHECK (attempt BETWEEN 0 AND max_attempts)
);
CREATE INDEX ON oban_jobs (state, queue, priority, scheduled_at, id);
CREATE INDEX ON oban_jobs (state, cancelled_at);
CREATE INDEX ON oban_jobs (state, discarded_at);

INSERT INTO oban_jobs (queue, state, attempt, max_attempts, inserted_at, scheduled_at, attempted_at) VALUES
    ('mail', 'available', 0, 20, '2026-01-05 06:00', '2026-01-05 06:00', NULL),
    ('mail', 'available', 0, 20, '2026-01-05 07:00', '2026-01-05 07:00', NULL),
    ('report', 'scheduled', 0, 20, '2026-01-01 00:00', '2026-01-06 00:00', NULL),
    ('mail', 'scheduled', 0, 20, '2026-01-01 00:00', '2099-01-01 00:00', NULL),
    ('report', 'retryable', 2, 20, '2026-01-03 00:00', '2026-01-04 00:00', '2026-01-03 23:00'),
    ('report', 'retryable', 1, 20, '2026-01-03 00:00', '2099-01-01 00:00',
        timezone('UTC', now()) - interval '2 minutes'),
    ('mail', 'executing', 1, 20, '2026-01-02 00:00', '2026-01-02 00:00', timezone('UTC', now()) - interval '1 minute'),
    -- available, but no queue takes it: its attempts are used up
    ('mail', 'available', 3, 3, '2026-01-02 06:00', '2026-01-02 06:00', '2026-01-02 07:00'),
    ('mail', 'suspended', 0, 20, '2026-01-01 00:00', '2026-01-01 00:00', NULL);
INSERT INTO oban_jobs (queue, state, attempt, inserted_at, attempted_at, completed_at, discarded_at, cancelled_at) VALUES
    ('report', 'discarded', 20, '2026-01-02 12:00', '2026-01-03 00:00', NULL, '2026-01-03 00:01', NULL),
    ('mail', 'cancelled', 0, '2026-01-02 00:00', NULL, NULL, NULL, '2026-01-02 01:00'),
    ('mail', 'completed', 1, '2026-01-01 10:00', '2026-01-01 10:00', '2026-01-01 10:01', NULL, NULL),
    ('mail', 'completed', 1, timezone('UTC', now()) - interval '11 minutes', timezone('UTC', now()),
        timezone('UTC', now()) - interval '10 minutes', NULL, NULL),
    ('report', 'completed', 2, timezone('UTC', now()) - interval '23 minutes', timezone('UTC', now()),
        timezone('UTC', now()) - interval '20 minutes', NULL, NULL);
