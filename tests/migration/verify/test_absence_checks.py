"""`verify --expect absent`, after a rollback and before."""

from __future__ import annotations

from exporter.migration import expected
from exporter.migration.report import CheckAnswer
from tests.migration.verification import (
    MONITOR,
    checks,
    create_monitor,
    run_verify,
)
from tests.migration.verify.cases import (
    KEYS_JOB,
    OUTBOX_JOB,
)

ROLLBACK = """
    DROP FUNCTION IF EXISTS initialize_fsm_with_outbox;
    DROP TABLE IF EXISTS fsm_events;
    DROP TABLE IF EXISTS idempotency_keys;
    DROP TABLE IF EXISTS job_outbox;
    SELECT cron.unschedule('cleanup_expired_idempotency_keys');
    SELECT cron.unschedule('cleanup_old_outbox_entries');
"""


def test_the_rollback_of_the_guide_leaves_functions_and_history(database):
    """`--expect absent` reports them with the statements that remove them; then every check is ok."""
    database.execute(ROLLBACK)
    report = run_verify(database, expect="absent")
    versions = [migration.version for migration in expected.MIGRATIONS]
    assert checks(report, CheckAnswer.BROKEN) == {
        KEYS_JOB,
        OUTBOX_JOB,
        *(f"register.{version}" for version in versions),
    }
    for finding in report.findings:
        if finding.remedy.startswith("DROP"):
            database.execute(finding.remedy)
    database.execute("DELETE FROM supabase_migrations.schema_migrations")
    assert run_verify(database, expect="absent").answer is CheckAnswer.OK


def test_before_a_rollback_every_check_is_broken(database):
    """Nothing is absent from a migrated database."""
    report = run_verify(database, expect="absent")
    assert checks(report, CheckAnswer.BROKEN) == {finding.check for finding in report.findings}


def test_an_index_that_is_left_is_broken(embedded_database):
    """Also an index of a documented name on another table."""
    embedded_database.execute(ROLLBACK + "CREATE INDEX idx_fsm_events_type ON courses (title);")
    assert "fsm_events" in checks(run_verify(embedded_database, expect="absent"), CheckAnswer.BROKEN)


def test_absence_that_cannot_be_checked_is_unknown(cron_database):
    """After a rollback the monitoring role cannot see whether a job is left."""
    cron_database.execute(ROLLBACK)
    cron_database.execute(f"GRANT USAGE ON SCHEMA cron TO {create_monitor(cron_database)}")
    report = run_verify(cron_database, MONITOR, expect="absent")
    assert "cron" in checks(report, CheckAnswer.UNKNOWN)
    assert "cron" in checks(run_verify(cron_database, expect="absent"), CheckAnswer.OK)
