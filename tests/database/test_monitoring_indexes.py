"""The optional migration: runs twice without harm, helps, and can be undone."""

import re
from importlib import resources
from typing import Any

import pytest

from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.database.sampling import sampler
from tests.postgres import Database

NAME = "20251125090000_add_outbox_monitoring_indexes.sql"
TEXT = resources.files("exporter").joinpath("sql", "setup", NAME).read_text("utf-8")


def statements(text: str) -> list[str]:
    """One by one, as psql sends them: CONCURRENTLY allows no transaction around it."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";") if statement.strip()]


UP = statements(TEXT)
DOWN = statements(re.sub(r"^-- ", "", TEXT.split("-- The document's schema")[1].split("\n", 1)[1], flags=re.MULTILINE))


@pytest.fixture
def deployed(cluster: Cluster):
    with postgres.cloned(cluster, Schema.DEPLOYED) as database:
        yield database


def run(database: Database, script: list[str]) -> list[Any]:
    """The rows of the last statement."""
    with database.connect() as connection:
        for statement in script:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def state(database: Database) -> Any:
    return database.value(
        "SELECT jsonb_build_object("
        " 'indexes', (SELECT jsonb_agg(indexdef ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public'),"
        " 'options', (SELECT to_jsonb(reloptions) FROM pg_class WHERE oid = 'public.job_outbox'::regclass))"
    )


def advice(database: Database) -> dict[tuple[str, ...], float]:
    with sampler(database.dsn()) as sampling, sampling.database.sample() as session:
        return {reading.labels: reading.value for reading in sampling.index_catalogue.advice(session, "fsm_events")}


def test_it_creates_the_advised_indexes(deployed):
    """The index that is missing in the deployed schema is there and valid afterwards."""
    assert advice(deployed) == {("fsm_events (created_at)",): 1}
    assert run(deployed, UP) == []
    assert advice(deployed) == {("fsm_events (created_at)",): 0}


def test_it_runs_twice_without_harm(deployed):
    """The second run changes nothing."""
    run(deployed, UP)
    once = state(deployed)
    run(deployed, UP)
    assert state(deployed) == once


def test_it_can_be_undone(deployed):
    """Its rollback leaves the schema as it was."""
    before = state(deployed)
    run(deployed, UP)
    assert state(deployed) != before
    run(deployed, DOWN)
    assert state(deployed) == before


def test_it_names_an_index_that_a_failed_run_left_behind(deployed):
    """IF NOT EXISTS is satisfied by an invalid index; the query at the end is not."""
    run(deployed, UP)
    deployed.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_fsm_events_created'::regclass")
    assert run(deployed, UP) == [("idx_fsm_events_created",)]
