"""A session that waits for a lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from tests.end_to_end.program import eventually
from tests.postgres import Database

_WAITS = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"


@contextmanager
def waiting_session(database: Database, statement: str, name: str = "waiting") -> Iterator[None]:
    """Runs a statement in a session of its own, until the block ends; it waits for a lock when the block begins."""
    with database.connect(application_name=name) as connection:
        pid = connection.info.backend_pid

        def wait() -> None:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute(statement.encode())

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            eventually(lambda: database.value(_WAITS, (pid,)))
            yield
        finally:
            database.execute("SELECT pg_cancel_backend(%s)", (pid,))
            thread.join()
