"""A report of migration checks as readings."""

from exporter.collectors.migration import clock, readings
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport
from exporter.migration.verify.access_checks import CronTimeZone
from tests.collectors.fake_database import values


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
