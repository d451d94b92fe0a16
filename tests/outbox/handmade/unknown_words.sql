-- A status whose words say nothing to a stranger.
CREATE TABLE versand (
    id bigserial PRIMARY KEY,
    angelegt timestamptz NOT NULL,
    stand varchar(2) NOT NULL
);
CREATE INDEX ON versand (stand, angelegt);

INSERT INTO versand (angelegt, stand) VALUES
    ('2026-01-05 06:00+00', 'N'),
    ('2026-01-05 07:00+00', 'N'),
    ('2026-01-04 07:00+00', 'A'),
    ('2026-01-03 07:00+00', 'F'),
    ('2026-01-02 07:00+00', 'ZZ');
