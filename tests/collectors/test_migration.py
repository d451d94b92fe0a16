"""The metrics of the migration checks."""

from __future__ import annotations

from exporter.collectors.migration import MigrationCollector
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from tests import postgres
from tests.migration.verification import (
    create_monitor,
    exporter_client,
    in_zone,
    newer_pg_cron,
)
from tests.migration.verify.cases import (
    RECORD_CHECKS,
)


def offset(database: postgres.Database, user: str) -> list[float]:
    with exporter_client(database, user) as client:
        readings = MigrationCollector(client).collect().readings
    return [
        each.value for each in readings if isinstance(each, Reading) and each.metric == catalogue.CRON_TIMEZONE_OFFSET
    ]


def test_the_time_zone_of_pg_cron_is_a_metric(embedded_database):
    """Seconds ahead of UTC; no value where the role cannot see it."""
    with newer_pg_cron(embedded_database):
        assert offset(embedded_database, "postgres") == [0]
        in_zone(embedded_database, "Etc/GMT+3")
        assert offset(embedded_database, "postgres") == [-10_800]
        assert offset(embedded_database, create_monitor(embedded_database)) == []


def test_the_time_zone_of_an_older_pg_cron_is_utc(cron_database):
    """Before 1.5 there is no such setting."""
    assert offset(cron_database, create_monitor(cron_database)) == [0]


def test_unknown_checks_have_no_series(database):
    """Checks that are ok have the value 1, broken ones 0; the counts include the unknown ones."""
    role = create_monitor(database)
    database.execute("DROP INDEX idx_job_outbox_entity")
    with exporter_client(database, role) as client:
        outcome = MigrationCollector(client).collect()
    values = {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric == catalogue.MIGRATION_CHECK_OK
    }
    counts = {
        reading.labels[0]: reading.value
        for reading in outcome.readings
        if isinstance(reading, Reading) and reading.metric == catalogue.MIGRATION_CHECKS
    }
    assert values["idx_job_outbox_entity"] == 0
    assert values["idx_job_outbox_cleanup"] == 1
    assert not RECORD_CHECKS & set(values)
    assert counts == {"ok": len(values) - 1, "broken": 1, "unknown": len(RECORD_CHECKS)}
