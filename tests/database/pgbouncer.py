"""PgBouncer in transaction mode in front of a cluster, with one server connection for everybody."""

from __future__ import annotations

import pwd
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from exporter.lab.ports import LOOPBACK, free_port
from exporter.lab.postgres import programs
from exporter.lab.postgres.cluster import SUPERUSER, Cluster
from tests.database.roles import MONITOR
from tests.newest import Require
from tests.requirements import require_program

_TIMEOUT = 10.0

# One server connection: whatever one client leaves behind, the next one finds.
_INI = """
[databases]
* = host={host} port={upstream}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = 1
logfile = {directory}/pgbouncer.log
pidfile = {directory}/pgbouncer.pid
{user}
"""


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """A running pooler."""

    port: int

    def dsn(self, dbname: str, user: str = SUPERUSER) -> str:
        """A libpq URI through the pooler."""
        return f"postgresql://{user}@{LOOPBACK}:{self.port}/{dbname}"


@contextmanager
def pgbouncer(cluster: Cluster, require: Require = require_program) -> Iterator[PgBouncer]:
    """Starts PgBouncer, which becomes the unprivileged user that it insists on; nothing is left of it afterwards.

    Debian's unless `require` finds another.
    """
    program = require("pgbouncer")
    with tempfile.TemporaryDirectory(prefix="outbox-pgbouncer-") as name:
        directory, pooler = Path(name), PgBouncer(free_port())
        ini = directory / "pgbouncer.ini"
        ini.write_text(
            _INI.format(host=LOOPBACK, upstream=cluster.port, port=pooler.port, directory=directory, user=user_line())
        )
        (directory / "users.txt").write_text("".join(f'"{user}" ""\n' for user in (SUPERUSER, MONITOR)))
        directory.chmod(0o777)
        process = subprocess.Popen(
            [program, "-q", ini],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(pooler, process, directory / "pgbouncer.log")
            yield pooler
        finally:
            process.terminate()
            process.wait(_TIMEOUT)


def user_line() -> str:
    """The setting by which PgBouncer, started by root, becomes another user. Its program may be root's alone."""
    account = programs.server_account()
    return "" if account.is_current_user else f"user = {pwd.getpwuid(account.uid).pw_name}"


def _wait(pooler: PgBouncer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            psycopg.connect(pooler.dsn("postgres")).close()
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
