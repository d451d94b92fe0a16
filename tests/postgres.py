"""Databases for tests: every test gets a clone of a migrated template of its own."""

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

# The one database of the Debian cluster in which the real pg_cron lives.
CRON_DATABASE: Final = "cron_database"

_TEMPLATES: Final = {
    migrate.Schema.DOCUMENTED: "template_documented",
    migrate.Schema.DEPLOYED: "template_deployed",
}
_numbers = itertools.count(1)

# Where Linux keeps files in memory, and the bytes that the clusters of several test processes may want there.
_SHARED_MEMORY: Final = Path("/dev/shm")
_FREE_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a cluster."""

    cluster: Cluster
    name: str

    def dsn(self, user: str = SUPERUSER, password: str | None = None) -> str:
        """A libpq URI over TCP; the cluster trusts everybody, so the password is for show."""
        return self.cluster.dsn(user=user, dbname=self.name, password=password)

    def connect(self, user: str = SUPERUSER, *, autocommit: bool = True, **options: Any) -> psycopg.Connection:
        """A connection of its own, autocommit unless told otherwise; a context manager."""
        return psycopg.connect(self.dsn(user), autocommit=autocommit, **options)

    def execute(self, statement: Any, parameters: Any = None) -> None:
        """Runs one statement as superuser, committed."""
        with self.connect() as connection:
            connection.execute(statement, parameters)

    def value(self, query: Any, parameters: Any = None) -> Any:
        """The first column of a query's first row, asked as superuser; None when there is no row."""
        with self.connect() as connection:
            row = connection.execute(query, parameters).fetchone()
        return None if row is None else row[0]


@contextmanager
def started(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster at work, in memory where there is room: a database is 300 files, and hundreds of tests want one."""
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
    """The server's programs may be copied there as well, and have to run."""
    if not _SHARED_MEMORY.is_dir() or shutil.disk_usage(_SHARED_MEMORY).free < _FREE_BYTES:
        return False
    return not os.statvfs(_SHARED_MEMORY).f_flag & os.ST_NOEXEC


def create_templates(cluster: Cluster) -> None:
    """The template databases, one per schema variant."""
    for schema, name in _TEMPLATES.items():
        _create(cluster, name)
        with Database(cluster, name).connect() as connection:
            migrate.apply(connection, schema)


@contextmanager
def cloned(cluster: Cluster, schema: migrate.Schema = migrate.Schema.DOCUMENTED) -> Iterator[Database]:
    """A fresh migrated database, dropped afterwards however many sessions are still in it."""
    with temporary(cluster, template=_TEMPLATES[schema]) as database:
        # The jobs were scheduled in the template, and would run there.
        database.execute("UPDATE cron.job SET database = current_database()")
        yield database


@contextmanager
def encoded(cluster: Cluster, encoding: str) -> Iterator[Database]:
    """A fresh migrated database in another encoding than UTF-8, dropped afterwards."""
    with temporary(cluster, encoding=encoding) as database:
        with database.connect() as connection:
            migrate.apply(connection)
        yield database


@contextmanager
def temporary(cluster: Cluster, template: str = "template0", encoding: str = "UTF8") -> Iterator[Database]:
    """A fresh database, without any of the migrations unless a template is given; dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _create(cluster, name, template, encoding)
    try:
        yield Database(cluster, name)
    finally:
        _administer(cluster, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def with_pg_cron(cluster: Cluster) -> Iterator[Database]:
    """The database with the real pg_cron, migrated anew: emptied, not dropped, since pg_cron's launcher is in it."""
    database = Database(cluster, CRON_DATABASE)
    with database.connect() as connection:
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
    """The empty database that `with_pg_cron` fills."""
    _create(cluster, CRON_DATABASE)


def _end_other_sessions(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def _create(cluster: Cluster, name: str, template: str = "template0", encoding: str = "UTF8") -> None:
    # Copying files beats PostgreSQL's default (through the WAL) by a factor of three for a database this small.
    _administer(
        cluster,
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy ENCODING {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Literal(encoding)
        ),
    )


def _administer(cluster: Cluster, statement: sql.Composed) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(statement)
