"""Every statement of the migration conforms to its header, in every command that runs it."""

from __future__ import annotations

import re
import time
import types
import typing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from exporter.collectors.maintenance import MaintenanceCollector
from exporter.config.settings import SamplingSettings
from exporter.database import Session, queries
from exporter.migration.maintenance import MaintenanceFile
from exporter.migration.report import CheckAnswer
from exporter.migration.rollback import rollback_check
from exporter.migration.rollback_options import RollbackOptions
from exporter.migration.smoke.run import smoke
from exporter.migration.smoke.transaction import RolledBackTransaction
from exporter.migration.verify.run import verify
from tests import postgres
from tests.database.roles import monitoring_role
from tests.migration.database_rows import OTHER_ROWS
from tests.migration.partitioned import PARTITIONED
from tests.migration.test_rollback import IDLE_OUTBOX
from tests.migration.verification import checks, exporter_client
from tests.migration.verify.cases import RECORD_CHECKS

FILES = sorted((Path(queries.__file__).parents[1] / "sql" / "migration").glob("*.sql"))
NAMES = [f"migration/{file.stem}" for file in FILES]
PYTHON: dict[str, Any] = {"text": str, "bigint": int, "integer": int, "double precision": float, "boolean": bool}


@dataclass
class QueryRecorder:
    """How the program runs a statement, and the rows that it returned."""

    row: type[Any] | None = None
    parameters: set[str] = field(default_factory=set)
    answers: list[Any] = field(default_factory=list)


@pytest.fixture(scope="module")
def recorded(cluster, tmp_path_factory) -> dict[str, QueryRecorder]:
    """Every command, on an empty outbox, with rows, on an idle outbox, and with partitions."""
    asked: dict[str, QueryRecorder] = {}

    def note(name: str, parameters: dict[str, object], row: type[Any] | None, answers: list[Any]) -> None:
        known = asked.setdefault(name, QueryRecorder(row, set(parameters)))
        assert known.parameters == set(parameters)
        known.answers += answers

    fetched, fetched_in_transaction = Session.fetch, RolledBackTransaction.fetch
    counted, executed = RolledBackTransaction.fetch_number, RolledBackTransaction.execute

    def fetch(session: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
        answers = fetched(session, name, row, **parameters)
        note(name, parameters, row, answers)
        return answers

    def fetch_in_transaction(
        transaction: RolledBackTransaction, name: str, row: type[Any], **parameters: object
    ) -> list[Any]:
        answers = fetched_in_transaction(transaction, name, row, **parameters)
        note(name, parameters, row, answers)
        return answers

    def count(transaction: RolledBackTransaction, name: str, *table: Any, **parameters: Any) -> int:
        note(name, parameters, None, [])
        return counted(transaction, name, *table, **parameters)

    def execute(transaction: RolledBackTransaction, name: str, **parameters: Any) -> None:
        note(name, parameters, None, [])
        executed(transaction, name, **parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "fetch", fetch)
        patch.setattr(RolledBackTransaction, "fetch", fetch_in_transaction)
        patch.setattr(RolledBackTransaction, "fetch_number", count)
        patch.setattr(RolledBackTransaction, "execute", execute)
        for statement in ("SELECT 1", OTHER_ROWS, IDLE_OUTBOX, PARTITIONED):
            with postgres.cloned(cluster) as database:
                database.execute(OTHER_ROWS if statement == IDLE_OUTBOX else "SELECT 1")
                database.execute(statement)
                _prepare(database)
                _run_everything(database, tmp_path_factory.mktemp("state"))
    return asked


def _prepare(database: postgres.Database) -> None:
    """One object of every kind that the statements read."""
    database.execute("""
        CREATE VIEW v AS SELECT queue_name FROM job_outbox;
        CREATE FUNCTION r() RETURNS BIGINT LANGUAGE plpgsql AS 'BEGIN RETURN 1 FROM job_outbox; END';
        CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM called(); RETURN NEW; END';
        CREATE FUNCTION called() RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
        CREATE TRIGGER t BEFORE INSERT ON courses FOR EACH ROW EXECUTE FUNCTION t();
        INSERT INTO cron.job_run_details (jobid, status, start_time, end_time)
          SELECT jobid, 'succeeded', NOW(), NOW() FROM cron.job;
    """)


def _run_everything(database: postgres.Database, state: Path) -> None:
    maintenance_file = MaintenanceFile(state)
    maintenance_file.start(time.time() - 7200, 14_400, "a test")
    with exporter_client(database) as client:
        with client.sample() as session:
            verify(session)
        rollback_check(client, SamplingSettings(), RollbackOptions(), time.time())
        assert not MaintenanceCollector(client, maintenance_file).collect().failures
    access = monitoring_role(database, "grant_migration_access")
    with access as role, exporter_client(database, role) as client, client.sample() as session:
        verify(session)
    report = smoke(database.dsn(), "public")
    assert report.answer is CheckAnswer.OK, report.findings


def test_every_statement_is_in_use(recorded):
    """A file that no command runs is not tested."""
    assert {name for name in recorded if name.startswith("migration/")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_are_those_of_the_header(recorded, name):
    """The program passes exactly these, by name."""
    query = queries.load(name)
    assert recorded[name].parameters == {parameter.name for parameter in query.parameters}
    assert set(re.findall(r"%\((\w+)\)s", query.text)) == recorded[name].parameters


@pytest.mark.parametrize("name", NAMES)
def test_the_dataclass_matches_the_header(recorded, name):
    """A field per column, of its type, optional exactly for nullable columns in the header."""
    row, columns = recorded[name].row, queries.load(name).columns
    if row is None:
        assert len(columns) <= 1
        return
    hints = typing.get_type_hints(row)
    assert [each.name for each in fields(row)] == [column.name for column in columns]
    for column in columns:
        if column.type == "jsonb":
            continue
        element = PYTHON[column.type.removesuffix("[]")]
        wanted = types.GenericAlias(list, (element,)) if column.type.endswith("[]") else element
        assert hints[column.name] == (wanted | None if column.nullable else wanted), column


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_match_the_header(recorded, name):
    """In types and nullability. Every statement with columns returned at least one row."""
    asked, columns = recorded[name], queries.load(name).columns
    assert asked.answers or asked.row is None
    for answer in asked.answers:
        for column in columns:
            value = getattr(answer, column.name)
            if value is None:
                assert column.nullable, column
            elif column.type.endswith("[]"):
                assert all(isinstance(each, PYTHON[column.type[:-2]]) for each in value), column
            elif column.type != "jsonb":
                assert type(value) is PYTHON[column.type], column


def test_the_role_of_the_setup_script_suffices(database):
    """For rollback-check and maintenance; of verify only the checks of the records are unknown."""
    database.execute(OTHER_ROWS)
    database.execute(IDLE_OUTBOX)
    with monitoring_role(database) as role, exporter_client(database, role) as client:
        with client.sample() as session:
            report = verify(session)
        assert checks(report, CheckAnswer.BROKEN) == set()
        assert checks(report, CheckAnswer.UNKNOWN) <= RECORD_CHECKS
        assert rollback_check(client, SamplingSettings(), RollbackOptions(), time.time()).answer is CheckAnswer.OK
