"""The configuration of a command that connects to the database."""

from __future__ import annotations

import os

import pytest

from exporter.commands.database_configuration import load
from exporter.commands.parser import parser
from exporter.core import logs
from exporter.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith(("OUTBOX_EXPORTER_", "PG")):
            monkeypatch.delenv(name)


def test_passwords_of_the_database_are_hidden(monkeypatch):
    """Also without the rest of their connection string, and the one in libpq's variable."""
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "host=h password=first-word")
    monkeypatch.setenv("PGPASSWORD", "second-word")
    load(parser().parse_args(["verify"]))
    assert logs.hide("first-word second-word third-word") == "[hidden] [hidden] third-word"


def test_a_variable_that_libpq_refuses_is_wrong_configuration(monkeypatch):
    """It would fail every connection."""
    monkeypatch.setenv("PGPORT", "hunter2")
    with pytest.raises(ConfigError, match="PGPORT: port is not a number"):
        load(parser().parse_args(["verify"]))
