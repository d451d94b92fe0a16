-- The application reads a view; a row of it may be hidden by the view's condition.
CREATE TABLE tenant_events (
    id bigserial PRIMARY KEY,
    tenant text NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);
CREATE TABLE tenants (name text PRIMARY KEY, active boolean NOT NULL);
CREATE VIEW outbox_events AS
    SELECT id, tenant, created_at, processed_at FROM tenant_events
    WHERE tenant IN (SELECT name FROM tenants WHERE active);

INSERT INTO tenants VALUES ('a', true), ('b', false);
INSERT INTO tenant_events (tenant, created_at) VALUES ('a', '2026-01-05 06:00+00'), ('b', '2026-01-04 06:00+00');
