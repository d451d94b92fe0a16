"""May one roll back? Each prerequisite by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.config.settings import SamplingSettings
from exporter.core.errors import PermissionDenied, Stale, TooSlow
from exporter.migration import rollback
from exporter.migration.report import CheckAnswer, CheckFinding, CheckReport
from exporter.migration.rollback import (
    DataLoss,
    DependentObject,
    FunctionReference,
    LastActivity,
    PendingJobs,
    format_age,
    latest_backup,
    rollback_check,
)
from exporter.migration.rollback_options import RollbackOptions
from tests.migration.database_rows import OTHER_ROWS
from tests.migration.verification import MONITOR, checks, create_monitor, exporter_client
from tests.postgres import Database

NOW = 1_800_000_000.0
IDLE_OUTBOX = """
    UPDATE job_outbox SET processed_at = NOW() - INTERVAL '1 hour', created_at = NOW() - INTERVAL '2 hours';
    UPDATE fsm_events SET created_at = NOW() - INTERVAL '2 hours';
"""


def check(database: Database, options: RollbackOptions | None = None, user: str = "postgres") -> CheckReport:
    with exporter_client(database, user) as client:
        return rollback_check(client, SamplingSettings(), options or RollbackOptions(), NOW)


def finding(report: CheckReport, name: str) -> CheckFinding:
    (found,) = (each for each in report.findings if each.check == name)
    return found


def test_an_idle_outbox_may_be_rolled_back(database):
    """No pending job and no activity; rows that would be lost are reported with their ages."""
    database.execute(OTHER_ROWS + IDLE_OUTBOX)
    report = check(database)
    assert report.answer is CheckAnswer.OK, report.findings
    assert finding(report, "losses.job_outbox").found == "20 rows, from 2h to 2h ago"
    assert finding(report, "losses.idempotency_keys").found == "20 rows, 20 of them not expired"
    assert finding(report, "generations").found == "the last activity was 1h ago"


def test_an_empty_outbox_may_be_rolled_back(database):
    """No row would be lost."""
    report = check(database)
    assert report.answer is CheckAnswer.OK
    assert finding(report, "losses.fsm_events").found == "0 rows"


def test_pending_jobs_are_reported(database):
    """By queue and state, with the age of the oldest."""
    database.execute(OTHER_ROWS + IDLE_OUTBOX)
    database.execute(
        "UPDATE job_outbox SET processed_at = NULL, attempts = 2 WHERE outbox_id IN "
        "(SELECT outbox_id FROM job_outbox LIMIT 3)"
    )
    report = check(database)
    assert checks(report, CheckAnswer.BROKEN) == {"pending"}
    assert finding(report, "pending").found == "3 failing in q, the oldest 2h old"


@pytest.mark.parametrize(
    ("activity", "found"),
    [
        ("UPDATE fsm_events SET created_at = NOW() - INTERVAL '1 minute'", "the last event was 1m"),
        ("UPDATE job_outbox SET processed_at = NOW() - INTERVAL '14 minutes'", "the last processed job was 14m"),
    ],
)
def test_a_generation_with_recent_activity_is_broken(database, activity, found):
    """An event or a processed job of the last fifteen minutes."""
    database.execute(OTHER_ROWS + IDLE_OUTBOX)
    database.execute(activity)
    report = check(database)
    assert checks(report, CheckAnswer.BROKEN) == {"generations"}
    assert found in finding(report, "generations").found


DEPENDENTS = {
    "a view": ("CREATE VIEW v AS SELECT queue_name FROM job_outbox", "view v depends on table"),
    "a materialized view": ("CREATE MATERIALIZED VIEW v AS SELECT 1 FROM fsm_events", "materialized view v depends"),
    "a reference": ("CREATE TABLE t (id UUID REFERENCES fsm_events (event_id))", "on table t"),
    "a policy elsewhere": (
        "CREATE POLICY p ON courses USING (EXISTS (SELECT FROM job_outbox WHERE entity_id = courses.id))",
        "policy p on table public.courses",
    ),
    "a function of a row": (
        "CREATE FUNCTION f(r job_outbox) RETURNS INT LANGUAGE sql AS 'SELECT 1'",
        "function f(public.job_outbox)",
    ),
    "a column of a row's type": ("CREATE TABLE t (r fsm_events[])", "column r of table t"),
    "a function in standard SQL": (
        "CREATE FUNCTION f() RETURNS BIGINT LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM job_outbox; END",
        "function f()",
    ),
}


@pytest.mark.parametrize("case", DEPENDENTS)
def test_dependent_objects_are_reported(database, case):
    """Those because of which PostgreSQL would refuse to drop the tables."""
    statement, text = DEPENDENTS[case]
    database.execute(statement)
    report = check(database)
    assert checks(report, CheckAnswer.BROKEN) == {"dependents"}
    plain = finding(report, "dependents").found.replace("public.", "")
    assert text.replace("public.", "") in plain


def test_objects_that_are_dropped_with_the_tables_are_no_dependents(database):
    """Indexes, policies, triggers, checks, statistics and publications do not prevent DROP."""
    database.execute("""
        CREATE INDEX ON job_outbox ((lower(queue_name)));
        ALTER TABLE job_outbox ADD CHECK (attempts >= 0);
        ALTER TABLE job_outbox ADD next UUID REFERENCES job_outbox (outbox_id);
        CREATE POLICY p ON job_outbox FOR SELECT TO service_role USING (attempts > 0);
        CREATE STATISTICS s ON queue_name, attempts FROM job_outbox;
        CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT ON job_outbox FOR EACH ROW EXECUTE FUNCTION t();
    """)
    assert finding(check(database), "dependents").answer is CheckAnswer.OK
    database.execute("DROP TABLE fsm_events; DROP TABLE idempotency_keys; DROP TABLE job_outbox")


def test_functions_that_name_the_tables_are_warnings(database):
    """PostgreSQL does not track the tables that the code of a function names."""
    database.execute(
        "CREATE FUNCTION report() RETURNS BIGINT LANGUAGE plpgsql AS 'BEGIN RETURN 1 FROM job_outbox; END'"
    )
    report = check(database)
    assert report.answer is CheckAnswer.OK
    assert "public.report" in {warning.subject for warning in report.warnings}


def test_hidden_rows_are_unknown(database):
    """A role from which row security hides rows gets no ok for `pending`."""
    database.execute(OTHER_ROWS)
    role = create_monitor(database)
    database.execute(f"GRANT SELECT ON job_outbox, idempotency_keys, fsm_events TO {role}")
    report = check(database, user=MONITOR)
    assert {"pending", "generations", "losses"} <= checks(report, CheckAnswer.UNKNOWN)
    assert report.answer is CheckAnswer.UNKNOWN


def test_after_the_rollback_the_checks_are_unknown(database):
    """With the reason: there is no table."""
    database.execute("DROP TABLE job_outbox")
    assert "there is no table" in finding(check(database), "pending").found


# --- backups


def test_without_a_directory_the_backup_is_a_warning(embedded_database):
    """There is no finding about it."""
    report = check(embedded_database)
    assert "backup" not in {each.check for each in report.findings}
    assert "backup" in {warning.subject for warning in report.warnings}


@pytest.mark.parametrize(
    ("age", "size", "answer", "text"),
    [
        (60, 10, CheckAnswer.OK, "backup_1.dump, 10 bytes, 1m old"),
        (90_000, 10, CheckAnswer.BROKEN, "too old"),
        (60, 0, CheckAnswer.BROKEN, "empty"),
        (None, 0, CheckAnswer.BROKEN, "none"),
    ],
)
def test_the_latest_backup_is_checked(embedded_database, tmp_path, *, age, size, answer, text):
    """By its age and size."""
    if age is not None:
        file = tmp_path / "backup_1.dump"
        file.write_bytes(b"x" * size)
        os.utime(file, (NOW - age, NOW - age))
    found = finding(check(embedded_database, RollbackOptions(tmp_path)), "backup")
    assert (found.answer, text in found.found) == (answer, True)


def test_a_directory_that_cannot_be_read_is_unknown(embedded_database, tmp_path):
    """Not broken, as without a backup."""
    assert (
        finding(check(embedded_database, RollbackOptions(tmp_path / "nowhere")), "backup").answer is CheckAnswer.UNKNOWN
    )


def test_the_newest_backup_counts(tmp_path: Path):
    """In every format: custom, plain, compressed, a directory of pg_dump -Fd. Other files do not count."""
    (tmp_path / "dir").mkdir()
    names = ("a.dump", "b.sql.gz", "dir/toc.dat", "notes.txt")
    for place, name in enumerate(names):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (NOW + place, NOW + place))
    newest = latest_backup(tmp_path)
    assert newest is not None
    assert newest.name == "dir"


def test_ages_are_rounded():
    """Seconds up to an hour, minutes beyond."""
    assert [format_age(seconds) for seconds in (-1, 0.4, 59.6, 3661, 90_061)] == ["0s", "0s", "1m", "1h1m", "1d1h1m"]
    assert rollback.QUIET_PERIOD == 900


# --- without a database


class AnsweredDatabase:
    """A database whose statements return these rows, or raise these errors, by name; every sample begins at NOW."""

    now = NOW
    schema = "public"

    def __init__(self, **answers: object) -> None:
        self._answers = answers
        self.parameters: dict[str, dict[str, object]] = {}

    @contextmanager
    def sample(self, *_reads: object, primary_only: bool) -> Iterator[AnsweredDatabase]:
        assert primary_only
        yield self

    def fetch(self, name: str, _row: type[object], **parameters: object) -> list[object]:
        self.parameters[name] = parameters
        answer = self._answers.get(name.removeprefix("migration/"), [])
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)
        return answer

    def fetch_one(self, name: str, row: type[object], **parameters: object) -> object:
        (only,) = self.fetch(name, row, **parameters)
        return only


def answered(**answers: object) -> CheckReport:
    """The report about a database with these answers; without others there was no activity."""
    database = AnsweredDatabase(**{"last_activity": [LastActivity(None, None)], **answers})
    settings = SamplingSettings(count_limit=1000)
    return rollback_check(database, settings, RollbackOptions(), NOW)  # type: ignore[arg-type]  # stands for one


def test_an_empty_database_without_activity_is_ok():
    """Nothing is pending, lost or dependent; only the backup was not checked."""
    report = answered()
    assert {each.check: each.found for each in report.findings} == {
        "pending": "none",
        "generations": "no activity",
        "dependents": "nothing",
    }
    assert report.answer is CheckAnswer.OK
    assert [(each.subject, each.remedy) for each in report.warnings] == [("backup", "--backup-dir DIRECTORY")]


@pytest.mark.parametrize(
    ("event", "processed", "answer", "text"),
    [
        (899.0, None, CheckAnswer.BROKEN, "the last event was 14m59s ago"),
        (900.0, None, CheckAnswer.OK, "the last activity was 15m ago"),
        (None, 10.0, CheckAnswer.BROKEN, "the last processed job was 10s ago"),
        (0.0, 5000.0, CheckAnswer.BROKEN, "the last event was 0s ago"),
        (7200.0, 3600.0, CheckAnswer.OK, "the last activity was 1h ago"),
        (1.0, 2.0, CheckAnswer.BROKEN, "the last event was 1s ago; the last processed job was 2s ago"),
    ],
)
def test_activity_of_the_last_fifteen_minutes_is_broken(event, processed, answer, text):
    """An event or a processed job; from 15 minutes on it is ok."""
    found = finding(answered(last_activity=[LastActivity(event, processed)]), "generations")
    assert (found.answer, found.found) == (answer, text)
    assert found.expected == "no activity for 15m"


@pytest.mark.parametrize(
    ("jobs", "text"),
    [
        (PendingJobs("email", "failing", 3, 7200.0), "3 failing in email, the oldest 2h old"),
        (PendingJobs(None, "waiting", 1, 5.0), "1 waiting without a queue, the oldest 5s old"),
        (PendingJobs("email", "exhausted", 2, None), "2 exhausted in email, their age is unknown"),
    ],
)
def test_pending_jobs_by_queue_and_state(jobs, text):
    """With the age of the oldest, where it is known."""
    found = finding(answered(pending=[jobs]), "pending")
    assert (found.answer, found.found) == (CheckAnswer.BROKEN, text)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (DataLoss("t", 0, None, None, None), "0 rows"),
        (DataLoss("t", 999, None, 90_000.0, 60.0), "999 rows, from 1d1h to 1m ago"),
        (DataLoss("t", 1000, None, 60.0, None), "at least 1000 rows"),
        (DataLoss("t", 1001, None, None, None), "at least 1001 rows"),
        (DataLoss("t", 1000, 7, None, None), "at least 1000 rows, 7 of them not expired"),
        (DataLoss("t", 5, 0, None, None), "5 rows, 0 of them not expired"),
    ],
)
def test_rows_that_would_be_lost_are_reported(loss, text):
    """Always ok; from count_limit on the number is a lower bound."""
    found = finding(answered(losses=[loss]), "losses.t")
    assert (found.answer, found.found, found.expected) == (CheckAnswer.OK, text, "reported only")


def test_dependent_objects_and_references():
    """Objects that depend on the tables are broken, functions that name them are warnings."""
    report = answered(dependents=[DependentObject("view v", "table t")], function_references=[FunctionReference("f()")])
    assert finding(report, "dependents").found == "view v depends on table t"
    assert report.warnings[1].remedy == "\\sf f()"


@pytest.mark.parametrize(
    ("error", "text", "remedy"),
    [
        (TooSlow("slow"), "slow; a longer database.statement_timeout may help", ""),
        (Stale("standby"), "standby", "connect to the primary"),
        (PermissionDenied("denied"), "denied", ""),
    ],
)
def test_a_check_that_fails_hides_no_other(error, text, remedy):
    """It is unknown, with the reason and what may help; the others are decided."""
    report = answered(pending=error, function_references=error)
    found = finding(report, "pending")
    assert (found.answer, found.found) == (CheckAnswer.UNKNOWN, text)
    assert found.remedy.startswith(remedy)
    assert bool(found.remedy) is bool(remedy)
    assert finding(report, "generations").answer is CheckAnswer.OK
    assert [each.subject for each in report.warnings] == ["backup"]


def test_times_may_be_ahead_of_the_database_clock():
    """By ten minutes for jobs, by a day for the activity of a generation."""
    database = AnsweredDatabase(last_activity=[LastActivity(None, None)])
    rollback_check(database, SamplingSettings(), RollbackOptions(), NOW)  # type: ignore[arg-type]  # stands for one
    latest = {name: values["latest"] for name, values in database.parameters.items() if "latest" in values}
    assert latest == {
        "migration/pending": NOW + 600,
        "migration/last_activity": NOW + 86_400,
        "migration/losses": NOW + 600,
    }


@pytest.mark.parametrize(
    ("age", "size", "answer", "text"),
    [
        (60, 10, CheckAnswer.OK, "backup.dump, 10 bytes, 1m old"),
        (86_400, 10, CheckAnswer.OK, "backup.dump, 10 bytes, 1d old"),
        (86_460, 10, CheckAnswer.BROKEN, "too old: backup.dump, 10 bytes, 1d1m old"),
        (86_460, 0, CheckAnswer.BROKEN, "empty: backup.dump, 0 bytes, 1d1m old"),
    ],
)
def test_a_backup_of_the_last_day(tmp_path, age, size, answer, text):
    """Of a day at most, and not empty."""
    file = tmp_path / "backup.dump"
    file.write_bytes(b"x" * size)
    os.utime(file, (NOW - age, NOW - age))
    database = AnsweredDatabase(last_activity=[LastActivity(None, None)])
    options = RollbackOptions(tmp_path)
    report = rollback_check(database, SamplingSettings(), options, NOW)  # type: ignore[arg-type]  # stands for one
    found = finding(report, "backup")
    assert (found.answer, found.found, found.expected) == (answer, text, f"a backup in {tmp_path} of the last 1d")
    assert not report.warnings


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (3599, "59m59s"), (3600, "1h"), (3629, "1h"), (3631, "1h1m"), (90_061, "1d1h1m")]
)
def test_an_age_has_minutes_from_an_hour_on(seconds, text):
    """And seconds before."""
    assert format_age(seconds) == text
