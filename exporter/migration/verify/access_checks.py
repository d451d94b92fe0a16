"""The tables that keep the books about the migration: pg_cron's jobs and runs, and the register of migrations.

Each may be absent, forbidden or filtered by row-level security; cron.job shows a role its own jobs only. So every
answer carries how far it may be believed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporter.database import Session
from exporter.database.visibility import Table, TableVisibility, question, remedy
from exporter.migration import expected

CRON_SCHEMA = "cron"
REGISTER_SCHEMA = "supabase_migrations"

# The script that lets the monitoring role see these tables, for messages.
ACCESS_SCRIPT = "exporter/sql/setup/grant_migration_access.sql"
_QUERY = "SELECT * FROM cron.job;"
ASK_JOB_OWNER = f"look as the jobs' owner or a superuser: {_QUERY} {ACCESS_SCRIPT} lets the monitoring role see them"

_JOB = Table("job", ("jobid", "jobname", "schedule", "command", "username", "active", "database"))
_RUNS = Table("job_run_details", ("jobid", "runid", "status", "return_message", "start_time", "end_time"))
_REGISTER = Table("schema_migrations", ("version", "name"))

# A week of one job a minute is 10,080 runs; pg_cron never prunes them, so looking back has to end somewhere.
RUNS_LIMIT = 20_000


# The conditions of the policies in setup/grant_migration_access.sql, as `_bare` has them.
_NAMES = ", ".join(f"'{name}'" for name in expected.JOB_NAMES)
_OUR_JOBS = f"jobname = ANY ARRAY[{_NAMES}]"
_THEIR_RUNS = f"jobid IN SELECT job.jobid FROM cron.job WHERE job.jobname = ANY ARRAY[{_NAMES}]"  # noqa: S608


@dataclass(frozen=True, slots=True)
class TableAccess:
    """How far one table can be seen.

    `obstacle` says why not at all; `complete` that no row about what is documented is hidden, `others_hidden` that
    other rows are all the same.
    """

    exists: bool
    complete: bool
    obstacle: str = ""
    remedy: str = ""
    others_hidden: bool = False

    @property
    def readable(self) -> bool:
        """Some of it may be read."""
        return not self.obstacle


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
    """One row of sql/migration/cron_runs.sql; `age` in seconds."""

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
    """The row of sql/migration/cron_zone.sql: in which schedules are meant. `ahead` of UTC in seconds."""

    name: str | None
    ahead: float | None


@dataclass(frozen=True, slots=True)
class Cron:
    """What can be seen of pg_cron."""

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
    """What can be seen of supabase_migrations.schema_migrations."""

    view: TableAccess
    versions: tuple[AppliedVersion, ...] = ()

    def has(self, version: str) -> bool:
        """This version is registered as applied."""
        return any(known.version == version for known in self.versions)


def read_cron(session: Session) -> Cron:
    """pg_cron's jobs about the outbox and how they last ended. Raises: SampleError."""
    zone = session.fetch_one("migration/cron_zone", CronTimeZone)
    jobs_access, runs_access = cron_access(session)
    if not jobs_access.readable:
        return Cron(zone, jobs_access, runs_access)
    names, tables = list(expected.JOB_NAMES), list(expected.TABLE_NAMES)
    jobs = session.fetch("migration/cron_jobs", CronJob, names=names, tables=tables)
    return Cron(zone, jobs_access, runs_access, tuple(jobs), _runs(session, runs_access, jobs))


def cron_access(session: Session) -> tuple[TableAccess, TableAccess]:
    """How far pg_cron's jobs and runs can be seen; reads no row of them. Raises: SampleError."""
    jobs, runs = _views(session, CRON_SCHEMA, (_JOB, _RUNS))
    if not jobs.readable or (jobs.complete and runs.complete):
        return jobs, runs
    policies = session.fetch("migration/cron_policies", CronPolicy, tables=[_JOB.name, _RUNS.name])
    return _admitted(jobs, _JOB, _OUR_JOBS, policies), _admitted(runs, _RUNS, _THEIR_RUNS, policies)


def history_access(session: Session) -> TableAccess:
    """How far the register can be seen; reads no row of it. Raises: SampleError."""
    (view,) = _views(session, REGISTER_SCHEMA, (_REGISTER,))
    return view


def _admitted(view: TableAccess, table: Table, condition: str, policies: Sequence[CronPolicy]) -> TableAccess:
    """None of the documented jobs is hidden where a policy of setup/grant_migration_access.sql admits them."""
    its = [each for each in policies if each.table_name == table.name]
    shown = any(_bare(each.condition) == condition for each in its)
    if view.complete or not view.readable or not shown or not all(each.permissive for each in its):
        return view
    return replace(view, complete=True, others_hidden=True)


def _bare(condition: str | None) -> str:
    """Without casts, parentheses and line breaks, in which servers and versions of pg_cron differ."""
    return " ".join(re.sub(r"::\w+|[()]", "", condition or "").split())


def _runs(session: Session, view: TableAccess, jobs: Sequence[CronJob]) -> tuple[CronRun, ...]:
    if not view.readable:
        return ()
    ids = [job.id for job in jobs if job.name in expected.JOB_NAMES]
    return tuple(session.fetch("migration/cron_runs", CronRun, jobs=ids, limit=RUNS_LIMIT))


def read_history(session: Session) -> MigrationHistory:
    """The documented versions, as far as they are registered. Raises: SampleError."""
    view = history_access(session)
    if not view.readable:
        return MigrationHistory(view)
    versions = [migration.version for migration in expected.MIGRATIONS]
    names = [migration.name for migration in expected.MIGRATIONS]
    return MigrationHistory(
        view, tuple(session.fetch("migration/versions", AppliedVersion, versions=versions, names=names))
    )


def _views(session: Session, schema: str, tables: tuple[Table, ...]) -> list[TableAccess]:
    found = session.fetch("visibility", TableVisibility, **question(schema, tables))
    sights = {sight.table_name.replace('"', ""): sight for sight in found}
    return [_view(session.role, schema, table, sights[f"{schema}.{table.name}"]) for table in tables]


def _view(role: str, schema: str, table: Table, sight: TableVisibility) -> TableAccess:
    name = f"{schema}.{table.name}"
    if sight.relkind is None:
        return TableAccess(exists=False, complete=True, obstacle=f"there is no {name} in this database")
    if not sight.schema_usable:
        grant = remedy(role, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        return TableAccess(True, False, f"role {role} may not use schema {schema}", grant)
    if sight.missing_columns:
        return TableAccess(True, False, f"{name} has no column {', '.join(sight.missing_columns)}", "")
    if sight.unreadable_columns:
        columns = ", ".join(sight.unreadable_columns)
        grant = remedy(role, f"GRANT SELECT ({columns}) ON {name} TO {role}")
        return TableAccess(True, False, f"role {role} may not read {name}", grant)
    return TableAccess(exists=True, complete=not sight.row_security or (sight.opened and not sight.narrowed_by))
