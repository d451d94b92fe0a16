-- Two tables of the same shape, both in use.
CREATE SCHEMA orders;
CREATE SCHEMA billing;
CREATE TABLE orders.outbox (
    id bigserial PRIMARY KEY,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);
CREATE TABLE billing.outbox (LIKE orders.outbox INCLUDING ALL);

INSERT INTO orders.outbox (created_at) VALUES ('2026-01-05 06:00+00');
INSERT INTO billing.outbox (id, created_at) VALUES (1, '2026-01-04 06:00+00');
