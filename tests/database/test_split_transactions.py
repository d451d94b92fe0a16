"""A statement of a sample that is routed to another server: it fails, with the reason, and brings no number.

Pgpool-II does so (4.7, allow_sql_comments = on) when BEGIN is in one message with other statements: the next statement
goes to a standby, outside of any transaction, and the client sees the status of an open one.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from exporter.collectors.backlog import BacklogHead
from exporter.core.errors import SampleError
from exporter.database import DatabaseClient
from exporter.database.visibility import Table
from tests.database.roles import monitoring_role
from tests.database.sampling import database_client
from tests.postgres import Database
from tests.standby import Standby

HEAD = {"count_limit": 200, "batch": 1, "latest": 0, "since": 0, "recent_limit": 9, "lists_recent": False}

OUTBOX = Table("job_outbox", ("attempts", "created_at", "processed_at"))
REFUSED = r"did not run in its transaction: .*Pgpool-II: set allow_sql_comments = off"


@pytest.fixture(params=["monitoring role", "superuser"])
def user(request: pytest.FixtureRequest, database: Database) -> Iterator[str]:
    if request.param == "superuser":
        yield "postgres"
    else:
        with monitoring_role(database) as role:
            yield role


def blocked_by(opened: DatabaseClient, connection: psycopg.Connection[Any]) -> int:
    """The result of a sample whose statement runs on another connection."""
    with opened.sample(OUTBOX) as session:
        ours, session._connection = session._connection, connection
        try:
            return session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked
        finally:
            session._connection = ours


def blocked_after(opened: DatabaseClient, statement: bytes) -> int:
    """The result of a sample whose transaction is ended by something else."""
    with opened.sample(OUTBOX) as session:
        session._connection.execute(statement)
        return session.fetch_one("backlog_head", BacklogHead, **HEAD).blocked


def test_a_statement_on_another_server(database, standby: Standby, user):
    """It would see other rows, under other limits: the first time there, and after a sample of ours on it."""
    replica = Database(standby, database.name)
    standby.wait_until_caught_up()
    with database_client(database.dsn(user)) as opened, replica.connect(user) as elsewhere:
        with pytest.raises(SampleError, match=REFUSED):
            blocked_by(opened, elsewhere)
        elsewhere.execute("BEGIN; SELECT set_config('outbox_exporter.sample', 'on', true); COMMIT")
        with pytest.raises(SampleError, match=REFUSED):
            blocked_by(opened, elsewhere)


@pytest.mark.parametrize("ended", [b"COMMIT", b"ROLLBACK", b"COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"])
def test_a_transaction_that_was_ended_elsewhere(database, user, ended):
    """On the same server connection, too: the proof holds for one transaction."""
    with database_client(database.dsn(user)) as opened, pytest.raises(SampleError, match=REFUSED):
        blocked_after(opened, ended)


def test_only_a_primary_may_answer(database):
    """Pgpool-II sends calls of a volatile function to the primary, whatever comments it may ignore."""
    with database_client(database.dsn()) as opened, opened.sample(OUTBOX) as session:
        assert b"clock_timestamp()" in session._statement("backlog_head")
    assert database.value("SELECT provolatile::text FROM pg_proc WHERE proname = 'clock_timestamp'") == "v"
