"""Privileges or the table itself change during a sample: never fewer rows, and no error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from exporter.collectors.backlog import BacklogHead
from exporter.core.errors import Locked, Reason, RowsHidden, SampleError
from exporter.database import DatabaseClient
from exporter.database.visibility import Table
from tests.database.activity import until
from tests.database.roles import allow, role
from tests.database.sampling import database_client
from tests.database.test_partitioned import partition
from tests.postgres import Database

OUTBOX = Table("job_outbox", ("attempts", "created_at", "processed_at"))
BLOCKED = 7
HEAD = {
    "count_limit": 200,
    "batch": 100,
    "latest": 0,
    "since": 0,
    "recent_limit": 9,
    "lists_recent": False,
}

DROP = "DROP POLICY open ON public.job_outbox"
ALTER = "ALTER POLICY open ON public.job_outbox USING (false)"
NARROW = "CREATE POLICY narrow ON public.job_outbox AS RESTRICTIVE FOR SELECT TO {role} USING (attempts = 0)"
# A partial index implies this one, and a plan that uses that index does not show it.
IMPLIED = "CREATE POLICY narrow ON public.job_outbox AS RESTRICTIVE TO {role} USING (processed_at IS NOT NULL)"
REPLACE = (
    "DROP POLICY open ON public.job_outbox;"
    "CREATE POLICY open ON public.job_outbox TO {role} USING (processed_at IS NOT NULL)"
)
LEAVE, ENTER = "REVOKE {group} FROM {role}", "GRANT {group} TO {role}"
PERMITTED = "CREATE POLICY open ON public.job_outbox TO {group} USING (true)"
RESTRICTED = "CREATE POLICY narrow ON public.job_outbox AS RESTRICTIVE TO {group} USING (false)"
OWNED = "ALTER TABLE public.job_outbox OWNER TO {group}"
OPEN = "CREATE POLICY open ON public.job_outbox FOR SELECT TO {role} USING (true)"
CHANGES = {"dropped": DROP, "altered": ALTER, "narrowed": NARROW, "implied": IMPLIED, "replaced": REPLACE}


@dataclass(frozen=True, slots=True)
class Watched:
    """A database with seven failing jobs, a role that a policy lets see them, and a group."""

    database: Database
    role: str
    group: str

    def change(self, statement: str, connection: psycopg.Connection | None = None) -> None:
        """Runs a statement as superuser in which {role} and {group} are replaced by the roles."""
        composed = sql.SQL(statement).format(role=sql.Identifier(self.role), group=sql.Identifier(self.group))
        if connection is None:
            self.database.execute(composed)
        else:
            connection.execute(composed)

    def open(self) -> AbstractContextManager[DatabaseClient]:
        """A client for the role; to be used with `with`."""
        return database_client(self.database.dsn(self.role), lock_timeout=10)


@pytest.fixture
def watched(database: Database) -> Iterator[Watched]:
    with database.connect() as connection:
        connection.execute("INSERT INTO organizations (name) VALUES ('o')")
        connection.execute("INSERT INTO auth.users DEFAULT VALUES")
        connection.execute(
            "INSERT INTO courses (title, slug, user_id, organization_id)"
            " SELECT 'c', 'c', u.id, o.id FROM auth.users AS u, organizations AS o"
        )
        connection.execute(
            "INSERT INTO job_outbox (entity_id, queue_name, attempts)"
            " SELECT id, 'q', 1 FROM courses, generate_series(1, %s)",
            (BLOCKED,),
        )
    with role(database) as group, role(database) as watcher:
        yield Watched(database, watcher, group)


@pytest.fixture
def opened(watched: Watched) -> Watched:
    """Let in by a policy that names it."""
    columns = "outbox_id, queue_name, attempts, created_at, processed_at, last_attempt_at"
    watched.change(f"GRANT SELECT ({columns}) ON public.job_outbox TO {{role}}")
    watched.change(OPEN)
    return watched


def blocked(opened: DatabaseClient) -> int:
    """The result of the sample."""
    with opened.sample(OUTBOX) as session:
        return session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked


def blocked_after(watched: Watched, opened: DatabaseClient, change: str, *more: Table) -> int:
    """The result of a sample during which another session changes something."""
    with opened.sample(OUTBOX, *more) as session:
        watched.change(change)
        return session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked


def blocked_while(database: Database, changing: psycopg.Connection, watching: DatabaseClient) -> int | SampleError:
    """The result of a sample that waits for a lock of `changing`, which commits as soon as it does."""
    found: list[int | SampleError] = []

    def sample() -> None:
        try:
            found.append(blocked(watching))
        except SampleError as error:
            found.append(error)

    thread = threading.Thread(target=sample)
    thread.start()
    until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"))
    changing.commit()
    thread.join(15)
    (answer,) = found
    return answer


@pytest.mark.parametrize("samples", [0, 1], ids=["first sample", "later sample"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_changes_after_the_catalogue_was_read(opened, change, samples):
    """The change holds its lock when the sample begins, and is committed while the sample waits for it."""
    with opened.open() as watching, opened.database.connect(autocommit=False) as changing:
        for _ in range(samples):
            assert blocked(watching) == BLOCKED
        opened.change(CHANGES[change], changing)
        answer = blocked_while(opened.database, changing, watching)
        assert isinstance(answer, RowsHidden)
        assert answer.reason is Reason.RLS
        with pytest.raises(RowsHidden, match=r"CREATE POLICY|restrictive policy narrow"):  # now it has the policy
            blocked(watching)


@pytest.mark.parametrize("samples", [0, 1], ids=["first sample", "later sample"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_policy_changes_under_a_sample(opened, change, samples):
    """From the proof to the end of the sample the table is locked against it, and against nothing that writes rows."""
    with opened.open() as watching:
        for _ in range(samples):
            blocked(watching)
        with watching.sample(OUTBOX) as session:
            with opened.database.connect() as other:
                other.execute("SET lock_timeout = '50ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    opened.change(CHANGES[change], other)
                other.execute("UPDATE job_outbox SET attempts = attempts + 1")
            assert session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked == BLOCKED


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ((ENTER, PERMITTED), LEAVE),
        ((OPEN, RESTRICTED), ENTER),
        ((ENTER, OWNED), LEAVE),
        (("ALTER ROLE {role} BYPASSRLS",), "ALTER ROLE {role} NOBYPASSRLS"),
    ],
    ids=["permitted group left", "restricted group entered", "owner's group left", "BYPASSRLS taken away"],
)
@pytest.mark.parametrize("samples", [0, 1], ids=["first sample", "later sample"])
def test_the_role_changes_between_the_proof_and_the_question(watched, before, change, samples):
    """No lock prevents changes of roles: the statement is refused, and the next sample names the missing privilege."""
    for statement in (*before, "GRANT SELECT ON public.job_outbox TO {role}"):
        watched.change(statement)
    with watched.open() as watching:
        for _ in range(samples):
            assert blocked(watching) == BLOCKED
        with pytest.raises(RowsHidden):
            blocked_after(watched, watching, change)
        with pytest.raises(RowsHidden):
            blocked(watching)


def test_the_owner_of_one_table_among_several_is_checked(watched):
    """Where another table is seen by a policy, losing an owner's rights would hide rows without an error."""
    keys = Table("idempotency_keys", ("expires_at",))
    allow(watched.database, "GRANT SELECT ON public.idempotency_keys TO {role}", watched.role)
    watched.change("CREATE POLICY open ON public.idempotency_keys TO {role} USING (true)")
    watched.change(ENTER)
    watched.change(OWNED)
    watched.change("GRANT SELECT ON public.job_outbox TO {role}")
    with watched.open() as watching, pytest.raises(RowsHidden):
        blocked_after(watched, watching, "REVOKE {group} FROM {role}", keys)


# Commands that rewrite every row, so that older snapshots do not have it.
REWRITTEN = {
    "column added": "ALTER TABLE public.job_outbox ADD seen double precision DEFAULT random()",
    "type changed": "ALTER TABLE public.job_outbox ALTER attempts TYPE bigint",
    "unlogged": "ALTER TABLE public.job_outbox SET UNLOGGED",
    "replaced": "ALTER TABLE public.job_outbox RENAME TO old;"
    "CREATE TABLE public.job_outbox (LIKE public.old); INSERT INTO public.job_outbox SELECT * FROM public.old",
    "exchanged": "ALTER TABLE public.job_outbox RENAME TO old; ALTER TABLE public.prepared RENAME TO job_outbox;"
    "INSERT INTO public.job_outbox SELECT * FROM public.old",
}


@pytest.mark.parametrize("samples", [0, 1], ids=["first sample", "later sample"])
@pytest.mark.parametrize(
    ("change", "partitioned"),
    # Partitions are made unlogged one by one.
    [
        (change, partitioned)
        for change in REWRITTEN
        for partitioned in (False, True)
        if change != "unlogged" or not partitioned
    ],
)
def test_a_table_that_is_rewritten_meanwhile_is_not_empty(watched, change, partitioned, samples):
    """Reason lock, since it had to be waited for; the next sample finds all rows again."""
    database = watched.database
    database.execute("CREATE TABLE public.prepared (LIKE public.job_outbox)")
    if partitioned:
        partition(database, "job_outbox")
    with database_client(database.dsn(), lock_timeout=10) as watching, database.connect(autocommit=False) as changing:
        for _ in range(samples):
            assert blocked(watching) == BLOCKED
        changing.execute("LOCK TABLE public.job_outbox")
        changing.execute(REWRITTEN[change].encode())
        answer = blocked_while(database, changing, watching)
        assert isinstance(answer, Locked)
        assert answer.reason is Reason.LOCK
        assert "was rewritten or replaced while the sample waited for it" in str(answer)
        assert blocked(watching) == BLOCKED


def test_rows_that_are_written_meanwhile_disturb_nothing(watched):
    """Nor does an index, a column without rows to write, a statistic: no file is another one."""
    with database_client(watched.database.dsn()) as watching, watching.sample(OUTBOX) as session:
        for statement in (
            "INSERT INTO job_outbox (entity_id, queue_name, attempts) SELECT id, 'q', 1 FROM courses",
            "ALTER TABLE job_outbox ADD note text",
            "CREATE INDEX ON job_outbox (attempts)",
            "VACUUM (ANALYZE) job_outbox",
        ):
            watched.database.execute(statement)
        assert session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked == BLOCKED
