"""Asks `verify` about a test's database, as the exporter would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exporter.config.settings import DatabaseSettings
from exporter.core.types import Secret
from exporter.database import Database as Watched
from exporter.migration.report import CheckAnswer, CheckReport
from exporter.migration.verify.run import Expectation, verify
from tests.postgres import Database

MONITOR = "migration_watcher"


@contextmanager
def exporter_client(database: Database, user: str = "postgres", schema: str = "public") -> Iterator[Watched]:
    """The exporter's own door to this database."""
    client = Watched(DatabaseSettings(dsn=Secret(database.dsn(user)), schema=schema))
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


def broken_checks(database: Database, **question: str) -> set[str]:
    """The checks that the superuser, who sees everything, is told are broken; nothing is unknown to it."""
    report = run_verify(database, **question)  # type: ignore[arg-type]  # a test's keywords
    assert checks(report, CheckAnswer.UNKNOWN) == set()
    return checks(report, CheckAnswer.BROKEN)


def apply_remedies(database: Database, **question: str) -> None:
    """Executes the statements that are printed for what is broken, as they are, comments and all."""
    report = run_verify(database, **question)  # type: ignore[arg-type]  # a test's keywords
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
