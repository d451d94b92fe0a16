-- Spring Modulith 2.1.0, structure v2
CREATE TABLE event_publication (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    listener_id text NOT NULL,
    event_type text NOT NULL DEFAULT 'example.Ordered',
    serialized_event text NOT NULL DEFAULT '{}',
    publication_date timestamptz NOT NULL,
    completion_date timestamptz,
    status text,
    completion_attempts integer,
    last_resubmission_date timestamptz
);
CREATE INDEX ON event_publication USING hash (serialized_event);
CREATE INDEX ON event_publication (completion_date);

INSERT INTO event_publication
    (listener_id, status, publication_date, completion_date, completion_attempts, last_resubmission_date) VALUES
    ('mail', 'PUBLISHED', '2026-01-05 06:00+00', NULL, 1, '2026-01-05 06:00+00'),
    ('mail', 'PUBLISHED', '2026-01-05 07:00+00', NULL, 1, '2026-01-05 07:00+00'),
    ('report', 'RESUBMITTED', '2026-01-03 00:00+00', NULL, 2, now() - interval '2 minutes'),
    ('mail', 'PROCESSING', '2026-01-02 00:00+00', NULL, 1, '2026-01-02 00:00+00'),
    ('report', 'FAILED', '2026-01-02 12:00+00', NULL, 1, '2026-01-02 12:00+00'),
    -- written before version 2: counts nowhere
    ('mail', NULL, '2026-01-01 00:00+00', NULL, NULL, NULL),
    ('mail', 'COMPLETED', '2026-01-01 10:00+00', '2026-01-01 10:01+00', 1, '2026-01-01 10:00+00'),
    ('mail', 'COMPLETED', now() - interval '11 minutes', now() - interval '10 minutes', 1, now()),
    ('report', 'COMPLETED', now() - interval '23 minutes', now() - interval '20 minutes', 2, now());
