"""A report of migration checks as readings."""

from exporter.collectors.migration import clock, last_runs, readings
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport
from exporter.migration.verify.access_checks import Cron, CronJob, CronRun, CronTimeZone, TableAccess
from tests.collectors.fake_database import NOW, values


def finding(check: str, answer: CheckAnswer) -> CheckFinding:
    return CheckFinding(check, answer, "expected", "found")


def test_an_unknown_check_has_no_value():
    """The counts have all three answers, always."""
    report = CheckReport(
        (
            finding("tables", CheckAnswer.OK),
            finding("policies", CheckAnswer.BROKEN),
            finding("schedules", CheckAnswer.UNKNOWN),
            finding("functions", CheckAnswer.OK),
        )
    )
    assert values(readings(report)) == {
        ("outbox_migration_check_ok", "tables"): 1,
        ("outbox_migration_check_ok", "policies"): 0,
        ("outbox_migration_check_ok", "functions"): 1,
        ("outbox_migration_checks", "ok"): 2,
        ("outbox_migration_checks", "broken"): 1,
        ("outbox_migration_checks", "unknown"): 1,
    }
    assert sorted(values(readings(CheckReport(())))) == [
        ("outbox_migration_checks", "broken"),
        ("outbox_migration_checks", "ok"),
        ("outbox_migration_checks", "unknown"),
    ]


def test_the_offset_of_pg_cron_s_clock_is_absent_where_it_cannot_be_seen():
    """0 is an offset."""
    zone = dict.fromkeys(CronTimeZone.__dataclass_fields__)
    assert values(clock(CronTimeZone(**zone))) == {}
    (found,) = values(clock(CronTimeZone(**{**zone, "ahead": 0.0}))).values()  # type: ignore[arg-type]
    assert found == 0


def test_the_last_run_of_a_clean_up_is_that_of_the_latest_job_of_its_name():
    """Several roles may have scheduled it; other jobs and hidden runs have no value."""
    seen = TableAccess(exists=True, complete=True)
    jobs = tuple(
        CronJob(number, name, "0 3 * * *", "SELECT 1", "owner", active=True)
        for number, name in ((1, "cleanup_old_outbox_entries"), (2, "cleanup_old_outbox_entries"), (3, "other"))
    )
    runs = (CronRun(1, "failed", None, 900.0), CronRun(2, "succeeded", None, 60.0), CronRun(3, "failed", None, 1.0))
    zone = CronTimeZone("GMT", 0.0)
    assert values(last_runs(Cron(zone, seen, seen, jobs, runs), NOW)) == {
        ("outbox_cron_last_run_timestamp_seconds", "cleanup_old_outbox_entries"): NOW - 60,
        ("outbox_cron_last_run_success", "cleanup_old_outbox_entries"): 1,
    }
    assert values(last_runs(Cron(zone, seen, seen, jobs), NOW)) == {}
