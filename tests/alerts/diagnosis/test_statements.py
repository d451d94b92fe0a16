"""Every statement of the diagnosis keeps the promises of its header, with and without rows."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from alerts.diagnosis.questions.connection import Server
from alerts.diagnosis.questions.durations import QueueDuration
from alerts.diagnosis.questions.errors import ErrorKind
from alerts.diagnosis.questions.expired_keys import ExpiredKeys
from alerts.diagnosis.questions.failing import FailingQueue
from alerts.diagnosis.questions.kept_jobs import KeptJobs
from alerts.diagnosis.questions.locks import Holder
from alerts.diagnosis.questions.progress import Progress
from exporter.database import Session, queries
from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.alerts.diagnosis.waiting_session import waiting_session
from tests.database.roles import monitoring_role
from tests.migration.verification import exporter_client
from tests.postgres import Database

ROWS: dict[str, tuple[type[Any], dict[str, object]]] = {
    "durations": (QueueDuration, {"count_limit": 3, "span": 600.0}),
    "errors": (ErrorKind, {"count_limit": 100}),
    "expired_keys": (ExpiredKeys, {"count_limit": 2}),
    "failing": (FailingQueue, {"count_limit": 100, "batch": 2, "exhausted": 5, "recent": None}),
    "kept_jobs": (KeptJobs, {}),
    "locks": (Holder, {"schema": "public", "tables": ["job_outbox"], "count_limit": 5}),
    "progress": (Progress, {"count_limit": 100, "exhausted": 5, "span": 300.0, "recent": None}),
    "server": (Server, {}),
}
PYTHON: dict[str, Any] = {"text": str, "bigint": int, "integer": int, "double precision": float}
JOBS = """
    WITH o AS (INSERT INTO organizations (name) VALUES ('a') RETURNING id),
         u AS (INSERT INTO auth.users (email) VALUES ('a') RETURNING id)
    INSERT INTO courses (title, slug, user_id, organization_id) SELECT 'a', 'a', u.id, o.id FROM o, u;
    INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at, attempts, last_error, last_attempt_at)
      SELECT c.id, job.* FROM (SELECT id FROM courses LIMIT 1) AS c, (VALUES
        ('a', now() - interval '9 minutes', now() - interval '1 minute', 0, NULL, NULL),
        ('b', now() - interval '5 minutes', now() - interval '2 minutes', 1, 'old', now() - interval '3 minutes'),
        ('b', now() - interval '40 days', now() - interval '39 days', 0, NULL, NULL),
        ('a', '-infinity', now() - interval '3 minutes', 0, NULL, NULL),
        ('a', now() - interval '20 minutes', NULL, 5, 'queue a does not exist', now() - interval '10 seconds'),
        ('a', now() - interval '10 minutes', NULL, 1, 'connect ECONNREFUSED 10.0.0.1', now() - interval '1 minute'),
        ('b', now() - interval '8 minutes', NULL, 2, 'queue b does not exist', 'infinity'),
        ('b', now() - interval '1 minute', NULL, 0, NULL, NULL),
        ('a', '-infinity', NULL, 0, NULL, NULL)
      ) AS job (queue, created, processed, attempts, error, attempted);
    INSERT INTO idempotency_keys (key, created_at, expires_at)
      SELECT n::text, now(), now() - n * interval '1 hour' FROM generate_series(-1, 3) AS n;
"""


MANY = """
    INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)
      SELECT c.id, 'a', now() - n * interval '1 second', CASE WHEN n % 2 = 0 THEN now() - n * interval '10 ms' END
      FROM (SELECT id FROM courses LIMIT 1) AS c, generate_series(1, 20000) AS n;
"""


@pytest.fixture(scope="module")
def populated(cluster) -> Iterator[Database]:
    with postgres.cloned(cluster) as database:
        database.execute(JOBS)
        database.execute(MANY)
        database.execute("ANALYZE job_outbox")
        yield database


@contextmanager
def asking(database: Database, user: str = "postgres") -> Iterator[Session]:
    with exporter_client(database, user) as client, client.sample() as session:
        yield session


def fetch(session: Session, name: str) -> list[Any]:
    row, parameters = ROWS[name]
    return session.fetch(f"diagnosis/{name}", row, **parameters)


def test_every_statement_is_here():
    """A new file needs an entry."""
    assert {file.stem for file in (Path(queries.__file__).parents[1] / "sql" / "diagnosis").glob("*.sql")} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_the_header_fits_the_row_and_the_parameters(name):
    """A field per column, optional where it may be null; each parameter is used."""
    row, parameters = ROWS[name]
    query = queries.load(f"diagnosis/{name}")
    assert set(re.findall(r"%\((\w+)\)s", query.text)) == {each.name for each in query.parameters} == set(parameters)
    hints = typing.get_type_hints(row)
    assert [each.name for each in fields(row)] == list(query.column_names)
    for column in query.columns:
        element = PYTHON[column.type.removesuffix("[]")]
        wanted = types.GenericAlias(list, (element,)) if column.type.endswith("[]") else element
        assert hints[column.name] == (wanted | None if column.nullable else wanted), column


def test_an_empty_outbox(database):
    """Nothing is 0 that is unknown."""
    with asking(database) as session:
        assert fetch(session, "progress") == [Progress(0, None, None, None, 0, None, None)]
        assert fetch(session, "expired_keys") == [ExpiredKeys(0, None)]
        assert fetch(session, "kept_jobs") == [KeptJobs(None)]
        assert [fetch(session, name) for name in ("durations", "errors", "failing", "locks")] == [[], [], [], []]


def test_rows(database):
    """Counts, ages and kinds, whatever times are infinite; limits keep the oldest pending and the latest processed."""
    database.execute(JOBS)
    with asking(database) as session:
        (progress,) = fetch(session, "progress")
        ages = (progress.oldest, progress.oldest_open, progress.attempted, progress.first_processed)
        assert (progress.pending, progress.processed) == (5, 3)
        assert ages == pytest.approx((1200, 600, 10, 180), abs=30)
        assert progress.last_processed == pytest.approx(60, abs=30)
        queues = [(each.queue, each.jobs, each.in_batch, each.exhausted) for each in fetch(session, "failing")]
        assert queues == [("a", 2, 1, 1), ("b", 1, 0, 0)]
        assert fetch(session, "errors") == [ErrorKind("missing", 2), ErrorKind("connection", 1)]
        durations = {each.queue: (each.jobs, each.percentile) for each in fetch(session, "durations")}
        assert durations == {"a": (1, pytest.approx(480, abs=1)), "b": (1, pytest.approx(180, abs=1))}
        (keys,) = fetch(session, "expired_keys")
        assert (keys.keys, keys.oldest) == (2, pytest.approx(3 * 3600, abs=30))
        assert fetch(session, "kept_jobs")[0].oldest == pytest.approx(39 * 86400, abs=30)
        (server,) = fetch(session, "server")
        assert 1 <= server.connections <= server.max_connections
        assert server.started > 0


def test_a_lock_and_who_waits_for_it(database):
    """With the privileges of a superuser everything is known; the monitoring role sees who, and who waits."""
    with (
        monitoring_role(database) as role,
        database.connect(autocommit=False, application_name="migration") as holder,
    ):
        pid = holder.info.backend_pid
        holder.execute("LOCK TABLE job_outbox")
        with waiting_session(database, "SELECT count(*) FROM job_outbox"):
            with asking(database) as session:
                (all_of_it,) = fetch(session, "locks")
            with asking(database, role) as session:
                (some_of_it,) = fetch(session, "locks")
        holder.rollback()
    assert (all_of_it.pid, all_of_it.application) == (pid, "migration")
    assert (all_of_it.state, all_of_it.command) == ("idle in transaction", "LOCK TABLE")
    assert (all_of_it.tables, all_of_it.waiting) == (["job_outbox"], 1)
    assert all_of_it.since >= all_of_it.waited >= 0
    assert (some_of_it.pid, some_of_it.role, some_of_it.waiting) == (all_of_it.pid, "postgres", 1)
    assert (some_of_it.state, some_of_it.since, some_of_it.command) == (None, None, None)


def test_the_session_at_the_root_is_named(database):
    """An ALTER TABLE that waits lets all others wait: not it, but the session before it is in the way."""
    with database.connect(autocommit=False) as reader:
        pid = reader.info.backend_pid
        reader.execute("SELECT count(*) FROM job_outbox")
        with (
            waiting_session(database, "ALTER TABLE job_outbox ADD COLUMN extra integer", "migration"),
            waiting_session(database, "SELECT count(*) FROM job_outbox"),
            asking(database) as session,
        ):
            (root,) = fetch(session, "locks")
        reader.rollback()
    assert (root.pid, root.tables, root.waiting) == (pid, [], 1)


def test_a_prepared_transaction():
    """It has no session; its owner and its age are known."""
    with postgres.started(Cluster.embedded({"max_prepared_transactions": "1"})) as cluster:
        database = Database(cluster, "postgres")
        database.execute("CREATE TABLE job_outbox ()")
        with database.connect(autocommit=False) as connection:
            connection.execute("LOCK TABLE job_outbox")
            connection.execute("PREPARE TRANSACTION 'x'")
        with asking(database) as session:
            (found,) = fetch(session, "locks")
    assert (found.pid, found.role, found.state, found.tables) == (0, "postgres", "prepared", ["job_outbox"])
    assert found.since is not None


def test_the_statements_are_cheap(populated):
    """Of an outbox with 10,000 pending and as many processed jobs, each reads a part."""
    for name in ("progress", "failing", "errors", "durations", "kept_jobs"):
        parameters = {key: 1000 if key == "count_limit" else value for key, value in ROWS[name][1].items()}
        explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + queries.load(f"diagnosis/{name}").compose(
            "public"
        )
        (found,) = populated.value(explain, parameters)
        assert found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"] <= 1000, name
