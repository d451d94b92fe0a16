-- A boolean tells what was published.
CREATE TABLE outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    aggregate text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    published boolean NOT NULL DEFAULT false
);
CREATE INDEX ON outbox (created_at) WHERE NOT published;

INSERT INTO outbox (aggregate, created_at, published) VALUES
    ('order', '2026-01-05 06:00+00', false),
    ('order', '2026-01-05 07:00+00', false),
    ('order', '2026-01-01 10:00+00', true),
    ('order', now() - interval '11 minutes', true);
