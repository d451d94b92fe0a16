-- Times are milliseconds since 1970, as JavaScript has them; 0 attempts at first; due after a failure.
CREATE TABLE outgoing_events (
    id bigserial PRIMARY KEY,
    topic varchar(100) NOT NULL,
    body text NOT NULL DEFAULT '',
    created_ms bigint NOT NULL,
    next_try_ms bigint,
    tries integer NOT NULL DEFAULT 0,
    done_ms bigint
);
CREATE INDEX ON outgoing_events (created_ms) WHERE done_ms IS NULL;

INSERT INTO outgoing_events (topic, created_ms, next_try_ms, tries, done_ms) VALUES
    ('mail', 1767592800000, NULL, 0, NULL),
    ('mail', 1767596400000, NULL, 0, NULL),
    ('report', 1767225600000, 1767657600000, 1, NULL),
    ('report', 1767225600000, 4070908800000, 1, NULL),
    ('mail', 1767261600000, NULL, 0, 1767261660000),
    ('mail', (extract(epoch FROM now()) - 660) * 1000, NULL, 0, (extract(epoch FROM now()) - 600) * 1000);
