"""The metrics of the migration checks."""

from __future__ import annotations

import pytest

from exporter.collectors.migration import MigrationCollector
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from tests import postgres
from tests.database.roles import monitoring_role, run_script
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


RUN = """
INSERT INTO cron.job_run_details (jobid, runid, status, return_message, start_time, end_time)
SELECT jobid, {id}, '{status}', '', now() - interval '{ago}', now() - interval '{ago}'
FROM cron.job WHERE jobname = '{job}'
"""
KEYS, JOBS = "cleanup_expired_idempotency_keys", "cleanup_old_outbox_entries"


def last_runs(database: postgres.Database, user: str) -> dict[tuple[str, str], float]:
    with exporter_client(database, user) as client:
        readings = MigrationCollector(client).collect().readings
    return {
        (each.metric.name, each.labels[0]): each.value
        for each in readings
        if isinstance(each, Reading) and each.metric.labels == ("job",)
    }


def test_the_last_runs_of_clean_ups_are_metrics(cron_database):
    """Of the real pg_cron, for a role that may see them; a run that goes on has no end, and no value."""
    runs = [(101, "succeeded", "3 hours", KEYS), (102, "failed", "1 hour", KEYS), (103, "running", "1 minute", KEYS)]
    for number, status, ago, job in runs:
        cron_database.execute(RUN.format(id=number, status=status, ago=ago, job=job))
    now = cron_database.value("SELECT extract(epoch FROM now())::float8")
    time, success = "outbox_cron_last_run_timestamp_seconds", "outbox_cron_last_run_success"
    with monitoring_role(cron_database) as role:
        assert last_runs(cron_database, role) == {}
        run_script(cron_database, "grant_migration_access")
        found = last_runs(cron_database, role)
        assert found == {(time, KEYS): pytest.approx(now - 3600, abs=30), (success, KEYS): 0}
        cron_database.execute(RUN.format(id=104, status="succeeded", ago="1 second", job=JOBS))
        found = last_runs(cron_database, role)
        assert (found[success, KEYS], found[success, JOBS]) == (0, 1)
        assert found[time, JOBS] == pytest.approx(now, abs=30)
