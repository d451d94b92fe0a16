"""`rollback-check`: may one roll back now, and what would be lost?

Source: migrations reference, "Emergency Rollback": prerequisites and step 2. The check reads; it rolls nothing back.
Whatever a standby says proves nothing: all is unknown there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from exporter.config.settings import SamplingSettings
from exporter.config.values import format_duration
from exporter.core.errors import SampleError, Stale, TooSlow
from exporter.database import Database, Session
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.database.visibility import Table
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW
from exporter.migration import expected
from exporter.migration.backup import Backup, latest
from exporter.migration.report import CheckFinding, CheckReport, CheckWarning, Deviation, finding_of, unknown_finding

_JOBS = Table("job_outbox", ("queue_name", "attempts", "created_at", "processed_at"))
_KEYS = Table("idempotency_keys", ("expires_at",))
_EVENTS = Table("fsm_events", ("created_at",))

# One batch of the processor may take 150 s, its idle poll 30 s (deployed application): after five times that, what is
# silent is at rest. A generation that writes nothing for longer cannot be seen from here.
QUIET_PERIOD = 900.0
MAX_BACKUP_AGE = 86_400.0

_STOPPED = "stop the application servers (guide, step 1) and wait"


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """What the person who asks knows: where backups are, and how old the latest may be, in seconds."""

    backup_directory: Path | None = None
    max_backup_age: float = MAX_BACKUP_AGE


@dataclass(frozen=True, slots=True)
class PendingJobs:
    """One row of sql/migration/pending.sql; `age` in seconds, None where no time can be believed."""

    queue: str | None
    state: str
    jobs: int
    age: float | None


@dataclass(frozen=True, slots=True)
class LastActivity:
    """The row of sql/migration/signs_of_life.sql."""

    last_event: float | None
    last_processed: float | None


@dataclass(frozen=True, slots=True)
class DataLoss:
    """One row of sql/migration/losses.sql."""

    table_name: str
    rows: int
    live: int | None
    oldest: float | None
    newest: float | None


@dataclass(frozen=True, slots=True)
class DependentObject:
    """One row of sql/migration/dependents.sql."""

    object: str
    on_object: str


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """One row of sql/migration/mentions.sql."""

    function: str


def rollback_check(database: Database, settings: SamplingSettings, options: RollbackOptions, now: float) -> CheckReport:
    """Every prerequisite by itself, so that one that cannot be seen hides no other. `now` in Unix seconds."""
    checks: Mapping[str, Callable[[], Iterator[CheckFinding]]] = {
        "pending": lambda: _pending(database, settings),
        "generations": lambda: _generations(database),
        "losses": lambda: _losses(database, settings),
        "dependents": lambda: _dependents(database),
    }
    findings = tuple(finding for name, check in checks.items() for finding in _guarded(name, check))
    backup = tuple(_backup(options, now))
    return CheckReport((*findings, *backup), tuple(_warnings(database, options)))


def _primary_sample(database: Database, *reads: Table) -> AbstractContextManager[Session]:
    """A sample of the primary; a standby raises Stale, so that no check of this command is answered by one."""
    return database.sample(*reads, primary_only=True)


def _guarded(name: str, check: Callable[[], Iterator[CheckFinding]]) -> Iterator[CheckFinding]:
    try:
        yield from check()
    except SampleError as error:
        slow = "; a longer database.statement_timeout may do" if isinstance(error, TooSlow) else ""
        yield unknown_finding(
            name, "could be seen", f"{error}{slow}", CONNECT_TO_PRIMARY if isinstance(error, Stale) else ""
        )


def _pending(database: Database, settings: SamplingSettings) -> Iterator[CheckFinding]:
    with _primary_sample(database, _JOBS) as session:
        groups = session.fetch(
            "migration/pending",
            PendingJobs,
            count_limit=settings.count_limit,
            exhausted_attempts=settings.exhausted_attempts,
            latest=session.now + MAX_CLOCK_LEAD,
        )
    deviations = (
        Deviation(
            f"{group.jobs} {group.state} {_in(group.queue)}, {_since(group.age)}",
            "let the processor finish; look at last_error of those that fail, and decide what becomes of them",
        )
        for group in groups
    )
    yield finding_of("pending", "no pending job", deviations, "none")


def _in(queue: str | None) -> str:
    return "without a queue" if queue is None else f"in {queue}"


def _since(age: float | None) -> str:
    return "since when is not known" if age is None else f"the oldest {format_age(age)} old"


def _generations(database: Database) -> Iterator[CheckFinding]:
    with _primary_sample(database, _JOBS, _EVENTS) as session:
        signs = session.fetch_one("migration/signs_of_life", LastActivity, latest=session.now + MAX_CLOCK_LEAD_NEW)
    seen = {"event": signs.last_event, "completion": signs.last_processed}
    deviations = (
        Deviation(f"the last {what} was {format_age(age)} ago", _STOPPED)
        for what, age in seen.items()
        if age is not None and age < QUIET_PERIOD
    )
    ages = [age for age in seen.values() if age is not None]
    found = f"the last trace is {format_age(min(ages))} old" if ages else "no trace at all"
    yield finding_of("generations", f"no trace of a generation for {format_duration(QUIET_PERIOD)}", deviations, found)


def _losses(database: Database, settings: SamplingSettings) -> Iterator[CheckFinding]:
    """What is lost is told, not judged."""
    with _primary_sample(database, _JOBS, _KEYS, _EVENTS) as session:
        losses = session.fetch(
            "migration/losses", DataLoss, count_limit=settings.count_limit, latest=session.now + MAX_CLOCK_LEAD
        )
    for loss in losses:
        yield finding_of(f"losses.{loss.table_name}", "told, not judged", (), _described(loss, settings.count_limit))


def _described(loss: DataLoss, limit: int) -> str:
    rows = f"{'at least ' if loss.rows >= limit else ''}{loss.rows} rows"
    if loss.live is not None:
        return f"{rows}, {loss.live} of them still answer repeated requests"
    if loss.oldest is None or loss.newest is None:
        return rows
    return f"{rows}, from {format_age(loss.oldest)} to {format_age(loss.newest)} ago"


def _dependents(database: Database) -> Iterator[CheckFinding]:
    with _primary_sample(database) as session:
        found = session.fetch("migration/dependents", DependentObject, schema=session.schema, **_names())
    deviations = (
        Deviation(
            f"{each.object} depends on {each.on_object}",
            "drop or change these first; DROP ... CASCADE would take them along unseen",
        )
        for each in found
    )
    yield finding_of("dependents", "nothing else depends on what is dropped", deviations, "nothing")


def _backup(options: RollbackOptions, now: float) -> Iterator[CheckFinding]:
    """Only where somebody said where to look."""
    directory = options.backup_directory
    if directory is None:
        return
    wanted = f"a backup in {directory} of the last {format_duration(options.max_backup_age)}"
    try:
        backup = latest(directory)
    except OSError as error:
        yield unknown_finding("backup", wanted, f"the directory cannot be read: {error.strerror}", "")
        return
    found = f"{backup.name}, {backup.size} bytes, {format_age(now - backup.at)} old" if backup else "none"
    yield finding_of("backup", wanted, _backup_deviations(backup, options, now, found), found)


def _backup_deviations(backup: Backup | None, options: RollbackOptions, now: float, found: str) -> Iterator[Deviation]:
    remedy = "pg_dump -Fc ... > backup_$(date +%Y%m%d_%H%M%S).dump, and see that it restores"
    if backup is None:
        yield Deviation("none", remedy)
    elif not backup.size:
        yield Deviation(f"empty: {found}", remedy)
    elif now - backup.at > options.max_backup_age:
        yield Deviation(f"too old: {found}", remedy)


def _warnings(database: Database, options: RollbackOptions) -> Iterator[CheckWarning]:
    if options.backup_directory is None:
        yield CheckWarning("backup", "not looked at: nobody said where backups are", "--backup-dir DIRECTORY")
    try:
        with _primary_sample(database) as session:
            mentions = _mentions(session)
    except SampleError:
        return  # the checks said why
    for each in mentions:
        yield CheckWarning(
            each.function, "names the tables in its text: it fails once they are gone", f"\\sf {each.function}"
        )


def _mentions(session: Session) -> list[FunctionReference]:
    return session.fetch("migration/mentions", FunctionReference, **_names())


def _names() -> dict[str, list[str]]:
    return {"tables": list(expected.TABLE_NAMES), "functions": list(expected.FUNCTION_NAMES)}


def format_age(seconds: float) -> str:
    """An age for people: to the second, or to the minute beyond an hour."""
    coarse = 60 if seconds >= 3600 else 1  # noqa: PLR2004 - an hour
    return format_duration(max(0, round(seconds / coarse) * coarse))
