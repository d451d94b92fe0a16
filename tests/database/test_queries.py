"""Every statement keeps the promises of its header: parameters, columns, types, nullability, index."""

import json
import re
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from importlib import resources
from typing import Any

import pytest
from psycopg.rows import class_row

from exporter.collectors import backlog
from exporter.collectors.inserted_rows import Balance, Search
from exporter.collectors.tables import TablesCollector
from exporter.config.settings import OutboxSettings
from exporter.database import DatabaseClient, Session, queries, session, visibility
from exporter.database.indexes import IndexCatalogue, IndexRow
from exporter.database.replay import Replay
from exporter.database.visibility import Table, TableVisibility
from exporter.lab.migrate import Schema
from exporter.outbox.mapping import DEFAULT
from exporter.sampling.collector_set import CollectorSet
from tests import postgres
from tests.database import rows
from tests.database.sampling import configuration, sampler
from tests.postgres import Database
from tests.standby import standby_of

# Rows of each table where plans are looked at: enough that reading all of them is never the cheapest way.
SIZE = 12_000

# PostgreSQL's types and the Python types of psycopg.
PYTHON = {"text": str, "bigint": int, "integer": int, "double precision": float, "boolean": bool}
# The columns of the statements in the first message of a session.
OPENING: dict[str, type[Any]] = {
    "replay": Replay,
    "defaults": session._Defaults,
    "session": session._Facts,
    "visibility": TableVisibility,
}


@dataclass(frozen=True)
class QueryRecorder:
    """How the program runs a statement."""

    row: type[Any]
    parameters: dict[str, object]


class Recorder:
    """Records the statements of sessions."""

    def __init__(self) -> None:
        self.asked: dict[str, QueryRecorder] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fetch = Session.fetch

        def recording(asking: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
            self.asked[name] = QueryRecorder(row, parameters)
            return fetch(asking, name, row, **parameters)

        with_literals = queries.SqlStatement.with_literals

        def noting(query: queries.SqlStatement, schema: str, parameters: dict[str, object]) -> bytes:
            if query.name in OPENING:  # the others are recorded when they are fetched
                self.asked[query.name] = QueryRecorder(OPENING[query.name], parameters)
            return with_literals(query, schema, parameters)

        monkeypatch.setattr(Session, "fetch", recording)
        monkeypatch.setattr(queries.SqlStatement, "with_literals", noting)
        session._opening.cache_clear()


@pytest.fixture(scope="module")
def recorded(cluster) -> dict[str, QueryRecorder]:
    """All statements as the program runs them, on either schema, large enough that it chooses among plans."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        recorder.install(patch)
        for schema in Schema:
            with standby_of(cluster) as standby, postgres.cloned(cluster, schema) as database:
                populate(database)
                sample_all(database)
                standby.wait_until_caught_up()
                sample_all(Database(standby, database.name), standby=True)
                # As on a server that does not skip through an index by itself, whichever this one is.
                patch.setattr(IndexCatalogue, "rows", _without_skips(IndexCatalogue.rows))
                sample_all(database)
                sample_jobs_with_a_limit(database)
                sample_values_of_a_status(database)
    return recorder.asked


def _without_skips(rows: Callable[..., tuple[IndexRow, ...]]) -> Callable[..., tuple[IndexRow, ...]]:
    return lambda *asked: tuple(replace(row, skips=False) for row in rows(*asked))


@pytest.fixture(scope="module")
def populated(cluster) -> Iterator[Database]:
    """The documented schema with many rows, analysed."""
    with postgres.cloned(cluster) as database:
        populate(database)
        yield database


def sample_all(database: Database, *, standby: bool = False) -> None:
    """Each collector twice: after the first result it may use another statement; the second backlog is a long one.

    Between them a job leaves the backlog uncounted, unless this is a standby, and there is a reason to look for others.
    """
    with sampler(database.dsn()) as sampling, pytest.MonkeyPatch.context() as patch:
        for _ in range(2):
            for collector in sampling.database_collectors:
                with sampling.database.sample(*collector.reads) as session:
                    tuple(collector.read(session))
            TablesCollector(sampling.database).collect()
            if not standby:
                database.execute(
                    "UPDATE job_outbox SET processed_at = created_at WHERE outbox_id ="
                    " (SELECT outbox_id FROM job_outbox WHERE processed_at IS NULL ORDER BY created_at LIMIT 1)"
                )
            patch.setattr(Balance, "begin_search", lambda _, now: Search(now - 3600, 615.0))
            patch.setattr(backlog, "SHORT_BACKLOG", 1)


def sample_jobs_with_a_limit(database: Database) -> None:
    """A mapping in which jobs may be neither pending nor processed: the backlog, and what was processed before."""
    mapping = OutboxSettings(profile="default", max_attempts="5")
    collectors = CollectorSet(replace(configuration(database.dsn()), outbox=mapping))
    collectors.database.open()
    for collector in collectors.database_collectors[:2]:
        collector.collect()
    collectors.database.close()


def sample_values_of_a_status(database: Database) -> None:
    """A mapping with a status, whose values the catalogue knows."""
    client = DatabaseClient(configuration(database.dsn()).database, replace(DEFAULT, status="queue_name"))
    client.open()
    TablesCollector(client).collect()
    client.close()


def populate(database: Database) -> None:
    """A system some weeks old: nearly everything processed, few courses, wide payloads."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
        course = "('00000000-0000-0000-0000-' || lpad((n %% 6)::text, 12, '0'))::uuid"
        for statement in (
            f"""INSERT INTO job_outbox (entity_id, queue_name, job_data, created_at, processed_at)
                SELECT {course}, 'q' || n %% 3, jsonb_build_object('payload', repeat('x', 300)),
                       now() - n * interval '1 minute',
                       CASE WHEN n %% 200 > 0 THEN now() - n * interval '1 minute' + interval '1 second' END
                FROM generate_series(1, %s) AS n""",
            f"""INSERT INTO idempotency_keys (key, entity_id, result, expires_at)
                SELECT 'k' || n, {course}, jsonb_build_object('result', repeat('x', 1000)),
                       now() - n * interval '1 minute'
                FROM generate_series(1, %s) AS n""",
            f"""INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)
                SELECT {course}, 'FSM_INITIALIZED', 'API', now() - n * interval '1 minute'
                FROM generate_series(1, %s) AS n""",
        ):
            connection.execute(statement.encode(), (SIZE,))
        connection.execute("VACUUM (ANALYZE) job_outbox, idempotency_keys, fsm_events")


def text_of(name: str) -> str:
    return resources.files("exporter").joinpath("sql", f"{name}.sql").read_text("utf-8")


def meaning_of(name: str, column: str) -> str:
    """The header's text for a column, in one line."""
    entry = re.search(rf"^--   {column} (.*?)(?=^--   \S|^-- \S)", text_of(name), re.MULTILINE | re.DOTALL)
    assert entry is not None
    return " ".join(entry[1].replace("\n--", " ").split())


def indexes_named(name: str) -> list[str]:
    """The migration's indexes that the header names."""
    section = re.search(r"^-- Index: (.*?)^-- [A-Z]", text_of(name), re.MULTILINE | re.DOTALL)
    assert section is not None
    return re.findall(r"idx_\w+", section[1])


def test_every_statement_is_in_use(recorded):
    """An unused file is an untested file."""
    assert set(recorded) == set(queries.names())


@pytest.mark.parametrize("name", queries.names())
def test_the_parameters_are_those_of_the_header(recorded, name):
    """The program passes each by its name, and no other."""
    assert set(recorded[name].parameters) == {parameter.name for parameter in queries.load(name).parameters}
    assert set(re.findall(r"%\((\w+)\)s", queries.load(name).text)) == set(recorded[name].parameters)


@pytest.mark.parametrize("name", queries.names())
def test_the_columns_are_those_of_the_header(recorded, populated, name):
    """Names in order and types, as the server describes the answer."""
    query = queries.load(name)
    with populated.connect() as connection:
        cursor = connection.execute(query.compose("public"), recorded[name].parameters)
        assert cursor.description is not None
        found = [
            (column.name, connection.execute("SELECT format_type(%s, NULL)", (column.type_code,)).fetchone())
            for column in cursor.description
        ]
    assert found == [(column.name, (column.type,)) for column in query.columns]


@pytest.mark.parametrize("name", queries.names())
def test_not_null_columns_are_never_null(recorded, populated, embedded_database, name):
    """Neither with many rows nor with none."""
    query = queries.load(name)
    for database in (populated, embedded_database):
        with database.connect() as connection:
            for row in connection.execute(query.compose("public"), recorded[name].parameters):
                for column, value in zip(query.columns, row, strict=True):
                    assert value is not None or column.nullable, column


@pytest.mark.parametrize("name", queries.names())
def test_the_dataclass_matches_the_header(recorded, name):
    """A field per column, of its type, optional exactly for nullable columns in the header."""
    hints = typing.get_type_hints(recorded[name].row)
    columns = queries.load(name).columns
    assert [field.name for field in fields(recorded[name].row)] == [column.name for column in columns]
    for column in columns:
        element: Any = PYTHON[column.type.removesuffix("[]")]
        if hints[column.name] == types.GenericAlias(list, (element | None,)):
            assert "entry is null" in meaning_of(name, column.name)
            element |= None
        expected: Any = types.GenericAlias(list, (element,)) if column.type.endswith("[]") else element
        assert hints[column.name] == (expected | None if column.nullable else expected), column


# Statements that run after Session.prefer_bitmap_scans.
BITMAP_SCANNING = ("backlog", "events_by_course", "far_behind", "processed_last_hour", "processed_since")


@pytest.mark.parametrize("name", [name for name in queries.names() if indexes_named(name)])
def test_the_index_of_the_header_is_the_one_in_the_plan(recorded, populated, name):
    """On a populated, analysed database, planned as in a sample."""
    with populated.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        connection.execute("SET LOCAL jit = off")
        if name in BITMAP_SCANNING:
            connection.execute(session._BITMAP_SCANS)
        if name == "events_by_course":
            connection.execute("DROP INDEX idx_fsm_events_created")  # else it is not read course by course
        query = b"EXPLAIN (FORMAT JSON) " + queries.load(name).compose("public").as_bytes(connection)
        row = connection.execute(query, recorded[name].parameters).fetchone()
    assert row is not None
    plan = json.dumps(row[0])
    assert set(re.findall(r'"Index Name": "(\w+)"', plan)) & set(indexes_named(name)), plan
    assert not re.search(r'"Seq Scan", [^}]*"Relation Name": "(job_outbox|idempotency_keys|fsm_events)"', plan), plan


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_the_cap_keeps_its_plan(recorded, populated, which):
    """Counting stops early in the index, whatever the limit: no sort of the whole backlog, no read of the table."""
    parameters = recorded["backlog"].parameters | {"count_limit": 10, "which": which}
    with populated.connect() as connection:
        query = b"EXPLAIN (FORMAT JSON) " + queries.load("backlog").compose("public").as_bytes(connection)
        row = connection.execute(query, parameters).fetchone()
    assert row is not None
    plan = json.dumps(row[0])
    assert "idx_job_outbox_unprocessed" in plan
    sorted_by = re.findall(r'"Sort Key": \[([^]]*)\]', plan)
    assert not [keys for keys in sorted_by if "created_at" in keys], "only the groups of the answer may be sorted"


def test_a_statement_has_a_comment_for_pg_stat_activity():
    """The text in pg_stat_activity begins with the name of the collector."""
    assert queries.load("backlog").compose("public").as_string().startswith("/* outbox-exporter: backlog */\n")


GOOD = """-- good.sql
-- Question: What?
-- Parameters:
--   since double precision: Unix seconds
-- Columns:
--   id text not null: which
--     and more about it
--   ids text[] null: several
-- Index: none
-- Source: here
SELECT 1
"""


def test_a_header_is_read():
    """Names, types and nullability of parameters and columns; the rest is for people."""
    query = queries.parse("good", GOOD)
    assert query.text == "/* outbox-exporter: good */\nSELECT 1"
    assert query.parameters == (queries.HeaderColumn("since", "double precision", False),)
    assert query.columns == (queries.HeaderColumn("id", "text", False), queries.HeaderColumn("ids", "text[]", True))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (GOOD.replace("-- good.sql", "-- other.sql"), "must name the file"),
        (GOOD.replace("-- Index: none\n", ""), "Question, Parameters, Columns, Index, Source"),
        (GOOD.replace("-- Question: What?\n", "").replace("-- Index", "-- Question: What?\n-- Index"), "must name"),
        (GOOD.replace("--   id text not null: which", "--   id text not null"), "cannot read the header line"),
        (GOOD.replace("--   id text not null: which", "--   Id TEXT: which"), "cannot read the header line"),
        ("SELECT 1", "must name the file"),
        ("", "must name the file"),
    ],
)
def test_a_bad_header_is_refused(bad, message):
    """With the file's name, and the error."""
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        queries.parse("good", bad)
    assert "sql/good.sql" in str(refused.value)


def test_a_statement_that_is_not_there():
    """An unknown name is a bug and raises an error."""
    with pytest.raises(FileNotFoundError):
        queries.load("no_such_statement")


def test_table_names_are_quoted():
    """The schema comes from the configuration: it is an identifier and nothing else."""
    assert '"a""; DROP TABLE x; --"."job_outbox"' in queries.load("backlog").compose('a"; DROP TABLE x; --').as_string()


@pytest.mark.parametrize("nasty", ["it's", "a\\", "a\\'; DROP TABLE x; --", 'a"b', "50 %(table)s", "{table}", "Größe"])
def test_values_written_into_a_statement_arrive_as_they_are(populated, nasty):
    """Whatever a schema is called: quoted like a value, and nothing else."""
    parameters = visibility.question(nasty, [Table(nasty, (nasty,))])
    with populated.connect() as connection, connection.cursor(row_factory=class_row(TableVisibility)) as cursor:
        expected = connection.execute(
            "SELECT quote_ident(%s), format('%%I.%%I', %s::text, %s::text)", (nasty,) * 3
        ).fetchone()
        (seen,) = cursor.execute(queries.load("visibility").with_literals(nasty, parameters)).fetchall()
    assert (seen.schema_name, seen.table_name) == expected
    assert seen.relkind is None
