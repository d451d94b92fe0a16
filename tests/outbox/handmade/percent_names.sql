-- Names and values have characters that mean something to programs; a limit of attempts that is NULL is none.
CREATE SCHEMA mail;
CREATE TABLE mail."Outbox 100%s {x} ""q""" (
    "Mail Id %(id)s" uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "Queue%" text,
    "Created At" timestamptz NOT NULL,
    "Sent At" timestamptz,
    "Status" text NOT NULL CHECK (lower("Status") IN ('new', 'sent')),
    "Tries" integer NOT NULL DEFAULT 0,
    "Max Tries" integer
);
CREATE INDEX ON mail."Outbox 100%s {x} ""q""" ("Status", "Created At");

INSERT INTO mail."Outbox 100%s {x} ""q""" ("Queue%", "Created At", "Sent At", "Status", "Tries", "Max Tries") VALUES
    ('50%', '2026-01-05 06:00+00', NULL, 'new', 0, NULL),
    ('50%', '2026-01-04 06:00+00', NULL, 'NEW', 9, NULL),
    ('50%', '2026-01-03 06:00+00', NULL, 'New', 3, 3),
    ('50%', '2026-01-01 10:00+00', '2026-01-01 10:01+00', 'Sent', 1, 3),
    ('50%', now() - interval '12 minutes', now() - interval '10 minutes', 'sent', 1, 3);
