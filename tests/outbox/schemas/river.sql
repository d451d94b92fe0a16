-- River 0.43.0, migration 7
CREATE TYPE river_job_state AS ENUM
    ('available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');
CREATE TABLE river_job (
    id bigserial PRIMARY KEY,
    state river_job_state NOT NULL DEFAULT 'available',
    attempt smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL DEFAULT 25,
    attempted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    finalized_at timestamptz,
    scheduled_at timestamptz NOT NULL DEFAULT now(),
    priority smallint NOT NULL DEFAULT 1,
    args jsonb NOT NULL DEFAULT '{}',
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL DEFAULT 'kind',
    metadata jsonb NOT NULL DEFAULT '{}',
    queue text NOT NULL DEFAULT 'default',
    tags varchar(255)[] NOT NULL DEFAULT '{}',
    unique_key bytea,
    unique_states bit(8),
    CHECK ((finalized_at IS NOT NULL) = (state IN ('cancelled', 'completed', 'discarded')))
);
CREATE INDEX ON river_job (kind);
CREATE INDEX ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);

INSERT INTO river_job (queue, state, attempt, created_at, scheduled_at, attempted_at, finalized_at) VALUES
    ('mail', 'available', 0, '2026-01-05 06:00+00', '2026-01-05 06:00+00', NULL, NULL),
    ('mail', 'available', 0, '2026-01-05 07:00+00', '2026-01-05 07:00+00', NULL, NULL),
    -- scheduled, due since, and not yet staged by the leader
    ('report', 'scheduled', 0, '2026-01-01 00:00+00', '2026-01-06 00:00+00', NULL, NULL),
    ('mail', 'scheduled', 0, '2026-01-01 00:00+00', '2099-01-01 00:00+00', NULL, NULL),
    -- failed twice: the retry is due; and failed just now: the retry is not
    ('report', 'retryable', 2, '2026-01-03 00:00+00', '2026-01-04 00:00+00', '2026-01-03 23:00+00', NULL),
    ('report', 'retryable', 1, '2026-01-03 00:00+00', '2099-01-01 00:00+00', now() - interval '2 minutes', NULL),
    -- a retry that the leader has staged
    ('mail', 'available', 1, '2026-01-03 00:00+00', '2026-01-04 12:00+00', now() - interval '3 minutes', NULL),
    ('mail', 'running', 1, '2026-01-02 00:00+00', '2026-01-02 00:00+00', now() - interval '1 minute', NULL),
    ('report', 'discarded', 25, '2026-01-02 12:00+00', '2026-01-03 00:00+00', '2026-01-03 00:00+00', '2026-01-03 00:01+00'),
    ('mail', 'cancelled', 0, '2026-01-02 00:00+00', '2026-01-02 00:00+00', NULL, '2026-01-02 01:00+00'),
    -- waits for another job
    ('mail', 'pending', 0, '2026-01-01 00:00+00', '2026-01-01 00:00+00', NULL, NULL),
    ('mail', 'completed', 1, '2026-01-01 10:00+00', '2026-01-01 10:00+00', '2026-01-01 10:00+00', '2026-01-01 10:01+00'),
    ('mail', 'completed', 1, now() - interval '11 minutes', now(), now(), now() - interval '10 minutes'),
    ('report', 'completed', 2, now() - interval '23 minutes', now(), now(), now() - interval '20 minutes');
