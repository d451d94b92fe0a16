-- Times are texts: they compare by their characters, and nothing keeps them valid.
CREATE TABLE legacy_outbox (
    id serial PRIMARY KEY,
    created varchar(40) NOT NULL,
    done varchar(40)
);

INSERT INTO legacy_outbox (created, done) VALUES
    ('2026-01-05T06:00:00Z', NULL),
    ('Mon Jan 05 2026', NULL);
