"""Records that a role cannot see are unknown, never broken."""

from __future__ import annotations

import psycopg
import pytest

from exporter.migration.report import CheckAnswer
from tests.migration.verification import (
    broken_checks,
    checks,
    create_monitor,
    run_verify,
)
from tests.migration.verify.cases import (
    CRON_CHECKS,
    HISTORY_CHECKS,
    KEYS_JOB,
    OUTBOX_JOB,
    RECORD_CHECKS,
)


def test_records_that_the_monitoring_role_cannot_read_are_unknown(database):
    """Without privileges on them; checks of the catalogue are decided all the same."""
    report = run_verify(database, create_monitor(database))
    assert checks(report, CheckAnswer.UNKNOWN) == RECORD_CHECKS
    assert checks(report, CheckAnswer.BROKEN) == set()
    assert report.answer is CheckAnswer.UNKNOWN
    assert all(finding.found and finding.remedy for finding in report.findings if finding.answer is CheckAnswer.UNKNOWN)


def test_remedies_of_unknown_checks_grant_access(database):
    """After following them step by step, only jobs of other roles stay invisible."""
    role = create_monitor(database)
    for _ in range(3):
        remedies = {f.remedy for f in run_verify(database, role).findings if f.remedy.startswith("GRANT")}
        for remedy in remedies:
            database.execute(remedy)
    assert checks(run_verify(database, role), CheckAnswer.UNKNOWN) == CRON_CHECKS


def test_broken_checks_are_found_without_any_privilege(database):
    """The monitoring role sees a broken table although it may read none of it."""
    database.execute("DROP INDEX idx_job_outbox_unprocessed; ALTER TABLE fsm_events DISABLE ROW LEVEL SECURITY")
    report = run_verify(database, create_monitor(database))
    assert checks(report, CheckAnswer.BROKEN) == {"idx_job_outbox_unprocessed", "fsm_events.row_security"}
    assert report.answer is CheckAnswer.BROKEN


def test_without_pg_cron_its_checks_are_unknown(embedded_database):
    """Also for a superuser: an absent extension proves nothing."""
    embedded_database.execute("DROP SCHEMA cron CASCADE")
    report = run_verify(embedded_database)
    assert checks(report, CheckAnswer.UNKNOWN) == CRON_CHECKS
    assert checks(report, CheckAnswer.BROKEN) == set()


def test_without_a_migration_history_its_checks_are_unknown(embedded_database):
    """A database that was migrated by hand has no history."""
    embedded_database.execute("DROP SCHEMA supabase_migrations CASCADE")
    report = run_verify(embedded_database)
    assert checks(report, CheckAnswer.UNKNOWN) == HISTORY_CHECKS


def test_jobs_of_others_are_unknown_in_the_real_pg_cron(cron_database):
    """cron.job shows a role its own jobs only, so an empty answer does not prove that there is no job."""
    role = create_monitor(cron_database)
    cron_database.execute(f"GRANT USAGE ON SCHEMA cron TO {role}")
    assert checks(run_verify(cron_database, role), CheckAnswer.UNKNOWN) >= CRON_CHECKS
    cron_database.execute(f"SELECT cron.unschedule('{KEYS_JOB}')")
    assert f"cron.{KEYS_JOB}" in checks(run_verify(cron_database, role), CheckAnswer.UNKNOWN)
    assert broken_checks(cron_database) == {f"cron.{KEYS_JOB}", f"cron.{KEYS_JOB}.runs"}


def test_a_policy_lets_the_monitoring_role_see_pg_cron(cron_database):
    """A superuser may create it; then no check of the jobs is unknown, and a missing job is broken."""
    role = create_monitor(cron_database)
    cron_database.execute(
        f"GRANT USAGE ON SCHEMA cron TO {role};"
        f"CREATE POLICY seen ON cron.job FOR SELECT TO {role} USING (true);"
        f"CREATE POLICY seen ON cron.job_run_details FOR SELECT TO {role} USING (true)"
    )
    assert checks(run_verify(cron_database, role), CheckAnswer.OK) >= CRON_CHECKS
    cron_database.execute(f"SELECT cron.unschedule('{OUTBOX_JOB}')")
    assert checks(run_verify(cron_database, role), CheckAnswer.BROKEN) == {
        f"cron.{OUTBOX_JOB}",
        f"cron.{OUTBOX_JOB}.runs",
    }


def test_the_role_needs_no_privilege(database):
    """Also where every privilege of PUBLIC was revoked."""
    role = create_monitor(database)
    database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC")
    assert checks(run_verify(database, role), CheckAnswer.BROKEN) == set()
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT FROM public.job_outbox")
