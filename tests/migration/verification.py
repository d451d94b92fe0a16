"""Runs `verify` on the database of a test, as the exporter does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from exporter.config.settings import DatabaseSettings
from exporter.core.types import Secret
from exporter.database import DatabaseClient
from exporter.migration.report import CheckAnswer, CheckReport
from exporter.migration.verify.run import Expectation, verify
from tests.postgres import Database

MONITOR = "migration_watcher"


@contextmanager
def exporter_client(database: Database, user: str = "postgres", schema: str = "public") -> Iterator[DatabaseClient]:
    """The exporter's client of this database."""
    client = DatabaseClient(DatabaseSettings(dsn=Secret(database.dsn(user)), schema=schema))
    client.open()
    try:
        yield client
    finally:
        client.close()


def run_verify(
    database: Database, user: str = "postgres", schema: str = "public", expect: Expectation = "applied"
) -> CheckReport:
    """The report of one `verify`."""
    with exporter_client(database, user, schema) as client, client.sample() as session:
        return verify(session, expect)


def checks(report: CheckReport, answer: CheckAnswer) -> set[str]:
    """The checks that got this answer."""
    return {finding.check for finding in report.findings if finding.answer is answer}


def broken_checks(database: Database, **options: str) -> set[str]:
    """The checks that are broken for the superuser, who sees everything; no check is unknown."""
    report = run_verify(database, **options)  # type: ignore[arg-type]  # a test's keywords
    assert checks(report, CheckAnswer.UNKNOWN) == set()
    return checks(report, CheckAnswer.BROKEN)


def apply_remedies(database: Database, **options: str) -> None:
    """Runs the statements that are printed for broken checks, unchanged."""
    report = run_verify(database, **options)  # type: ignore[arg-type]  # a test's keywords
    remedies = dict.fromkeys(finding.remedy for finding in report.findings if finding.answer is CheckAnswer.BROKEN)
    assert remedies
    with database.connect() as connection:
        lines = (line for remedy in remedies for line in remedy.splitlines())
        for statement in dict.fromkeys(part for line in lines for part in line.split("; ") if part):
            connection.execute(statement.encode())


def create_monitor(database: Database) -> str:
    """A role that may log in and nothing else; roles belong to the cluster, so it may be there already."""
    with database.connect() as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (MONITOR,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {MONITOR} LOGIN NOINHERIT")
    return MONITOR


def in_zone(database: Database, zone: str) -> None:
    """Sets pg_cron's time zone, as versions from 1.5 on have it; without the library every role may set it."""
    database.execute(
        sql.SQL("ALTER DATABASE {} SET cron.timezone = {}").format(sql.Identifier(database.name), sql.Literal(zone))
    )


@contextmanager
def newer_pg_cron(database: Database) -> Iterator[None]:
    """As on a server with pg_cron 1.6, which hides its time zone from most roles."""
    with tempfile.TemporaryDirectory(prefix="outbox-extensions-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "extension").mkdir()
        (directory / "extension" / "pg_cron.control").write_text("default_version = '1.6'\n")
        setting = sql.SQL("ALTER DATABASE {} SET extension_control_path = {}")
        database.execute(setting.format(sql.Identifier(database.name), sql.Literal(f"{directory}:$system")))
        yield
