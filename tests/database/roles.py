"""Roles for tests; they belong to the cluster, so each is removed by the test that made it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import psycopg
from psycopg import sql

from exporter.lab.postgres.cluster import SUPERUSER
from tests.postgres import Database

MONITOR = "outbox_monitor"
_numbers = itertools.count(1)


def script(name: str) -> str:
    """Runs a script of sql/setup with psql."""
    return resources.files("exporter").joinpath("sql", "setup", f"{name}.sql").read_text("utf-8")


def run_script(database: Database, name: str, user: str = SUPERUSER) -> None:
    """Runs a script of sql/setup as a web SQL editor would: its text in one piece."""
    with database.connect(user) as connection:
        connection.execute(script(name).encode())


@contextmanager
def monitoring_role(database: Database, *extra: str) -> Iterator[str]:
    """The role that the set-up script makes; `extra` names scripts to run after it."""
    try:
        for name in ("monitoring_role", *extra):
            run_script(database, name)
        yield MONITOR
    finally:
        run_script(database, "remove_monitoring_role")


@contextmanager
def role(database: Database, attributes: str = "", name: str | None = None) -> Iterator[str]:
    """A role that may log in and nothing else; gone afterwards with all that was granted to it."""
    chosen = name or f"watcher_{os.getpid()}_{next(_numbers)}"
    identifier = sql.Identifier(chosen)
    create = sql.SQL("CREATE ROLE {} LOGIN ").format(identifier)
    database.execute(create + sql.SQL(attributes))
    try:
        yield chosen
    finally:
        database.execute(sql.SQL("REASSIGN OWNED BY {} TO postgres").format(identifier))
        database.execute(sql.SQL("DROP OWNED BY {}").format(identifier))
        database.execute(sql.SQL("DROP ROLE {}").format(identifier))


def allow(database: Database, statement: str, role: str, **names: Any) -> None:
    """Runs a statement in which {role} is replaced by the role, quoted."""
    database.execute(sql.SQL(statement).format(role=sql.Identifier(role), **names))


def count(connection: psycopg.Connection[Any], table: str) -> int:
    """How many rows this connection sees."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])
