"""Databases for tests: each test gets its own clone of a migrated template."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from exporter.lab import migrate
from exporter.lab.postgres.cluster import SUPERUSER, Cluster
from tests.lab.waiting import wait_for

# The database of the Debian cluster with the real pg_cron.
CRON_DATABASE: Final = "cron_database"

_TEMPLATES: Final = {
    migrate.Schema.DOCUMENTED: "template_documented",
    migrate.Schema.DEPLOYED: "template_deployed",
}
_SCHEDULER_WAITS: Final = (
    "SELECT FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher' AND wait_event = 'Extension'"
)
_numbers = itertools.count(1)

# The file system in memory, and the free bytes that the clusters of several test processes need there.
_SHARED_MEMORY: Final = Path("/dev/shm")
_FREE_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a cluster."""

    cluster: Cluster
    name: str

    def dsn(self, user: str = SUPERUSER, password: str | None = None) -> str:
        """A libpq URI over TCP; the cluster accepts any password."""
        return self.cluster.dsn(user=user, dbname=self.name, password=password)

    def connect(self, user: str = SUPERUSER, *, autocommit: bool = True, **options: Any) -> psycopg.Connection:
        """A new connection, with autocommit by default; a context manager."""
        return psycopg.connect(self.dsn(user), autocommit=autocommit, **options)

    def execute(self, statement: Any, parameters: Any = None) -> None:
        """Runs and commits one statement as superuser."""
        with self.connect() as connection:
            connection.execute(statement, parameters)

    def value(self, query: Any, parameters: Any = None) -> Any:
        """The first column of a query's first row, read as superuser; None when there is no row."""
        with self.connect() as connection:
            row = connection.execute(query, parameters).fetchone()
        return None if row is None else row[0]


@contextmanager
def started(cluster: Cluster) -> Iterator[Cluster]:
    """Runs the cluster, in memory if there is space: a database has 300 files, and hundreds of tests create one."""
    usual, tempfile.tempdir = tempfile.tempdir, str(_SHARED_MEMORY) if _shared_memory_is_usable() else tempfile.tempdir
    try:
        cluster.create()
    finally:
        tempfile.tempdir = usual
    try:
        yield cluster
    finally:
        cluster.drop()


def _shared_memory_is_usable() -> bool:
    """Whether there is space, and programs can be executed: the server's may be copied there."""
    if not _SHARED_MEMORY.is_dir() or shutil.disk_usage(_SHARED_MEMORY).free < _FREE_BYTES:
        return False
    return not os.statvfs(_SHARED_MEMORY).f_flag & os.ST_NOEXEC


def create_templates(cluster: Cluster) -> None:
    """Creates the template databases, one for each schema variant."""
    for schema, name in _TEMPLATES.items():
        _create(cluster, name)
        with Database(cluster, name).connect() as connection:
            migrate.apply(connection, schema)


@contextmanager
def cloned(cluster: Cluster, schema: migrate.Schema = migrate.Schema.DOCUMENTED) -> Iterator[Database]:
    """A new migrated database, dropped afterwards, also while sessions are open."""
    with temporary(cluster, template=_TEMPLATES[schema]) as database:
        # The copied jobs would run in the template database.
        database.execute("UPDATE cron.job SET database = current_database()")
        yield database


@contextmanager
def encoded(cluster: Cluster, encoding: str) -> Iterator[Database]:
    """A new migrated database in an encoding of choice, dropped afterwards."""
    with temporary(cluster, encoding=encoding) as database:
        with database.connect() as connection:
            migrate.apply(connection)
        yield database


@contextmanager
def temporary(cluster: Cluster, template: str = "template0", encoding: str = "UTF8") -> Iterator[Database]:
    """A new database, not migrated unless a template is given; dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _create(cluster, name, template, encoding)
    try:
        yield Database(cluster, name)
    finally:
        _administer(cluster, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def with_pg_cron(cluster: Cluster) -> Iterator[Database]:
    """The database with the real pg_cron, newly migrated: emptied, not dropped, because pg_cron's launcher uses it."""
    database = Database(cluster, CRON_DATABASE)
    with database.connect() as connection:
        # It tries again each second after the database was created, and ends recorded runs when it starts.
        wait_for(lambda: connection.execute(_SCHEDULER_WAITS).fetchone() is not None)
        connection.execute("CREATE EXTENSION pg_cron")
        migrate.apply(connection)
    try:
        yield database
    finally:
        with database.connect() as connection:
            _end_other_sessions(connection)
            connection.execute("DROP EXTENSION pg_cron CASCADE")
            connection.execute("DROP SCHEMA public, auth, supabase_migrations CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")


def create_cron_database(cluster: Cluster) -> None:
    """Creates the empty database for `with_pg_cron`."""
    _create(cluster, CRON_DATABASE)


def _end_other_sessions(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def _create(cluster: Cluster, name: str, template: str = "template0", encoding: str = "UTF8") -> None:
    # For a small database, copying files is three times as fast as the default, which writes to the WAL.
    _administer(
        cluster,
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy ENCODING {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Literal(encoding)
        ),
    )


def _administer(cluster: Cluster, statement: sql.Composed) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(statement)
