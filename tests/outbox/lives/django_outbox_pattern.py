"""django-outbox-pattern: https://github.com/juntossomosmais/django-outbox-pattern."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.outbox.lives.life import Outcome, Truth

_ROOT: Final = Path(__file__).parents[3]
_APPLICATION: Final = "tests.outbox.lives.django_application"
_TIMEOUT: Final = 30  # seconds

# The library takes every message that is due; those which another process has locked are left to it.
_LOCK_OTHERS: Final = """
    SELECT id FROM published
    WHERE id IN (SELECT id FROM published WHERE status = 1 AND expires_at >= now() ORDER BY added OFFSET %s)
    FOR UPDATE
"""
_TRUTH: Final = """
    SELECT
        count(*) FILTER (WHERE status = 1 AND expires_at >= now()) AS waiting,
        NULL AS failing,
        count(*) FILTER (WHERE status = -1 OR status = 1 AND expires_at < now()) AS exhausted,
        0 AS scheduled,
        0 AS running,
        extract(epoch FROM min(added) FILTER (WHERE status = 1 AND expires_at >= now()))::float8 AS oldest_waiting
    FROM published
"""
_BY_QUEUE: Final = "SELECT destination, count(*) FROM published WHERE status <> 2 GROUP BY 1"
_AGE_OLDEST_SENT: Final = """
    UPDATE published SET added = added - interval '31 days'
    WHERE id = (SELECT id FROM published WHERE status = 2 ORDER BY added LIMIT 1)
"""
_OTHER_SESSIONS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'django' AND pid <> ALL (%s)
"""


class DjangoOutboxPatternLife:
    """The life of `published`.

    The library repeats attempts while it holds the row's lock, so that nobody sees which messages failed before; and it
    has no delayed messages.
    """

    profile = "django-outbox-pattern"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._application = _Application(dsn)
        self._application.call("migrate")

    def close(self) -> None:
        """End the application and the connection."""
        self._application.close()
        self._connection.close()

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """Add a message that the broker accepts, or refuses at every attempt."""
        self._application.call("enqueue", queue=queue, outcome="succeed" if outcome == "succeed" else "fail")

    def schedule(self, queue: str) -> None:
        """Nothing: the library has no delayed messages."""

    def run(self, jobs: int) -> None:
        """Publish the oldest messages, while another process has the others."""
        with self._connection.transaction():
            self._connection.execute(_LOCK_OTHERS, (jobs,))
            self._application.call("publish")

    def crash(self, queue: str) -> None:
        """Kill another process while it sends a message."""
        own = self._application.call("backend")
        with _Application(self._dsn) as killed:
            killed.call("enqueue", queue=queue, outcome="succeed")
            killed.kill_while_publishing()
        deadline = time.monotonic() + _TIMEOUT
        while self._value(_OTHER_SESSIONS, ([own],)):
            if time.monotonic() > deadline:
                raise TimeoutError("the server has not noticed that the process was killed")
            time.sleep(0.01)

    def cancel(self) -> None:
        """Let the oldest message that waits expire: it is not sent any more."""
        self._application.call("expire_oldest")

    def prune(self) -> None:
        """Run the daily clean-up, 31 days after the oldest message that was sent."""
        self._connection.execute(_AGE_OLDEST_SENT)
        self._application.call("clean_up")

    def truth(self) -> Truth:
        """What the table says, by the meaning of its columns in the library's source."""
        cursor = self._connection.execute(_TRUTH)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        (values,) = cursor.fetchall()
        return Truth(
            **dict(zip(names, values, strict=True)), by_queue=dict(self._connection.execute(_BY_QUEUE).fetchall())
        )

    def _value(self, query: str, parameters: tuple[Any, ...]) -> Any:
        row = self._connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row[0]


class _Application(AbstractContextManager["_Application"]):
    """A process with Django, which does what it is told line by line."""

    def __init__(self, dsn: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _APPLICATION, dsn],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, name: str, **parameters: str) -> Any:
        """The answer to a call. Raises: RuntimeError when the process has ended; its standard error says why."""
        line = self._send(name, **parameters)
        if not line:
            raise RuntimeError(f"{name} ended the process with status {self._process.wait(_TIMEOUT)}")
        return json.loads(line)

    def kill_while_publishing(self) -> None:
        """Publish, and kill the process (SIGKILL) when it sends its first message, in its transaction."""
        assert json.loads(self._send("publish_and_hang")) == "sending"
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=_TIMEOUT)

    def _send(self, name: str, **parameters: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"name": name, **parameters}), file=self._process.stdin, flush=True)
        return self._process.stdout.readline()
