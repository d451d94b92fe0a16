"""The PostgreSQL server under test: Debian's, because the embedded wheel has no pg_stat_statements."""

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
    # Top-level statements, planning included: what is nested in them is in their figures already.
    "pg_stat_statements.track": "top",
    "pg_stat_statements.track_planning": "on",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "16GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    # Connections are counted in the log: the short ones too, which no look at pg_stat_activity would meet.
    "log_connections": "on",
}


class KeptCluster(Cluster):
    """A cluster that stays where it is: made on first use, found again on the next, never removed by us."""

    kept: Path

    @classmethod
    def keep_in(cls, directory: Path) -> Self:
        """Plans a cluster of Debian's PostgreSQL in `directory`. Raises: ProgramsNotFoundError."""
        cluster = cls.debian(_SETTINGS)
        cluster.kept = directory
        return cluster

    def create(self) -> None:
        """Starts the cluster in its directory, making it when there is none. Raises: ClusterError."""
        self._directory = self.kept
        self.kept.mkdir(parents=True, exist_ok=True)
        if not self._account.is_current_user:
            os.chown(self.kept, self._account.uid, self._account.gid)
        if not Path(self._data, "PG_VERSION").exists():
            self._init_data_directory()
        self._first_start()

    def drop(self) -> None:
        """Stops the server; the directory stays."""
        self.stop()


def cluster(keep: Path | None) -> Cluster:
    """The server under test, not started yet; below `keep` when that is given. Raises: ProgramsNotFoundError."""
    return Cluster.debian(_SETTINGS) if keep is None else KeptCluster.keep_in(keep / "cluster")


class Database:
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
        """Has psql run a script as superuser, statement by statement. Raises: CalledProcessError at the first error."""
        psql = str(programs.debian().bin / "psql")
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(), "-f", str(file)]
        quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet)  # noqa: S603 - found by us

    @property
    def exists(self) -> bool:
        """Whether it has been made already."""
        with psycopg.connect(self.server.dsn()) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (self.name,)).fetchone()
        return found is not None

    def create(self, template: str = "template0") -> None:
        """Makes it, empty or as a copy that nobody may be connected to."""
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", self.name, template)

    def drop(self) -> None:
        """Removes it, if it is there, whoever is connected."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)

    def _administer(self, statement: Any, *names: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def copied(database: Database, name: str) -> Iterator[Database]:
    """A copy to do harm to, gone afterwards."""
    copy = Database(database.server, name)
    copy.drop()
    copy.create(database.name)
    try:
        yield copy
    finally:
        copy.drop()
