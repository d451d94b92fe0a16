"""Checksums of definitions on a real database: each change is noticed, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.database import DatabaseClient
from exporter.migration.definitions import checksums
from exporter.migration.verify import catalogue
from tests.migration.verification import exporter_client

# Each statement, and the objects that it changes.
CHANGES = (
    ("ALTER TABLE job_outbox ADD COLUMN note text", {"table job_outbox"}),
    ("ALTER TABLE job_outbox SET (fillfactor = 70)", {"table job_outbox"}),
    ("ALTER TABLE job_outbox ADD CHECK (attempts >= 0)", {"table job_outbox"}),
    (
        "ALTER TABLE job_outbox ALTER COLUMN note TYPE varchar(9) USING note::varchar(9)",
        {"table job_outbox", "storage of table job_outbox"},
    ),
    ("TRUNCATE fsm_events", {"storage of table fsm_events"}),
    ("VACUUM FULL idempotency_keys", {"storage of table idempotency_keys"}),
    ("CREATE INDEX mine ON fsm_events (created_at)", {"index mine"}),
    ("DROP INDEX mine", {"index mine"}),
    ("CREATE POLICY mine ON job_outbox FOR SELECT USING (true)", {"policy mine on job_outbox"}),
    ("ALTER TABLE job_outbox DISABLE ROW LEVEL SECURITY", {"table job_outbox"}),
    (
        "CREATE TRIGGER mine BEFORE UPDATE ON job_outbox EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        {"table job_outbox"},
    ),
    ("ALTER TABLE job_outbox DISABLE TRIGGER mine", {"table job_outbox"}),
)
# What changes rows, statistics or other objects.
NO_CHANGES = (
    "UPDATE job_outbox SET attempts = attempts",
    "ANALYZE job_outbox",
    "VACUUM job_outbox",
    "REINDEX TABLE job_outbox",
    "CREATE TABLE other (id int)",
)


def read(client: DatabaseClient) -> Mapping[str, int]:
    with client.sample() as session:
        return checksums(catalogue.read(session))


def differences(before: Mapping[str, int], after: Mapping[str, int]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_changes_of_definitions(database):
    """By the object that a statement changes."""
    with exporter_client(database) as client, database.connect() as connection:
        before = read(client)
        assert {"table job_outbox", "table idempotency_keys", "table fsm_events", "the server's version"} <= set(before)
        (function,) = (each for each in before if each.startswith("function initialize_fsm_with_outbox"))
        for statement, objects in (*CHANGES, (f"ALTER {function} SECURITY INVOKER", {function})):
            connection.execute(statement.encode())
            after = read(client)
            assert differences(before, after) == objects, statement
            before = after
        for statement in NO_CHANGES:
            connection.execute(statement.encode())
            assert differences(before, read(client)) == set(), statement
