-- A worker locks a row, and deletes it when it is done.
CREATE TABLE task_queue (
    task_id bigserial PRIMARY KEY,
    queue text NOT NULL,
    enqueued_at timestamptz NOT NULL,
    run_after timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5,
    locked_at timestamptz,
    locked_by text
);
CREATE INDEX ON task_queue (run_after);

INSERT INTO task_queue (queue, enqueued_at, run_after, attempts, locked_at, locked_by) VALUES
    ('mail', '2026-01-05 06:00+00', '2026-01-05 06:00+00', 0, NULL, NULL),
    ('mail', '2026-01-01 00:00+00', '2026-01-05 07:00+00', 0, NULL, NULL),
    ('report', '2026-01-01 00:00+00', '2026-01-04 00:00+00', 2, NULL, NULL),
    ('report', '2026-01-01 00:00+00', '2099-01-01 00:00+00', 0, NULL, NULL),
    ('mail', '2026-01-02 00:00+00', '2026-01-02 00:00+00', 5, NULL, NULL),
    ('mail', '2026-01-03 00:00+00', '2026-01-03 00:00+00', 1, now(), 'worker 1');
