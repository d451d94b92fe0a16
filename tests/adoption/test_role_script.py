"""The scripts of the monitoring role. Run, with real libraries: tests/outbox/test_lives.py."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from exporter.adoption import role_script
from exporter.adoption.role_script import GrantedTable, granted_tables, identifier, literal
from exporter.collectors.events import EventsCollector
from exporter.collectors.idempotency import IdempotencyCollector
from exporter.database import relations
from exporter.outbox import profiles
from exporter.outbox.mapping import DEFAULT
from tests.database.roles import script
from tests.postgres import temporary

ODD = 'it\'s $$ "odd"'


def test_the_scripts_of_the_default_tables_are_those_that_are_committed():
    """Made from the same template as all others."""
    tables = granted_tables(DEFAULT)
    assert role_script.monitoring_role("public", tables, is_default=True) == script("monitoring_role")
    assert role_script.remove_monitoring_role("public", tables, is_default=True) == script("remove_monitoring_role")


def test_every_part_of_the_templates_is_filled():
    folder = resources.files("exporter.adoption").joinpath("templates")
    templates = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".sql")]
    assert len(templates) == 2
    for name in profiles.names():
        mapping = profiles.load(name).mapping
        tables = granted_tables(mapping, {mapping.table})
        for make in (role_script.monitoring_role, role_script.remove_monitoring_role):
            assert not re.search(r"@[a-z_]+@", make(mapping.schema or "public", tables)), name


@pytest.mark.parametrize("name", ["default", *profiles.names()])
def test_exactly_the_columns_that_the_collectors_read(name):
    """None is missing, and none is left over."""
    mapping = DEFAULT if name == "default" else profiles.load(name).mapping
    others = (*IdempotencyCollector.tables, *EventsCollector.tables) if name == "default" else ()
    wanted = (*relations.reads(mapping, *relations.RELATIONS), *others)
    found = granted_tables(mapping)
    assert {each.name: set(each.columns) for each in found} == {each.name: set(each.columns) for each in wanted}


def test_policies_are_made_where_row_security_is_on():
    """And dropped wherever there may be one."""
    tables = (GrantedTable("jobs", ("id",), needs_policy=True), GrantedTable("queues", ("id", "order")))
    made = role_script.monitoring_role("app", tables)
    assert made.count("CREATE POLICY") == 1
    assert "CREATE POLICY outbox_monitor_read ON app.jobs FOR SELECT TO outbox_monitor USING (true);" in made
    assert 'GRANT SELECT (id, "order")\n  ON app.queues TO outbox_monitor;' in made
    assert "GRANT USAGE ON SCHEMA app TO outbox_monitor;" in made
    removed = role_script.remove_monitoring_role("app", tables)
    assert "DROP POLICY IF EXISTS outbox_monitor_read ON app.queues;" in removed
    assert "WHEN 'app' THEN c.oid IS NULL OR c.relname IN ('jobs', 'queues')" in removed


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("id", "id"), ("_private_jobs", "_private_jobs"), ("Id", '"Id"'), ("order", '"order"'), ('a"b', '"a""b"')],
)
def test_names(name, quoted):
    assert identifier(name) == quoted


def test_texts():
    """Also between dollar quotes."""
    assert literal("it's") == "'it''s'"
    assert literal("a$$b") == "'a$' || '$b'"


def test_reserved_words_are_those_of_the_server(embedded):
    """A newer server may have more of them."""
    with temporary(embedded) as database, database.connect() as connection:
        words = connection.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')").fetchall()
    assert [word for (word,) in words if identifier(word) == word] == []


def test_odd_names(embedded):
    """The scripts run, twice each, and leave nothing behind."""
    tables = (GrantedTable(ODD, ("Versandt am", ODD), needs_policy=True),)
    with temporary(embedded) as database:
        quoted = identifier(ODD)
        database.execute(f"CREATE SCHEMA {quoted}".encode())
        database.execute(f'CREATE TABLE {quoted}.{quoted} ("Versandt am" int, {quoted} int, secret int)'.encode())
        database.execute(f"ALTER TABLE {quoted}.{quoted} ENABLE ROW LEVEL SECURITY".encode())
        for _ in range(2):
            database.execute(role_script.monitoring_role(ODD, tables).encode())
        with database.connect("outbox_monitor") as connection:
            connection.execute(f'SELECT "Versandt am", {quoted} FROM {quoted}.{quoted}'.encode())
        for _ in range(2):
            database.execute(role_script.remove_monitoring_role(ODD, tables).encode())
        assert not database.value("SELECT 1 FROM pg_roles WHERE rolname = 'outbox_monitor'")
        assert database.value("SELECT count(*) FROM pg_policy") == 0
