"""The PostgreSQL server of the benchmark: Debian's, because the embedded wheel has no pg_stat_statements."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from exporter.lab.postgres import programs
from exporter.lab.postgres.cluster import Cluster

_SETTINGS: Final = {
    "shared_preload_libraries": "pg_stat_statements",
    # Top-level statements with their planning; the cost of nested ones is part of theirs.
    "pg_stat_statements.track": "top",
    "pg_stat_statements.track_planning": "on",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "16GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    # Connections are counted in the log, which includes those too short for a sample of pg_stat_activity.
    "log_connections": "on",
}


_STATEMENTS: Final = Path(__file__).parent / "sql"


def statement(name: str) -> sql.SQL:
    """The statement in sql/<name>.sql."""
    return sql.SQL((_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8"))


class PersistentCluster(Cluster):
    """A cluster in a given directory, created on first use and never removed."""

    location: Path

    @classmethod
    def in_directory(cls, directory: Path) -> Self:
        """Prepares a cluster of Debian's PostgreSQL in `directory`. Raises: ProgramsNotFoundError."""
        cluster = cls.debian(_SETTINGS)
        cluster.location = directory
        return cluster

    def create(self) -> None:
        """Starts the cluster, and creates it when the directory has none. Raises: ClusterError."""
        self._directory = self.location
        self.location.mkdir(parents=True, exist_ok=True)
        if not self._account.is_current_user:
            os.chown(self.location, self._account.uid, self._account.gid)
        if not Path(self._data, "PG_VERSION").exists():
            self._init_data_directory()
        self._first_start()

    def drop(self) -> None:
        """Stops the server; the directory stays."""
        self.stop()


def cluster(keep: Path | None) -> Cluster:
    """The server, not started yet; persistent below `keep` when that is given. Raises: ProgramsNotFoundError."""
    return Cluster.debian(_SETTINGS) if keep is None else PersistentCluster.in_directory(keep / "cluster")


class BenchmarkDatabase:
    """One database of the server."""

    def __init__(self, server: Cluster, name: str) -> None:
        self.server = server
        self.name = name

    def dsn(self, user: str = "postgres") -> str:
        """A libpq URI."""
        return self.server.dsn(user, self.name)

    def connect(self, **options: Any) -> psycopg.Connection:
        """A superuser's session of its own, autocommit."""
        return psycopg.connect(self.dsn(), autocommit=True, **options)

    def run_file(self, file: Path) -> None:
        """Runs a script with psql as superuser. Raises: CalledProcessError at the first error."""
        psql = str(programs.debian().bin / "psql")
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(), "-f", str(file)]
        quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet)  # noqa: S603 - found by us

    @property
    def exists(self) -> bool:
        """Whether it exists."""
        with psycopg.connect(self.server.dsn()) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (self.name,)).fetchone()
        return found is not None

    def create(self, template: str = "template0") -> None:
        """Creates it, empty or as a copy of a database without connections."""
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", self.name, template)

    def drop(self) -> None:
        """Removes it, if it exists, with its connections."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)

    def _administer(self, statement: Any, *names: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def copied(database: BenchmarkDatabase, name: str) -> Iterator[BenchmarkDatabase]:
    """A copy that exists while the context is active."""
    copy = BenchmarkDatabase(database.server, name)
    copy.drop()
    copy.create(database.name)
    try:
        yield copy
    finally:
        copy.drop()
