-- Rows are never deleted: deleted_at marks those that are void, processed or not.
CREATE TABLE notifications_queue (
    id bigserial PRIMARY KEY,
    kind text NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz,
    deleted_at timestamptz
);
CREATE INDEX ON notifications_queue (created_at) WHERE processed_at IS NULL AND deleted_at IS NULL;

INSERT INTO notifications_queue (kind, created_at, processed_at, deleted_at) VALUES
    ('push', '2026-01-05 06:00+00', NULL, NULL),
    ('push', '2026-01-05 07:00+00', NULL, NULL),
    ('push', '2026-01-02 00:00+00', NULL, '2026-01-02 01:00+00'),
    ('push', '2026-01-01 00:00+00', '2026-01-01 00:01+00', '2026-01-02 01:00+00'),
    ('push', '2026-01-01 10:00+00', '2026-01-01 10:01+00', NULL),
    ('push', now() - interval '11 minutes', now() - interval '10 minutes', NULL),
    ('push', now() - interval '21 minutes', now() - interval '10 minutes', now());
