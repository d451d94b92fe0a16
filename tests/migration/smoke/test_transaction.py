"""The transaction leaves nothing behind and delays no other session."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest

from exporter.migration.report import CheckAnswer
from exporter.migration.smoke import transaction
from exporter.migration.smoke.run import smoke
from exporter.migration.smoke.steps import STEPS
from exporter.migration.smoke.transaction import RolledBackTransaction
from tests import newest
from tests.migration import poolers
from tests.migration.database_rows import contents, insert_other_rows, wait_until_idle
from tests.migration.verification import (
    checks,
)
from tests.postgres import Database
from tests.proxy import Mode, Proxy


def test_commit_is_impossible(database):
    """COMMIT itself fails, from any caller."""
    insert_other_rows(database)
    before = contents(database)
    with RolledBackTransaction(database.dsn(), "public") as begun:
        begun.insert("public", "organizations", {"name": "must not stay"})
        with pytest.raises(psycopg.errors.UniqueViolation):
            begun._open.commit()
    assert contents(database) == before


ALL = ("transaction", *(step.name for step in STEPS), "rolled back")


@pytest.mark.parametrize("step", ALL)
def test_a_backend_killed_at_any_step_leaves_nothing(embedded_database, step):
    """The connection breaks, the other steps are unknown, the tables are as before."""
    database = embedded_database
    insert_other_rows(database)
    before = contents(database)

    def kill(now: str) -> None:
        if now == step:
            database.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name ~ 'smoke'"
            )

    report = smoke(database.dsn(), "public", observe=kill)
    if step != "transaction":  # that is before the connection is made
        assert report.answer is CheckAnswer.UNKNOWN
        assert not checks(report, CheckAnswer.BROKEN)
    wait_until_idle(database)
    assert contents(database) == before


KILL_AT_STEP = """
import os, signal, sys
from exporter.migration.smoke.run import smoke
smoke(sys.argv[1], "public", observe=lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == sys.argv[2] else None)
"""


@pytest.mark.parametrize("step", ALL)
def test_a_client_killed_at_any_step_leaves_nothing(embedded_database, step):
    """After SIGKILL the server rolls back."""
    database = embedded_database
    insert_other_rows(database)
    before = contents(database)
    done = subprocess.run([sys.executable, "-c", KILL_AT_STEP, database.dsn(), step], check=False, timeout=30)
    assert done.returncode == -9
    wait_until_idle(database)
    assert contents(database) == before


@pytest.mark.parametrize("mode", [Mode.CLOSE, Mode.SWALLOW])
@pytest.mark.parametrize("step", ["course", "call", "rolled back"])
def test_a_connection_that_breaks_or_stops_answering_leaves_nothing(embedded_database, monkeypatch, step, mode):
    """The client gives up within the statement timeout; the server rolls back by its idle timeout at the latest."""
    database = embedded_database
    monkeypatch.setattr(transaction, "STATEMENT_TIMEOUT", 1.0)
    monkeypatch.setattr(transaction, "IDLE_TIMEOUT", 2.0)
    insert_other_rows(database)
    before = contents(database)
    with Proxy(database.cluster.port) as proxy:

        def breaks(now: str) -> None:
            if now == step:
                proxy.set_mode(mode)
                if mode is Mode.CLOSE:
                    proxy.drop_connections()

        started = time.monotonic()
        dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"
        report = smoke(dsn, "public", observe=breaks)
        assert time.monotonic() - started < 6
        assert report.answer is CheckAnswer.UNKNOWN
        assert not checks(report, CheckAnswer.BROKEN)
        wait_until_idle(database)
    assert contents(database) == before


class Writer(threading.Thread):
    """Writes to the same tables all the time and waits for no lock longer than 20 ms."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="writer")
        self._dsn = database.dsn()
        self.stopped = threading.Event()
        self.rounds = 0
        self.error: psycopg.Error | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("SET lock_timeout = '20ms'")
                while not self.stopped.is_set():
                    self._round(connection)
                    self.rounds += 1
        except psycopg.Error as error:
            self.error = error

    def _round(self, connection: psycopg.Connection) -> None:
        """Updates or locks every row and key of the tables around the outbox."""
        connection.execute("UPDATE auth.users SET email = gen_random_uuid()::text")
        connection.execute("SELECT FROM auth.users FOR UPDATE")
        connection.execute("SELECT FROM organizations FOR UPDATE")
        connection.execute("UPDATE courses SET updated_at = NOW()")
        connection.execute("SELECT FROM courses FOR UPDATE")
        connection.execute("UPDATE job_outbox SET attempts = attempts + 1")
        connection.execute("UPDATE fsm_events SET event_data = '{}'")
        connection.execute("UPDATE idempotency_keys SET expires_at = NOW()")
        connection.execute(
            "WITH new AS (INSERT INTO courses (title, slug, user_id, organization_id) "
            "SELECT 'w', gen_random_uuid(), user_id, organization_id FROM courses LIMIT 1 RETURNING id) "
            "INSERT INTO job_outbox (entity_id, queue_name) SELECT id, 'w' FROM new"
        )
        connection.execute("DELETE FROM courses WHERE title = 'w'")


def test_a_concurrent_writer_is_never_delayed(database):
    """Rows of others are never locked: a writer with a lock timeout of 20 ms meets no lock."""
    insert_other_rows(database)
    writer = Writer(database)
    writer.start()
    rounds = {}

    def wait_for_writer(step: str) -> None:
        rounds[step] = writer.rounds
        deadline = time.monotonic() + 2
        while writer.rounds == rounds[step] and writer.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)

    try:
        report = smoke(database.dsn(), "public", observe=wait_for_writer)
    finally:
        writer.stopped.set()
        writer.join()
    assert writer.error is None
    assert report.answer is CheckAnswer.OK, [
        finding for finding in report.findings if finding.answer is not CheckAnswer.OK
    ]
    assert len(set(rounds.values())) == len(rounds), "the writer made progress during every step"


def test_smoke_refuses_where_each_statement_commits_by_itself(database):
    """Behind a proxy that keeps no transaction together nothing is written."""
    insert_other_rows(database)
    before = contents(database)
    with poolers.autocommitting(database.cluster) as port:
        report = smoke(f"postgresql://postgres@127.0.0.1:{port}/{database.name}", "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert report.findings[0].check == "transaction"
    assert "do not share one transaction" in report.findings[0].found
    assert contents(database) == before


@newest.either
@pytest.mark.parametrize(("mode", "answer"), [("statement", CheckAnswer.UNKNOWN), ("transaction", CheckAnswer.OK)])
def test_pgbouncer(database, mode, answer, require):
    """Refused in statement mode, works in transaction mode; no row is left in either."""
    insert_other_rows(database)
    before = contents(database)
    with poolers.pgbouncer(database.cluster, mode, require) as port:
        report = smoke(f"postgresql://postgres@127.0.0.1:{port}/{database.name}", "public")
    assert report.answer is answer, report.findings
    assert contents(database) == before


def test_a_role_that_may_not_write_proves_nothing(database):
    """Every step is unknown, none is broken."""
    report = smoke(database.dsn("anon"), "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert not checks(report, CheckAnswer.BROKEN)


def test_a_locked_table_is_unknown_within_lock_timeout(embedded_database):
    """It gives up after half a second, before other sessions queue behind it."""
    with embedded_database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE courses IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        report = smoke(embedded_database.dsn(), "public")
        assert time.monotonic() - started < 5
    assert report.answer is CheckAnswer.UNKNOWN
