"""pg_cron's jobs, their time zone and their runs, with the real pg_cron where it is installed."""

from __future__ import annotations

import pytest

from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport
from exporter.migration.verify.schedules import in_utc, same_schedule
from tests import postgres
from tests.lab.waiting import wait_for
from tests.migration.verification import (
    broken_checks,
    checks,
    create_monitor,
    in_zone,
    newer_pg_cron,
    run_verify,
)
from tests.migration.verify.cases import CRON_CHECKS, KEYS_JOB, OUTBOX_JOB


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0 3 * * *", "0 3 * * *", True),
        ("0 3 * * *", "00 03  * * *", True),
        ("0 2 * * 0", "0 2 * * 7", True),
        ("0 2 * * 0", "0 2 * * SUN", True),
        ("0 3 * * *", "0 4 * * *", False),
        ("0 3 * * *", "0 30 * * *", False),
        ("0 2 * * 0", "0 2 * * 1", False),
        ("0 2 * * 0", "0 2 * * mon", False),
        ("0 3 * * *", "", False),
        ("0 3 * * *", "30 seconds", False),
        ("10 3 * * *", "1 3 * * *", False),
    ],
)
def test_schedules_that_mean_the_same(one, other, same):
    """Leading zeros, spaces and names of Sunday do not matter; everything else does."""
    assert same_schedule(one, other) is same


@pytest.mark.parametrize(
    ("schedule", "hours", "utc"),
    [
        ("0 3 * * *", 0, "0 3 * * *"),
        ("0 3 * * *", 9, "0 18 * * *"),
        ("0 12 * * *", 9, "0 3 * * *"),
        ("0 3 * * *", -3.5, "30 6 * * *"),
        ("0 3 * * *", 5.75, "15 21 * * *"),
        ("0 22 * * *", -8, "0 6 * * *"),
        ("0 2 * * 0", 9, "0 17 * * 6"),
        ("0 2 * * sun", -8, "0 10 * * 0"),
        ("0 20 * * 6", -8, "0 4 * * 0"),
        ("0 2 1 * *", -8, "0 10 1 * *"),
        # Another day in UTC, which five fields cannot express.
        ("0 2 1 * *", 9, ""),
        ("0 2 * * 1-5", 9, ""),
        ("*/5 * * * *", 9, ""),
        ("30 seconds", 9, ""),
        ("30 seconds", 0, "30 seconds"),
        ("@daily", 9, ""),
    ],
)
def test_a_schedule_in_utc(schedule, hours, utc):
    """A schedule in the time zone of pg_cron, and when it runs in UTC."""
    assert in_utc(schedule, hours * 3600) == utc


def change_owner(database: postgres.Database, owner: str) -> None:
    """Makes another role the owner of the jobs, as if it had applied the migration."""
    with database.connect() as connection:
        connection.execute("UPDATE cron.job SET username = %s", (owner,))
        connection.execute(f"GRANT USAGE ON SCHEMA cron TO {owner}")


def run(database: postgres.Database, job: str, status: str = "succeeded", ago: str = "1 hour") -> None:
    """Records a run in pg_cron's table, as its launcher does."""
    database.execute(
        "INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, start_time, end_time) "
        "SELECT jobid, nextval('cron.runid_seq'), database, username, command, %s, NOW() - %s::interval, "
        "NOW() - %s::interval FROM cron.job WHERE jobname = %s",
        (status, ago, ago, job),
    )


def test_with_the_real_pg_cron_every_check_is_ok(cron_database):
    """Scheduled, active, not due yet."""
    assert broken_checks(cron_database) == set()


def test_jobs_of_the_role_are_checked_in_the_real_pg_cron(cron_database):
    """The role that scheduled them sees jobs and runs."""
    role = create_monitor(cron_database)
    change_owner(cron_database, role)
    run(cron_database, KEYS_JOB)
    report = run_verify(cron_database, role)
    assert checks(report, CheckAnswer.OK) >= CRON_CHECKS
    run(cron_database, KEYS_JOB, "failed", "1 minute")
    assert checks(run_verify(cron_database, role), CheckAnswer.BROKEN) == {f"cron.{KEYS_JOB}.runs"}


def test_an_inactive_job_is_broken_in_the_real_pg_cron(cron_database):
    """Deactivated by alter_job."""
    cron_database.execute(
        "SELECT cron.alter_job(jobid, active := false) FROM cron.job WHERE jobname = %s", (OUTBOX_JOB,)
    )
    assert broken_checks(cron_database) == {f"cron.{OUTBOX_JOB}"}


def test_a_failing_clean_up_is_broken_in_the_real_pg_cron(cron_database):
    """pg_cron runs the job, which fails; the check reports the reason."""
    cron_database.execute("ALTER TABLE idempotency_keys RENAME TO gone")
    # pg_cron checks schedules once a minute; this one runs at once.
    cron_database.execute("UPDATE cron.job SET schedule = '@reboot' WHERE jobname = %s", (KEYS_JOB,))
    cron_database.cluster.restart()
    wait_for(lambda: cron_database.value("SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"))
    report = run_verify(cron_database)
    (finding,) = (f for f in report.findings if f.check == f"cron.{KEYS_JOB}.runs")
    assert finding.answer is CheckAnswer.BROKEN
    assert "idempotency_keys" in finding.found


def test_the_runs_of_a_busy_pg_cron_are_found_cheaply(cron_database):
    """Among a week of runs of a job a minute the weekly run is found, by the primary key and without a scan."""
    run(cron_database, OUTBOX_JOB, ago="6 days")
    cron_database.execute(
        "INSERT INTO cron.job_run_details (jobid, runid, status, start_time, end_time) "
        "SELECT 999, nextval('cron.runid_seq'), 'succeeded', NOW(), NOW() FROM generate_series(1, 12000)"
    )
    cron_database.execute("ANALYZE cron.job_run_details")
    report = run_verify(cron_database)
    (finding,) = (f for f in report.findings if f.check == f"cron.{OUTBOX_JOB}.runs")
    assert (finding.answer, finding.found) == (CheckAnswer.OK, "as expected")
    run(cron_database, OUTBOX_JOB, "failed", "1 minute")
    assert broken_checks(cron_database) == {f"cron.{OUTBOX_JOB}.runs"}


def of(report: CheckReport, check: str) -> CheckFinding:
    return next(finding for finding in report.findings if finding.check == check)


@pytest.mark.parametrize(
    ("zone", "time"),
    [("Asia/Tokyo", "0 18 * * *"), ("Asia/Kathmandu", "15 21 * * *"), ("Etc/GMT+8", "0 11 * * *")],
)
def test_verify_reports_the_time_of_a_job_in_utc(embedded_database, zone, time):
    """A schedule in cron.timezone is ok, and a warning reports the time zone."""
    in_zone(embedded_database, zone)
    report = run_verify(embedded_database)
    assert report.answer is CheckAnswer.OK
    assert of(report, f"cron.{KEYS_JOB}").found == f"scheduled at 0 3 * * * {zone}, which is {time} UTC now"
    assert any(warning.subject == "cron.timezone" and zone in warning.text for warning in report.warnings)


def test_a_schedule_at_the_documented_time_in_utc_is_ok(embedded_database):
    """The schedule may have been changed together with the time zone; correct in neither, it is broken."""
    in_zone(embedded_database, "Asia/Tokyo")
    change = "UPDATE cron.job SET schedule = %s WHERE jobname = %s"
    for schedule, answer in (("0 12 * * *", CheckAnswer.OK), ("0 4 * * *", CheckAnswer.BROKEN)):
        embedded_database.execute(change, (schedule, KEYS_JOB))
        assert of(run_verify(embedded_database), f"cron.{KEYS_JOB}").answer is answer


@pytest.mark.parametrize("zone", ["UTC", "GMT", "Etc/UTC", ""])
def test_other_names_of_utc_give_no_warning(embedded_database, zone):
    """They are the same time zone."""
    in_zone(embedded_database, zone)
    report = run_verify(embedded_database)
    assert of(report, f"cron.{KEYS_JOB}").found == "as expected"
    assert not any(warning.subject == "cron.timezone" for warning in report.warnings)


def test_a_hidden_time_zone_is_not_queried(embedded_database):
    """The query would fail and end the transaction. A documented schedule is ok, another one is unknown."""
    with newer_pg_cron(embedded_database):
        role = create_monitor(embedded_database)
        embedded_database.execute(
            f"GRANT USAGE ON SCHEMA cron TO {role};"
            f"CREATE POLICY seen ON cron.job FOR SELECT TO {role} USING (true);"
            f"CREATE POLICY seen ON cron.job_run_details FOR SELECT TO {role} USING (true)"
        )
        found = of(run_verify(embedded_database, role), f"cron.{KEYS_JOB}")
        assert (found.answer, "may not see cron.timezone" in found.found) == (CheckAnswer.OK, True)
        embedded_database.execute("UPDATE cron.job SET schedule = '0 12 * * *' WHERE jobname = %s", (KEYS_JOB,))
        found = of(run_verify(embedded_database, role), f"cron.{KEYS_JOB}")
        assert (found.answer, "pg_read_all_settings" in found.remedy) == (CheckAnswer.UNKNOWN, True)
        in_zone(embedded_database, "Asia/Tokyo")
        assert of(run_verify(embedded_database), f"cron.{KEYS_JOB}").answer is CheckAnswer.OK
        embedded_database.execute(f"GRANT pg_read_all_settings TO {role} WITH INHERIT TRUE")
        try:
            assert of(run_verify(embedded_database, role), f"cron.{KEYS_JOB}").answer is CheckAnswer.OK
        finally:
            embedded_database.execute(f"REVOKE pg_read_all_settings FROM {role}")


def test_a_clean_up_of_events_ends_the_warning(embedded_database):
    """As long as no clean-up deletes from fsm_events there is a warning."""
    texts = {warning.text for warning in run_verify(embedded_database).warnings}
    assert any("grows without limit" in text for text in texts)
    embedded_database.execute("SELECT cron.schedule('events', '0 4 * * *', 'DELETE FROM fsm_events WHERE false')")
    assert not any("grows without limit" in warning.text for warning in run_verify(embedded_database).warnings)
