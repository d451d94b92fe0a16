"""`rollback-check`: whether a rollback is safe now, and which data it would delete.

Source: migrations reference, "Emergency Rollback": prerequisites and step 2. The check only reads. On a standby, which
proves nothing about its primary, every check is unknown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.config.settings import SamplingSettings
from exporter.config.values import format_duration
from exporter.core.errors import SampleError, Stale, TooSlow
from exporter.database import DatabaseClient
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.database.visibility import Table
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW
from exporter.migration import expected
from exporter.migration.report import CheckFinding, CheckReport, CheckWarning, Deviation, finding_of, unknown_finding
from exporter.migration.rollback_options import RollbackOptions

_JOBS = Table("job_outbox", ("queue_name", "attempts", "created_at", "processed_at"))
_KEYS = Table("idempotency_keys", ("expires_at",))
_EVENTS = Table("fsm_events", ("created_at",))
_NAMES = {"tables": list(expected.TABLE_NAMES), "functions": list(expected.FUNCTION_NAMES)}

# One batch of the processor may take 150 s, its idle poll 30 s (deployed application): five times their sum without
# activity means that nothing runs. A generation that writes nothing for longer cannot be seen from the database.
QUIET_PERIOD = 900.0

# Names of files that pg_dump or people give to backups; the guide's own are backup_<date>.dump.
_BACKUP_SUFFIXES = (".dump", ".sql", ".tar", ".gz", ".zst", ".bz2", ".xz", ".lz4", ".backup", ".bak", ".pgdump")


@dataclass(frozen=True, slots=True)
class PendingJobs:
    """One row of sql/migration/pending.sql. Units: `age` seconds; None where no creation time is plausible."""

    queue: str | None
    state: str
    jobs: int
    age: float | None


@dataclass(frozen=True, slots=True)
class LastActivity:
    """The row of sql/migration/last_activity.sql. Units: both ages in seconds."""

    last_event: float | None
    last_processed: float | None


@dataclass(frozen=True, slots=True)
class DataLoss:
    """One row of sql/migration/losses.sql. Units: `oldest` and `newest` are ages in seconds."""

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
    """One row of sql/migration/function_references.sql."""

    function: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A file or a directory of pg_dump. Units: `at` Unix seconds of its last change, `size` bytes."""

    name: str
    at: float
    size: int


def rollback_check(
    database: DatabaseClient, settings: SamplingSettings, options: RollbackOptions, now: float
) -> CheckReport:
    """Check every prerequisite separately, so that one that is unknown hides no other. Units: `now` Unix seconds."""
    directory = options.backup_directory
    not_checked = CheckWarning("backup", "not checked: no directory of backups was given", "--backup-dir DIRECTORY")
    findings = (
        *_checked("pending", lambda: _pending(database, settings)),
        *_checked("generations", lambda: _generations(database)),
        *_checked("losses", lambda: _losses(database, settings)),
        *_checked("dependents", lambda: _dependents(database)),
        *((_backup(directory, options.max_backup_age, now),) if directory else ()),
    )
    return CheckReport(findings, (*(() if directory else (not_checked,)), *_references(database)))


def _checked(name: str, check: Callable[[], Iterator[CheckFinding]]) -> Iterator[CheckFinding]:
    try:
        yield from check()
    except SampleError as error:
        slow = "; a longer database.statement_timeout may help" if isinstance(error, TooSlow) else ""
        remedy = CONNECT_TO_PRIMARY if isinstance(error, Stale) else ""
        yield unknown_finding(name, "can be checked", f"{error}{slow}", remedy)


def _pending(database: DatabaseClient, settings: SamplingSettings) -> Iterator[CheckFinding]:
    with database.sample(_JOBS, primary_only=True) as session:
        groups = session.fetch(
            "migration/pending",
            PendingJobs,
            count_limit=settings.count_limit,
            exhausted_attempts=settings.exhausted_attempts,
            latest=session.now + MAX_CLOCK_LEAD,
        )
    remedy = "let the processor finish; check last_error of failing jobs and decide about each"
    deviations = (Deviation(_jobs(group), remedy) for group in groups)
    yield finding_of("pending", "no pending job", deviations, "none")


def _jobs(group: PendingJobs) -> str:
    queue = "without a queue" if group.queue is None else f"in {group.queue}"
    age = "their age is unknown" if group.age is None else f"the oldest {format_age(group.age)} old"
    return f"{group.jobs} {group.state} {queue}, {age}"


def _generations(database: DatabaseClient) -> Iterator[CheckFinding]:
    with database.sample(_JOBS, _EVENTS, primary_only=True) as session:
        latest = session.fetch_one("migration/last_activity", LastActivity, latest=session.now + MAX_CLOCK_LEAD_NEW)
    pairs = (("event", latest.last_event), ("processed job", latest.last_processed))
    ages = {name: age for name, age in pairs if age is not None}
    deviations = (
        Deviation(f"the last {name} was {format_age(age)} ago", "stop the application servers (guide, step 1) and wait")
        for name, age in ages.items()
        if age < QUIET_PERIOD
    )
    found = f"the last activity was {format_age(min(ages.values()))} ago" if ages else "no activity"
    yield finding_of("generations", f"no activity for {format_duration(QUIET_PERIOD)}", deviations, found)


def _losses(database: DatabaseClient, settings: SamplingSettings) -> Iterator[CheckFinding]:
    """Reports the rows that would be deleted; always ok."""
    limit = settings.count_limit
    with database.sample(_JOBS, _KEYS, _EVENTS, primary_only=True) as session:
        losses = session.fetch("migration/losses", DataLoss, count_limit=limit, latest=session.now + MAX_CLOCK_LEAD)
    for loss in losses:
        found = f"{'at least ' if loss.rows >= limit else ''}{loss.rows} rows"
        if loss.live is not None:
            found += f", {loss.live} of them not expired"
        elif loss.oldest is not None and loss.newest is not None:
            found += f", from {format_age(loss.oldest)} to {format_age(loss.newest)} ago"
        yield finding_of(f"losses.{loss.table_name}", "reported only", (), found)


def _dependents(database: DatabaseClient) -> Iterator[CheckFinding]:
    with database.sample(primary_only=True) as session:
        found = session.fetch("migration/dependents", DependentObject, schema=session.schema, **_NAMES)
    remedy = "drop or change these first; DROP ... CASCADE would drop them without notice"
    deviations = (Deviation(f"{each.object} depends on {each.on_object}", remedy) for each in found)
    yield finding_of("dependents", "nothing else depends on the objects to drop", deviations, "nothing")


def _backup(directory: Path, max_age: float, now: float) -> CheckFinding:
    wanted = f"a backup in {directory} of the last {format_duration(max_age)}"
    try:
        backup = latest_backup(directory)
    except OSError as error:
        return unknown_finding("backup", wanted, f"the directory cannot be read: {error.strerror}", "")
    remedy = "pg_dump -Fc ... > backup_$(date +%Y%m%d_%H%M%S).dump, and check that it restores"
    if backup is None:
        return finding_of("backup", wanted, (Deviation("none", remedy),))
    age, found = now - backup.at, f"{backup.name}, {backup.size} bytes, {format_age(now - backup.at)} old"
    problem = "empty" if not backup.size else "too old" if age > max_age else ""
    return finding_of("backup", wanted, (Deviation(f"{problem}: {found}", remedy),) if problem else (), found)


def latest_backup(directory: Path) -> Backup | None:
    """The newest backup in a directory, None if there is none; a directory of pg_dump -Fd has the time of its toc.dat.

    Only a restore proves that it can be restored. Raises: OSError when the directory cannot be read.
    """
    return max(_backups(directory), key=lambda backup: backup.at, default=None)


def _backups(directory: Path) -> Iterator[Backup]:
    for path in directory.iterdir():
        file = path / "toc.dat" if path.is_dir() else path
        if file.is_file() and (path.is_dir() or path.suffix.lower() in _BACKUP_SUFFIXES):
            state = file.stat()
            yield Backup(path.name, state.st_mtime, state.st_size)


def _references(database: DatabaseClient) -> Iterator[CheckWarning]:
    try:
        with database.sample(primary_only=True) as session:
            found = session.fetch("migration/function_references", FunctionReference, **_NAMES)
    except SampleError:
        return  # the checks report it
    for each in found:
        text = "its code names the tables: it fails once they are dropped"
        yield CheckWarning(each.function, text, f"\\sf {each.function}")


def format_age(seconds: float) -> str:
    """An age for people: to the second, or to the minute from an hour on. Units: seconds; negative ones count as 0."""
    unit = 60 if seconds >= 3600 else 1  # noqa: PLR2004 - an hour
    return format_duration(max(0, round(seconds / unit) * unit))
