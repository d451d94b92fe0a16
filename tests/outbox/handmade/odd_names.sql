-- Quoted names in German, a completion timestamp, a queue.
CREATE TABLE "Ausgangskorb" (
    "LfdNr" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "Kanal" text NOT NULL,
    "Inhalt" jsonb NOT NULL DEFAULT '{}',
    "Erstellt am" timestamptz NOT NULL DEFAULT now(),
    "Versandt am" timestamptz
);
CREATE INDEX ON "Ausgangskorb" ("Erstellt am") WHERE "Versandt am" IS NULL;

INSERT INTO "Ausgangskorb" ("Kanal", "Erstellt am", "Versandt am") VALUES
    ('Post', '2026-01-05 06:00+00', NULL),
    ('Post', '2026-01-05 07:00+00', NULL),
    ('Fax', '2026-01-05 08:00+00', NULL),
    ('Post', '2026-01-01 10:00+00', '2026-01-01 10:01+00'),
    ('Post', now() - interval '11 minutes', now() - interval '10 minutes'),
    ('Fax', now() - interval '23 minutes', now() - interval '20 minutes');
