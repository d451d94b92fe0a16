-- Solid Queue 1.5.0: the tables that a job moves through. Times are UTC without zone.
CREATE TABLE solid_queue_jobs (
    id bigserial PRIMARY KEY,
    queue_name varchar NOT NULL,
    class_name varchar NOT NULL DEFAULT 'Mailer',
    arguments text,
    priority integer NOT NULL DEFAULT 0,
    active_job_id varchar,
    scheduled_at timestamp(6),
    finished_at timestamp(6),
    concurrency_key varchar,
    created_at timestamp(6) NOT NULL,
    updated_at timestamp(6) NOT NULL DEFAULT timezone('UTC', now())
);
CREATE TABLE solid_queue_ready_executions (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL UNIQUE REFERENCES solid_queue_jobs ON DELETE CASCADE,
    queue_name varchar NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    created_at timestamp(6) NOT NULL
);
CREATE INDEX ON solid_queue_ready_executions (priority, job_id);
CREATE INDEX ON solid_queue_ready_executions (queue_name, priority, job_id);
CREATE TABLE solid_queue_scheduled_executions (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL UNIQUE REFERENCES solid_queue_jobs ON DELETE CASCADE,
    queue_name varchar NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    scheduled_at timestamp(6) NOT NULL,
    created_at timestamp(6) NOT NULL
);
CREATE TABLE solid_queue_claimed_executions (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL UNIQUE REFERENCES solid_queue_jobs ON DELETE CASCADE,
    process_id bigint,
    created_at timestamp(6) NOT NULL
);
CREATE TABLE solid_queue_failed_executions (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL UNIQUE REFERENCES solid_queue_jobs ON DELETE CASCADE,
    error text,
    created_at timestamp(6) NOT NULL
);

INSERT INTO solid_queue_jobs (queue_name, scheduled_at, finished_at, created_at) VALUES
    ('mail', '2026-01-05 06:00', NULL, '2026-01-05 06:00'),
    ('mail', '2026-01-05 07:00', NULL, '2026-01-05 07:00'),
    ('report', '2026-01-06 00:00', NULL, '2026-01-01 00:00'),
    ('mail', '2099-01-01 00:00', NULL, '2026-01-01 00:00'),
    ('mail', '2026-01-02 00:00', NULL, '2026-01-02 00:00'),
    ('report', '2026-01-02 00:00', NULL, '2026-01-02 00:00'),
    ('mail', '2026-01-01 00:00', '2026-01-01 00:01', '2026-01-01 00:00');
INSERT INTO solid_queue_ready_executions (job_id, queue_name, created_at) VALUES
    (1, 'mail', '2026-01-05 06:00'),
    (2, 'mail', '2026-01-05 07:00'),
    -- made ready when it became due
    (3, 'report', '2026-01-06 00:00:01');
INSERT INTO solid_queue_scheduled_executions (job_id, queue_name, scheduled_at, created_at) VALUES
    (4, 'mail', '2099-01-01 00:00', '2026-01-01 00:00');
INSERT INTO solid_queue_claimed_executions (job_id, process_id, created_at) VALUES (5, 1, '2026-01-02 00:00');
INSERT INTO solid_queue_failed_executions (job_id, error, created_at) VALUES (6, 'error', '2026-01-02 00:01');
