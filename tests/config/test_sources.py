"""The sources of settings: which values count as set, and their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import yaml_file
from exporter.config.sources import Environment, File
from exporter.config.yaml_file import Scalar, Sequence
from exporter.core.problems import Place, Problems


def file(text: str) -> File:
    problems = Problems()
    return File(yaml_file.load(text, "c.yaml", problems), Path("/etc"), problems)


def test_a_variable_is_a_text_without_a_line():
    """Its place is its name; paths in it are relative to the working directory."""
    given = Environment({"OUTBOX_EXPORTER_LOG_LEVEL": "debug"}).given("log", "level")
    assert given
    assert given.node == Scalar(Place("OUTBOX_EXPORTER_LOG_LEVEL"), "debug")
    assert (given.place, given.base) == (Place("OUTBOX_EXPORTER_LOG_LEVEL"), Path())


def test_an_empty_variable_is_none():
    """As is one that is not there."""
    assert Environment({"OUTBOX_EXPORTER_LOG_LEVEL": ""}).given("log", "level") is None
    assert Environment({}).given("log", "level") is None


def test_a_key_is_given_with_its_line():
    """Texts, lists and mappings alike; paths in it are relative to the file."""
    given = file("log:\n  level: debug\n  list: [a]\n").given("log", "list")
    assert given
    assert isinstance(given.node, Sequence)
    assert (given.place, given.base) == (Place("c.yaml", 3, "log.list"), Path("/etc"))


@pytest.mark.parametrize("value", ["", "null", "''", "[]", "{}"])
def test_an_empty_key_is_none(value):
    """The same as leaving it out."""
    assert file(f"log:\n  level: {value}\n").given("log", "level") is None
    assert file(f"log: {value}\n").given("log", "level") is None


def test_an_empty_section_is_none():
    """So that an optional one counts as missing."""
    assert file("log: {}\n").section("log") is None
    assert file("log: {level: null}\n").section("log")


def test_values_do_not_print_themselves():
    """Any of them may be a secret."""
    environment = Environment({"OUTBOX_EXPORTER_DATABASE_DSN": "hunter2"})
    assert "hunter2" not in f"{environment!r} {environment.given('database', 'dsn')!r}"
