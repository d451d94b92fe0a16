-- NServiceBus.Persistence.Sql 9.0.3, without table prefix. DispatchedAt is UTC without zone.
CREATE TABLE "OutboxData" (
    "MessageId" varchar(200) PRIMARY KEY,
    "Dispatched" boolean NOT NULL DEFAULT false,
    "DispatchedAt" timestamp,
    "PersistenceVersion" varchar(23),
    "Operations" jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX ON "OutboxData" ("DispatchedAt");
CREATE INDEX ON "OutboxData" ("Dispatched");

INSERT INTO "OutboxData" ("MessageId", "Dispatched", "DispatchedAt") VALUES
    ('a', false, NULL),
    ('b', false, NULL),
    ('c', true, '2026-01-01 10:01'),
    ('d', true, timezone('UTC', now()) - interval '10 minutes'),
    ('e', true, timezone('UTC', now()) - interval '20 minutes');
