"""The client of the watched database: one connection, made when it is needed, closed in time."""

from __future__ import annotations

import threading
import time

import pytest

from exporter.config.settings import DatabaseSettings
from exporter.core.errors import RowsHidden, Unreachable
from exporter.core.types import Seconds, Secret
from exporter.database import DatabaseClient
from exporter.database.visibility import Table
from tests.database.activity import OURS
from tests.database.roles import allow, role
from tests.database.sampling import database_client
from tests.migration.verification import exporter_client

OUTBOX = Table("job_outbox", ("created_at",))


def test_opening_connects_to_nothing(database):
    """The first sample does; closing ends the connection."""
    with database_client(database.dsn()) as client:
        assert database.value(OURS) == 0
        with client.sample():
            assert database.value(OURS) == 1


def test_the_target_names_no_secret():
    """Host, port and database."""
    client = DatabaseClient(DatabaseSettings(dsn=Secret("postgresql://u:hunter2@db.example:6432/outbox")))
    assert client.target == "db.example:6432/outbox"
    assert client.server is None
    assert client.network_time == 0


def test_a_failure_to_connect_counts_for_all_due_collectors():
    """The second sample does not wait for another attempt; both have the reason."""
    settings = DatabaseSettings(dsn=Secret("postgresql://u@127.0.0.1:1/x"), connect_timeout=Seconds(5))
    client = DatabaseClient(settings)
    client.open()
    try:
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(Unreachable, match="refused"), client.sample():
                pass
            assert time.monotonic() - started < 5
    finally:
        client.close()


@pytest.mark.parametrize(
    ("given", "statement", "lock"), [(None, "5s", "500ms"), (0.5, "500ms", "50ms"), (9, "5s", "500ms")]
)
def test_a_sample_may_have_a_shorter_limit(database, given, statement, lock):
    """Never a longer one; the wait for a lock is a tenth of it, as by default."""
    with exporter_client(database) as client, client.sample(statement_timeout=given) as session:
        rows = session._connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        )
        assert rows.fetchone() == (statement, lock)


def test_closing_ends_a_sample_under_way(database):
    """From another thread, within two seconds, whatever the server does."""
    with database_client(database.dsn()) as client:
        began, ended = threading.Event(), []

        def sample() -> None:
            try:
                with client.sample() as session:
                    began.set()
                    session._connection.execute(b"SELECT pg_sleep(20)")
            except Unreachable as error:
                ended.append(str(error))

        thread = threading.Thread(target=sample)
        thread.start()
        assert began.wait(10)
        started = time.monotonic()
        client.close()
        thread.join(10)
        assert time.monotonic() - started < 5
        assert ended == ["the exporter is stopping"]


def test_the_check_of_row_security_moves_into_the_first_message(database):
    """From the second sample on, as long as samples of the same tables succeed."""
    with role(database) as watcher:
        allow(database, "GRANT SELECT (created_at) ON public.job_outbox TO {role}", watcher)
        policy = "CREATE POLICY open ON public.job_outbox FOR SELECT TO {role} USING (true)"
        allow(database, policy, watcher)
        with database_client(database.dsn(watcher)) as client:

            def messages() -> int:
                with client.sample(OUTBOX) as session:
                    assert session.is_filtered
                    return client._round_trip._exchanges

            first, second, third = messages(), messages(), messages()
            assert (first - second, second) == (1, third)
            database.execute("DROP POLICY open ON public.job_outbox")
            for _ in range(2):
                with pytest.raises(RowsHidden, match="CREATE POLICY"), client.sample(OUTBOX):
                    pass
            allow(database, policy, watcher)
            assert (messages(), messages()) == (first, second)
