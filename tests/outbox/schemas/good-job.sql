-- GoodJob 4.19.2. Times are UTC without zone.
CREATE TABLE good_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    queue_name text,
    priority integer,
    serialized_params jsonb,
    scheduled_at timestamp(6),
    performed_at timestamp(6),
    finished_at timestamp(6),
    error text,
    created_at timestamp(6) NOT NULL,
    updated_at timestamp(6) NOT NULL DEFAULT timezone('UTC', now()),
    active_job_id uuid,
    concurrency_key text,
    cron_key text,
    retried_good_job_id uuid,
    cron_at timestamp(6),
    batch_id uuid,
    batch_callback_id uuid,
    is_discrete boolean,
    executions_count integer,
    job_class text,
    error_event smallint,
    labels text[],
    locked_by_id uuid,
    locked_at timestamp(6),
    lock_type smallint
);
CREATE INDEX ON good_jobs (scheduled_at) WHERE finished_at IS NULL;
CREATE INDEX ON good_jobs (queue_name, scheduled_at) WHERE finished_at IS NULL;
CREATE INDEX ON good_jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ON good_jobs (finished_at DESC) WHERE finished_at IS NOT NULL AND error IS NOT NULL;

INSERT INTO good_jobs
    (queue_name, created_at, scheduled_at, performed_at, finished_at, executions_count, error, error_event) VALUES
    ('mail', '2026-01-05 06:00', '2026-01-05 06:00', NULL, NULL, 0, NULL, NULL),
    ('mail', '2026-01-05 07:00', '2026-01-05 07:00', NULL, NULL, NULL, NULL, NULL),
    ('report', '2026-01-01 00:00', '2026-01-06 00:00', NULL, NULL, 0, NULL, NULL),
    ('mail', '2026-01-01 00:00', '2099-01-01 00:00', NULL, NULL, 0, NULL, NULL),
    -- failed: the retry is due; and failed just now: the retry is not
    ('report', '2026-01-03 00:00', '2026-01-04 00:00', NULL, NULL, 2, 'error', 3),
    ('report', '2026-01-03 00:00', '2099-01-01 00:00', NULL, NULL, 1, 'error', 3),
    ('mail', '2026-01-02 00:00', '2026-01-02 00:00', timezone('UTC', now()), NULL, 1, NULL, NULL),
    -- discarded: finished, with an error
    ('report', '2026-01-02 12:00', '2026-01-03 00:00', '2026-01-03 00:00', '2026-01-03 00:01', 5, 'error', 5),
    ('mail', '2026-01-01 10:00', '2026-01-01 10:00', '2026-01-01 10:00', '2026-01-01 10:01', 1, NULL, NULL),
    ('mail', timezone('UTC', now()) - interval '11 minutes', timezone('UTC', now()), timezone('UTC', now()),
        timezone('UTC', now()) - interval '10 minutes', 1, NULL, NULL),
    ('report', timezone('UTC', now()) - interval '23 minutes', timezone('UTC', now()), timezone('UTC', now()),
        timezone('UTC', now()) - interval '20 minutes', 2, NULL, NULL);
