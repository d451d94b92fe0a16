-- CAP 10.0.1. Times are without zone, in the time zone of the application's host; here UTC.
CREATE SCHEMA cap;
CREATE TABLE cap.published (
    "Id" bigint PRIMARY KEY,
    "Version" varchar(20) NOT NULL DEFAULT 'v1',
    "Name" varchar(200) NOT NULL,
    "Content" text,
    "Retries" integer NOT NULL,
    "Added" timestamp NOT NULL,
    "ExpiresAt" timestamp,
    "StatusName" varchar(50) NOT NULL
);
CREATE INDEX ON cap.published ("ExpiresAt", "StatusName");
CREATE INDEX ON cap.published ("Version", "ExpiresAt", "StatusName");

INSERT INTO cap.published ("Id", "Name", "StatusName", "Retries", "Added", "ExpiresAt") VALUES
    (1, 'mail', 'Scheduled', 0, '2026-01-05 06:00', NULL),
    (2, 'mail', 'Scheduled', 0, '2026-01-05 07:00', NULL),
    (3, 'report', 'Failed', 3, '2026-01-03 00:00', '2026-01-18 00:00'),
    (4, 'report', 'Failed', 50, '2026-01-02 12:00', '2026-01-17 12:00'),
    -- delayed: ExpiresAt is when they are due
    (5, 'mail', 'Delayed', 0, '2026-01-01 00:00', '2099-01-01 00:00'),
    (6, 'mail', 'Queued', 0, '2026-01-01 00:00', timezone('UTC', now()) + interval '30 seconds'),
    (7, 'mail', 'Succeeded', 0, '2026-01-01 10:00', '2026-01-02 10:01'),
    (8, 'report', 'Succeeded', 1, timezone('UTC', now()) - interval '11 minutes', timezone('UTC', now()) + interval '1 day');
