"""Asks `verify` about a test's database, as the exporter would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from exporter.config import DatabaseSettings, Secret
from exporter.database import Database as Watched
from exporter.migration.findings import Answer, Report
from exporter.migration.verify import Expectation, verify
from tests.postgres import Database

MONITOR = "migration_watcher"


@contextmanager
def watched(database: Database, user: str = "postgres", schema: str = "public") -> Iterator[Watched]:
    """The exporter's own door to this database."""
    door = Watched(DatabaseSettings(dsn=Secret(database.dsn(user)), schema=schema))
    door.open()
    try:
        yield door
    finally:
        door.close()


def ask(database: Database, user: str = "postgres", schema: str = "public", expect: Expectation = "applied") -> Report:
    """The report of one `verify`."""
    with watched(database, user, schema) as door, door.sample() as session:
        return verify(session, expect)


def checks(report: Report, answer: Answer) -> set[str]:
    """The checks that got this answer."""
    return {finding.check for finding in report.findings if finding.answer is answer}


def broken(database: Database, **question: str) -> set[str]:
    """The checks that the superuser, who sees everything, is told are broken; nothing is unknown to it."""
    report = ask(database, **question)  # type: ignore[arg-type]  # a test's keywords
    assert checks(report, Answer.UNKNOWN) == set()
    return checks(report, Answer.BROKEN)


def mend(database: Database, **question: str) -> None:
    """Executes the statements that are printed for what is broken, as they are, comments and all."""
    report = ask(database, **question)  # type: ignore[arg-type]  # a test's keywords
    remedies = dict.fromkeys(finding.remedy for finding in report.findings if finding.answer is Answer.BROKEN)
    assert remedies
    with database.connect() as connection:
        lines = (line for remedy in remedies for line in remedy.splitlines())
        for statement in dict.fromkeys(part for line in lines for part in line.split("; ") if part):
            connection.execute(statement.encode())


def monitor(database: Database) -> str:
    """A role that may log in and nothing else; roles belong to the cluster, so it may be there already."""
    with database.connect() as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (MONITOR,)).fetchone() is None:
            connection.execute(f"CREATE ROLE {MONITOR} LOGIN NOINHERIT")
    return MONITOR
