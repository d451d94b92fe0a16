"""The metrics of maintenance windows, and the log messages about them."""

from __future__ import annotations

import logging
import time

from psycopg import sql

from exporter.collectors.maintenance import MaintenanceCollector
from exporter.database import queries
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorOutcome, Reading
from exporter.migration.maintenance import (
    MaintenanceFile,
)
from tests.migration.verification import exporter_client

HOUR = 3600.0
# A course, to which jobs refer.
COURSE = """
INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
INSERT INTO organizations (id, name) VALUES ('00000000-0000-0000-0000-00000000000b', 'o');
INSERT INTO courses (id, title, slug, user_id, organization_id) VALUES
    ('00000000-0000-0000-0000-00000000000c', 't', 's', '00000000-0000-0000-0000-00000000000a',
     '00000000-0000-0000-0000-00000000000b');
"""


def values(outcome: CollectorOutcome) -> dict[str, float]:
    return {each.metric.name: each.value for each in outcome.readings if isinstance(each, Reading)}


ACTIVE, END = catalogue.MAINTENANCE_ACTIVE.name, catalogue.MAINTENANCE_DECLARED_END.name


def test_without_a_window_the_database_is_not_queried(tmp_path, embedded_database):
    """0, although the database cannot be reached."""
    with exporter_client(embedded_database) as client:
        client.close()
        assert values(MaintenanceCollector(client, MaintenanceFile(tmp_path)).collect()) == {ACTIVE: 0}


def test_active_overrun_ended(tmp_path, database, caplog):
    """1 while the window lasts; 0 after its declared end, logged once; ended, it has no declared end."""
    caplog.set_level(logging.INFO)
    now = time.time()
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(now, HOUR, "roll back")
    clock = iter([now + 1, now + HOUR - 1, now + HOUR + 1, now + HOUR + 2, now + HOUR + 3])
    with exporter_client(database) as client:
        collector = MaintenanceCollector(client, maintenance_file, lambda: next(clock))
        assert values(collector.collect()) == {ACTIVE: 1, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 1, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 0, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 0, END: now + HOUR}
        maintenance_file.end(now + HOUR + 2)
        assert values(collector.collect()) == {ACTIVE: 0}
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["maintenance declared", "maintenance overruns", "maintenance ended"]


def test_a_processor_that_runs_during_maintenance_is_logged(tmp_path, database, caplog):
    """A job processed well after the start is logged once; one that was under way is not."""
    caplog.set_level(logging.WARNING)
    now = time.time()
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(now - HOUR, 2 * HOUR, "roll back")
    database.execute(COURSE)
    database.execute(
        "INSERT INTO job_outbox (entity_id, queue_name, processed_at) VALUES "
        "('00000000-0000-0000-0000-00000000000c', 'q', NOW() - INTERVAL '59 minutes')"
    )
    with exporter_client(database) as client:
        collector = MaintenanceCollector(client, maintenance_file)
        collector.collect()
        assert not caplog.records
        database.execute("UPDATE job_outbox SET processed_at = NOW()")
        for _ in range(3):
            assert values(collector.collect())[ACTIVE] == 1
    assert [record.getMessage() for record in caplog.records] == ["processor runs during maintenance"]


def test_maintenance_is_reported_without_the_database(tmp_path, database):
    """A database that was rolled back has no tables: the window is reported, and the failure is counted."""
    MaintenanceFile(tmp_path).start(time.time(), HOUR, "roll back")
    database.execute("DROP TABLE job_outbox")
    with exporter_client(database) as client:
        outcome = MaintenanceCollector(client, MaintenanceFile(tmp_path)).collect()
    assert values(outcome)[ACTIVE] == 1
    assert [failure.reason for failure in outcome.failures] == ["schema"]


def test_the_query_reads_one_index_entry(embedded_database):
    """The last processed job is the last entry of an existing index."""
    database = embedded_database
    database.execute(COURSE)
    database.execute(
        "INSERT INTO job_outbox (entity_id, queue_name, processed_at) "
        "SELECT '00000000-0000-0000-0000-00000000000c', 'q', NOW() - n * INTERVAL '1 second' "
        "FROM generate_series(1, 20000) AS n; ANALYZE job_outbox"
    )
    query = queries.load("migration/completed_since").compose("public")
    explained = database.value(
        sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + query, {"since": 0, "latest": time.time() + 600}
    )
    plan = explained[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 10
