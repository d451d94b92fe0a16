"""A temporary PostgreSQL cluster, reachable on loopback only."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote

from exporter.lab.ports import LOOPBACK, free_port
from exporter.lab.postgres import cleanup_process, programs
from exporter.lab.postgres.programs import Programs, SystemAccount

SUPERUSER: Final = "postgres"
ShutdownMode = Literal["fast", "immediate"]

# https://www.postgresql.org/docs/current/server-shutdown.html
_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_START_TIMEOUT: Final = 30.0  # seconds
_STOP_TIMEOUT: Final = 5.0  # seconds until the next signal
_PORT_ATTEMPTS: Final = 3
_STEP: Final = 0.01
# A Unix socket's address holds 104 bytes on macOS and 108 on Linux; the rest is for the socket's own name.
_LONGEST_DIRECTORY: Final = 60

_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "max_connections": "50",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d %a ",
}
# A temporary cluster need not survive a power failure. A crash of the server still loses no commit.
_VOLATILE: Final = {"fsync": "off", "full_page_writes": "off"}


class ClusterError(RuntimeError):
    """The cluster could not be created or started; the message ends with the last lines of its log."""


class Cluster:
    """A PostgreSQL cluster that exists while its context is active.

    It listens on 127.0.0.1 and on a Unix socket in its own directory, with the authentication method `trust`. When its
    owner is killed, the clean-up process removes server and directory within 2 s.
    """

    def __init__(self, where: Programs, settings: Mapping[str, str] | None = None, *, durable: bool = False) -> None:
        """Prepares a cluster; `create` makes it.

        Args:
            where: the installation to use.
            settings: further settings of postgresql.conf, with precedence over the lab's own.
            durable: leave fsync and full_page_writes on.
        """
        self._installation = where
        self._settings = {**_SETTINGS, **({} if durable else _VOLATILE), **(settings or {})}
        self._account: SystemAccount = programs.server_account()
        self._server: subprocess.Popen[bytes] | None = None
        self._cleanup_process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self.port = free_port()

    @classmethod
    def embedded(cls, settings: Mapping[str, str] | None = None) -> Self:
        """A cluster of the PyPI wheel's PostgreSQL 18. Raises: ProgramsNotFoundError."""
        return cls(programs.embedded(), settings)

    @classmethod
    def debian(cls, settings: Mapping[str, str] | None = None, *, cron_database: str | None = None) -> Self:
        """A cluster of Debian's PostgreSQL; with pg_cron loaded for `cron_database` when that is given.

        Raises: ProgramsNotFoundError.
        """
        cron = (
            {}
            if cron_database is None
            else {
                "shared_preload_libraries": "pg_cron",
                "cron.database_name": cron_database,
                "cron.use_background_workers": "on",  # needs neither password nor address
                "max_worker_processes": "20",
            }
        )
        return cls(programs.debian(), {**cron, **(settings or {})})

    @property
    def directory(self) -> Path:
        """The temporary directory: `data`, the socket and `postgres.log`. Raises: ClusterError before `create`."""
        if self._directory is None:
            raise ClusterError("the cluster does not exist: call create() or enter its context first")
        return self._directory

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.directory / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None while the server is down."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    @property
    def installation(self) -> Programs:
        """The programs in use; once created, those that the server's account may run."""
        return self._installation

    @property
    def major(self) -> int:
        """PostgreSQL's major version, such as 15."""
        return self._installation.major

    def dsn(self, user: str = SUPERUSER, dbname: str = "postgres", password: str | None = None) -> str:
        """A libpq URI over TCP."""
        return self._uri(user, dbname, password, f"{LOOPBACK}:{self.port}", "")

    def socket_dsn(self, user: str = SUPERUSER, dbname: str = "postgres") -> str:
        """A libpq URI over the Unix socket."""
        return self._uri(user, dbname, None, "", f"?host={quote(str(self.directory), safe='')}&port={self.port}")

    @staticmethod
    def _uri(user: str, dbname: str, password: str | None, where: str, options: str) -> str:
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{quote(user, safe='')}{secret}@{where}/{quote(dbname, safe='')}{options}"

    def create(self) -> None:
        """Creates and starts the cluster, in about 1 s.

        Raises: ClusterError when initdb fails or the server does not start; nothing is left then.
        """
        self._directory = _temporary_directory(self._account)
        try:
            self._cleanup_process = self._start_cleanup_process()
            self._installation = self._installation.accessible_to(self._account, self.directory / "postgresql")
            self._init_data_directory()
            self._first_start()
        except BaseException:
            self.drop()
            raise

    def start(self) -> None:
        """Starts the server and waits until it accepts connections, at most 30 s. Raises: ClusterError."""
        if self.pid is not None:
            return
        self._server = self._launch("postgres", "-D", self._data, "-p", str(self.port))
        self._wait_until_ready(self._server)

    def stop(self, mode: ShutdownMode = "fast") -> None:
        """Stops the server: `fast` ends sessions, `immediate` is a crash. The next signal follows after 5 s."""
        if self._server is None:
            return
        for number in (_SIGNALS[mode], signal.SIGQUIT, signal.SIGKILL):
            self._server.send_signal(number)
            try:
                self._server.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                continue
            break
        self._server = None

    def restart(self, mode: ShutdownMode = "fast") -> None:
        """Stops and starts, on the same port. Raises: ClusterError."""
        self.stop(mode)
        self.start()

    def drop(self) -> None:
        """Ends the server at once and removes its directory. May be called twice, and after a failed `create`."""
        self.stop("immediate")
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        if self._cleanup_process is not None:
            self._cleanup_process.communicate()
            self._cleanup_process = None

    def __enter__(self) -> Self:
        self.create()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.drop()

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _init_data_directory(self) -> None:
        options = ["-U", SUPERUSER, "-E", "UTF8", "-A", "trust", "--no-locale", "--no-sync"]
        made = self._launch("initdb", "-D", self._data, *options)
        if made.wait() != 0:
            raise ClusterError(f"initdb failed:\n{self._log_tail()}")
        self._configure(self._settings)

    def _configure(self, settings: Mapping[str, str]) -> None:
        """Appends to postgresql.conf; the last line about a setting wins."""
        settings = {**settings, "unix_socket_directories": str(self.directory)}
        with (self.directory / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _first_start(self) -> None:
        """Starts on another port when another process has bound the first one since it was chosen."""
        for _ in range(_PORT_ATTEMPTS - 1):
            try:
                return self.start()
            except ClusterError:
                if "could not bind" not in self._log_tail():
                    raise
                self.port = free_port()
        return self.start()

    def _launch(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return self._installation.launch(command, arguments, self._account, log.fileno(), self.directory)

    def _start_cleanup_process(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a file of this package, by this interpreter
            [sys.executable, "-I", "-S", cleanup_process.__file__, str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if server.poll() is not None:
                self._server = None
                raise ClusterError(f"PostgreSQL ended while starting:\n{self._log_tail()}")
            if self._is_ready(server.pid):
                return
            time.sleep(_STEP)
        self.stop("immediate")
        raise ClusterError(f"PostgreSQL was not ready after {_START_TIMEOUT:.0f} s:\n{self._log_tail()}")

    def _is_ready(self, pid: int) -> bool:
        """Whether the eighth line of postmaster.pid is `ready`, as pg_ctl checks it."""
        try:
            lines = Path(self._data, "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        state = 7
        return len(lines) > state and lines[0] == str(pid) and lines[state].strip() == "ready"

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _temporary_directory(account: SystemAccount) -> Path:
    usual = Path(tempfile.gettempdir())
    fits = len(os.fsencode(usual)) <= _LONGEST_DIRECTORY and account.can_access(usual)
    parent = usual if fits else "/tmp"  # noqa: S108 - mkdtemp makes a private directory with a random name
    directory = Path(tempfile.mkdtemp(prefix="outbox-lab-", dir=parent))
    if not account.is_current_user:
        os.chown(directory, account.uid, account.gid)
    return directory
