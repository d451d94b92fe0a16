"""Reads the records about the migration, and how far the role can see them: pg_cron's tables and the migration history.

Each table may be absent, forbidden or filtered by row-level security; cron.job shows a role its own jobs only. So every
result carries a `TableAccess`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.database import Session
from exporter.database.visibility import Table, TableVisibility, question, remedy
from exporter.migration import expected

# What lets the monitoring role see these tables, for messages.
_GRANT_ACCESS = "`outbox-exporter files show sql/grant_migration_access.sql | psql` lets the monitoring role see them"
_QUERY = "SELECT * FROM cron.job;"
ASK_JOB_OWNER = f"ask as the jobs' owner or a superuser: {_QUERY} {_GRANT_ACCESS}"

_JOB = Table("job", ("jobid", "jobname", "schedule", "command", "username", "active", "database"))
_RUNS = Table("job_run_details", ("jobid", "runid", "status", "return_message", "start_time", "end_time"))
_HISTORY = Table("schema_migrations", ("version", "name"))

# A week of one job a minute is 10,080 runs. pg_cron never deletes runs, so a limit is needed.
RUNS_LIMIT = 20_000

# The conditions of the policies in setup/grant_migration_access.sql, as `_normalized` returns them.
_NAMES = ", ".join(f"'{name}'" for name in expected.JOB_NAMES)
_OUR_JOBS = f"jobname = ANY ARRAY[{_NAMES}]"
_THEIR_RUNS = f"jobid IN SELECT job.jobid FROM cron.job WHERE job.jobname = ANY ARRAY[{_NAMES}]"  # noqa: S608


@dataclass(frozen=True, slots=True)
class TableAccess:
    """How far one table can be seen.

    `obstacle`: why it cannot be read; empty when it can. `complete`: no row about the documented jobs or versions is
    hidden. `others_hidden`: `complete`, but other rows are hidden.
    """

    exists: bool
    complete: bool
    obstacle: str = ""
    remedy: str = ""
    others_hidden: bool = False

    @property
    def readable(self) -> bool:
        """At least some of its rows may be read."""
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class HiddenRecords:
    """Records that exist but that this role cannot see: why, and what is not possible without them."""

    records: str
    reason: str
    effect: str
    is_migration_history: bool = False

    def __str__(self) -> str:
        return f"{self.records}: {self.reason}; {self.effect}. {_GRANT_ACCESS}"


@dataclass(frozen=True, slots=True)
class CronJob:
    """One row of sql/migration/cron_jobs.sql."""

    id: int
    name: str | None
    schedule: str
    command: str
    owner: str
    active: bool


@dataclass(frozen=True, slots=True)
class CronRun:
    """One row of sql/migration/cron_runs.sql. Units: `age` seconds."""

    job: int
    status: str
    message: str | None
    age: float


@dataclass(frozen=True, slots=True)
class CronPolicy:
    """One row of sql/migration/cron_policies.sql."""

    table_name: str
    permissive: bool
    condition: str | None


@dataclass(frozen=True, slots=True)
class CronTimeZone:
    """The row of sql/migration/cron_zone.sql: the time zone of schedules. Units: `ahead` of UTC, seconds."""

    name: str | None
    ahead: float | None


@dataclass(frozen=True, slots=True)
class Cron:
    """pg_cron's jobs about the outbox and the runs of the documented ones, as far as the role sees them."""

    zone: CronTimeZone
    jobs_access: TableAccess
    runs_access: TableAccess
    jobs: tuple[CronJob, ...] = ()
    runs: tuple[CronRun, ...] = ()


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """One row of sql/migration/versions.sql."""

    version: str
    name: str | None


@dataclass(frozen=True, slots=True)
class MigrationHistory:
    """The documented versions in supabase_migrations.schema_migrations, as far as the role sees them."""

    access: TableAccess
    versions: tuple[AppliedVersion, ...] = ()

    def has(self, version: str) -> bool:
        """Whether this version is recorded as applied."""
        return any(known.version == version for known in self.versions)


def read_cron(session: Session) -> Cron:
    """Read pg_cron's jobs about the outbox and their latest runs. Raises: SampleError."""
    zone = session.fetch_one("migration/cron_zone", CronTimeZone)
    jobs_access, runs_access = _cron_access(session)
    if not jobs_access.readable:
        return Cron(zone, jobs_access, runs_access)
    names, tables = list(expected.JOB_NAMES), list(expected.TABLE_NAMES)
    jobs = session.fetch("migration/cron_jobs", CronJob, names=names, tables=tables)
    runs: list[CronRun] = []
    if runs_access.readable:
        ids = [job.id for job in jobs if job.name in names]
        runs = session.fetch("migration/cron_runs", CronRun, jobs=ids, limit=RUNS_LIMIT)
    return Cron(zone, jobs_access, runs_access, tuple(jobs), tuple(runs))


def read_history(session: Session) -> MigrationHistory:
    """Read which documented versions are recorded. Raises: SampleError."""
    access = _history_access(session)
    if not access.readable:
        return MigrationHistory(access)
    versions = [migration.version for migration in expected.MIGRATIONS]
    names = [migration.name for migration in expected.MIGRATIONS]
    found = session.fetch("migration/versions", AppliedVersion, versions=versions, names=names)
    return MigrationHistory(access, tuple(found))


def hidden_records(session: Session) -> Iterator[HiddenRecords]:
    """The records that exist in this database and are hidden; reads no row of them. Raises: SampleError."""
    history = _history_access(session)
    if history.exists and not (history.readable and history.complete):
        yield HiddenRecords(
            "the migration history",
            history.obstacle or "row-level security may hide some of it",
            "the checks register.* are unknown, and watch.start: migration never begins",
            is_migration_history=True,
        )
    for access in _cron_access(session):
        if access.exists and not (access.readable and access.complete):
            reason = access.obstacle or "a role sees its own jobs only"
            yield HiddenRecords("pg_cron's clean-up jobs", reason, "the checks cron.* are unknown")
            return


def _history_access(session: Session) -> TableAccess:
    (access,) = _access(session, "supabase_migrations", (_HISTORY,))
    return access


def _cron_access(session: Session) -> tuple[TableAccess, TableAccess]:
    """Access to pg_cron's jobs and to their runs."""
    jobs, runs = _access(session, "cron", (_JOB, _RUNS))
    if not jobs.readable or (jobs.complete and runs.complete):
        return jobs, runs
    policies = session.fetch("migration/cron_policies", CronPolicy, tables=[_JOB.name, _RUNS.name])
    return _with_policies(jobs, _JOB, _OUR_JOBS, policies), _with_policies(runs, _RUNS, _THEIR_RUNS, policies)


def _with_policies(access: TableAccess, table: Table, condition: str, policies: Sequence[CronPolicy]) -> TableAccess:
    """No documented job is hidden where a policy of setup/grant_migration_access.sql admits them."""
    of_table = [policy for policy in policies if policy.table_name == table.name]
    admitted = any(_normalized(policy.condition) == condition for policy in of_table)
    if access.complete or not access.readable or not admitted or not all(policy.permissive for policy in of_table):
        return access
    return replace(access, complete=True, others_hidden=True)


def _normalized(condition: str | None) -> str:
    """Without casts, parentheses and line breaks, in which servers and versions of pg_cron differ."""
    return " ".join(re.sub(r"::\w+|[()]", "", condition or "").split())


def _access(session: Session, schema: str, tables: tuple[Table, ...]) -> list[TableAccess]:
    found = session.fetch("visibility", TableVisibility, **question(schema, tables))
    seen = {each.table_name.replace('"', ""): each for each in found}
    return [_table_access(session.role, schema, table, seen[f"{schema}.{table.name}"]) for table in tables]


def _table_access(role: str, schema: str, table: Table, seen: TableVisibility) -> TableAccess:
    name = f"{schema}.{table.name}"
    if seen.relkind is None:
        return TableAccess(exists=False, complete=True, obstacle=f"there is no {name} in this database")
    obstacle = grant = ""
    if not seen.schema_usable:
        obstacle, grant = f"role {role} may not use schema {schema}", f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    elif seen.missing_columns:
        obstacle = f"{name} has no column {', '.join(seen.missing_columns)}"
    elif seen.unreadable_columns:
        columns = ", ".join(seen.unreadable_columns)
        obstacle, grant = f"role {role} may not read {name}", f"GRANT SELECT ({columns}) ON {name} TO {role}"
    if obstacle:
        return TableAccess(exists=True, complete=False, obstacle=obstacle, remedy=remedy(role, grant) if grant else "")
    return TableAccess(exists=True, complete=not seen.row_security or (seen.opened and not seen.narrowed_by))
