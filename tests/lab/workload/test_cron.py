"""The stand-in for pg_cron: its tables and its schedule."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from exporter.lab.background import LabConnection
from exporter.lab.workload.cron import CronRunner, is_due, minutes_between

SUNDAY = datetime(2025, 11, 23, 2, 0, tzinfo=UTC)
# The visible parts of pg_cron.
SURFACE = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'cron' AND table_name IN ('job', 'job_run_details')
    ORDER BY table_name, ordinal_position
"""
POLICIES = "SELECT tablename, policyname, cmd, permissive FROM pg_policies WHERE schemaname = 'cron' ORDER BY 1"
FUNCTIONS = """
    SELECT proname, pg_get_function_result(oid), pg_get_function_identity_arguments(oid) FROM pg_proc
    WHERE pronamespace = 'cron'::regnamespace AND proname IN ('schedule', 'unschedule', 'alter_job') ORDER BY 1, 3
"""


@pytest.mark.parametrize(
    ("schedule", "minute", "due"),
    [
        ("0 3 * * *", "2025-11-18 03:00", True),
        ("0 3 * * *", "2025-11-18 03:01", False),
        ("0 3 * * *", "2025-11-18 15:00", False),
        ("0 2 * * 0", "2025-11-23 02:00", True),  # a Sunday
        ("0 2 * * 7", "2025-11-23 02:00", True),
        ("0 2 * * 0", "2025-11-24 02:00", False),
        ("*/15 * * * *", "2025-11-18 10:45", True),
        ("*/15 * * * *", "2025-11-18 10:46", False),
        ("5-10/5,30 8,20 1 * *", "2025-11-01 20:10", True),
        ("5-10/5,30 8,20 1 * *", "2025-11-02 20:10", False),
        ("0 0 13 * 5", "2025-11-13 00:00", True),  # day of month or day of week
        ("0 0 13 * 5", "2025-11-14 00:00", True),
        ("0 0 13 * 5", "2025-11-15 00:00", False),
        ("* * * 2 *", "2025-11-18 00:00", False),
    ],
)
def test_a_cron_expression_names_its_minutes(schedule, minute, due):
    """As crontab(5) has it; Sunday is 0 and 7."""
    assert is_due(schedule, datetime.fromisoformat(minute)) is due


@pytest.mark.parametrize("schedule", ["", "0 3 * *", "0 3 * * * *", "60 * * * *", "x * * * *", "5-1 * * * *"])
def test_an_invalid_cron_expression_is_refused(schedule):
    """Too few, too many, out of range, no number."""
    with pytest.raises(ValueError, match=r"."):
        is_due(schedule, SUNDAY)


def test_minutes_are_counted_once_each():
    """From exclusive to inclusive, and of a long gap the last hour."""
    start = SUNDAY + timedelta(seconds=30)
    assert list(minutes_between(start, start + timedelta(seconds=29))) == []
    assert list(minutes_between(start, start + timedelta(seconds=90))) == [
        SUNDAY + timedelta(minutes=1),
        SUNDAY + timedelta(minutes=2),
    ]
    assert len(list(minutes_between(SUNDAY, SUNDAY + timedelta(days=3)))) == 60


@pytest.mark.parametrize("query", [SURFACE, POLICIES])
def test_tables_and_policies_equal_the_real_ones(cron_database, embedded_database, query):
    """Columns, types, nullability and policies of the stand-in, compared with pg_cron itself."""
    with cron_database.connect() as real, embedded_database.connect() as stand_in:
        assert stand_in.execute(query).fetchall() == real.execute(query).fetchall()


def test_functions_equal_the_real_ones(cron_database, embedded_database):
    """Every signature of the stand-in exists in pg_cron, with the same argument names and result."""
    with cron_database.connect() as real, embedded_database.connect() as stand_in:
        ours = stand_in.execute(FUNCTIONS).fetchall()
        assert len(ours) == 5
        assert ours == real.execute(FUNCTIONS).fetchall()


@pytest.fixture(params=["stand-in", "real"])
def cron(request):
    return request.getfixturevalue("embedded_database" if request.param == "stand-in" else "cron_database")


def test_scheduling_a_name_again_replaces_it(cron):
    """One row per name and user, with the same id."""
    first = cron.value("SELECT cron.schedule('x', '0 1 * * *', 'SELECT 1')")
    assert cron.value("SELECT cron.schedule('x', '0 2 * * *', 'SELECT 2')") == first
    assert cron.value("SELECT schedule || command FROM cron.job WHERE jobname = 'x'") == "0 2 * * *SELECT 2"


def test_unscheduling_by_name_and_by_number(cron):
    """The row is deleted; a missing one is an error."""
    number = cron.value("SELECT cron.schedule('x', '0 1 * * *', 'SELECT 1')")
    assert cron.value("SELECT cron.unschedule(%s::bigint)", (number,)) is True
    cron.value("SELECT cron.schedule('x', '0 1 * * *', 'SELECT 1')")
    assert cron.value("SELECT cron.unschedule('x')") is True
    with pytest.raises(psycopg.Error, match="could not find valid entry for job 'x'"):
        cron.value("SELECT cron.unschedule('x')")


def test_an_unreadable_schedule_is_refused(cron):
    """With pg_cron's own message."""
    with pytest.raises(psycopg.Error, match="invalid schedule: every day"):
        cron.value("SELECT cron.schedule('x', 'every day', 'SELECT 1')")


def test_a_job_can_be_put_to_sleep(cron):
    """alter_job changes the given fields and nothing else."""
    cron.value("SELECT cron.alter_job(jobid, active := false) FROM cron.job WHERE jobname LIKE '%keys'")
    with cron.connect() as connection:
        assert sorted(connection.execute("SELECT jobname, schedule, active FROM cron.job").fetchall()) == [
            ("cleanup_expired_idempotency_keys", "0 3 * * *", False),
            ("cleanup_old_outbox_entries", "0 2 * * 0", True),
        ]


def test_another_role_sees_no_job(cron):
    """An empty cron.job can mean "not visible"."""
    cron.execute("GRANT USAGE ON SCHEMA cron TO anon")
    with cron.connect("anon") as connection:
        assert connection.execute("SELECT count(*) FROM cron.job").fetchone() == (0,)


def test_the_runner_runs_due_jobs_once_and_records_them(embedded_database):
    """The daily clean-up at 03:00, not before, not twice; the failing job with its message."""
    embedded_database.execute("INSERT INTO idempotency_keys (key, expires_at) VALUES ('old', NOW() - INTERVAL '1 day')")
    embedded_database.execute("SELECT cron.schedule('broken', '0 3 * * *', 'SELECT 1/0')")
    link = LabConnection(embedded_database.dsn())
    runner = CronRunner(link, embedded_database.cluster.dsn, datetime(2025, 11, 18, 2, 58, 30, tzinfo=UTC))
    assert runner.run_due(datetime(2025, 11, 18, 2, 59, 59, tzinfo=UTC)) == 0
    assert embedded_database.value("SELECT count(*) FROM idempotency_keys") == 1
    assert runner.run_due(datetime(2025, 11, 18, 3, 0, 1, tzinfo=UTC)) == 2
    assert runner.run_due(datetime(2025, 11, 18, 3, 0, 59, tzinfo=UTC)) == 0
    link.close()
    assert embedded_database.value("SELECT count(*) FROM idempotency_keys") == 0
    with embedded_database.connect() as connection:
        runs = connection.execute(
            "SELECT jobname, status, return_message, end_time >= start_time FROM cron.job_run_details"
            " JOIN cron.job USING (jobid) ORDER BY runid"
        ).fetchall()
    assert [(name, status, ended) for name, status, _, ended in runs] == [
        ("cleanup_expired_idempotency_keys", "succeeded", True),
        ("broken", "failed", True),
    ]
    assert "division by zero" in runs[1][2]


def test_an_inactive_job_does_not_run(embedded_database):
    """Due or not."""
    embedded_database.execute("UPDATE cron.job SET active = false")
    link = LabConnection(embedded_database.dsn())
    runner = CronRunner(link, embedded_database.cluster.dsn, SUNDAY - timedelta(seconds=1))
    assert runner.run_due(SUNDAY + timedelta(minutes=59)) == 0
    link.close()
