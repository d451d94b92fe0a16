"""`adopt` as a command. What it finds: tests/adoption/test_adopt.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from exporter.cli import main
from exporter.lab.ports import free_port
from tests.outbox.published import loaded

RIVER = Path(__file__).parents[1] / "outbox" / "schemas" / "river.sql"


@pytest.fixture
def river(embedded, monkeypatch):
    with loaded(embedded, RIVER) as database:
        monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", database.dsn())
        yield database


@pytest.mark.usefixtures("river")
def test_formats(capsys, tmp_path):
    """A configuration that other commands take, JSON, and the two scripts."""
    assert main(["adopt"]) == 0
    text = capsys.readouterr().out
    assert yaml.safe_load(text) == {"outbox": {"profile": "river"}}
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert main(["--config", str(file), "sample"]) == 0
    assert "outbox_running_jobs 1.0" in capsys.readouterr().out
    assert main(["adopt", "--format", "json", "--table", "river_job"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["adopt", "--format", "role", "--profile", "river"]) == 0
    assert capsys.readouterr().out == found["role"]
    assert main(["adopt", "--format", "remove-role"]) == 0
    assert capsys.readouterr().out == found["remove_role"]


@pytest.mark.usefixtures("river")
def test_nothing_to_make_a_script_for(capsys):
    """Standard output stays empty, for psql."""
    assert main(["adopt", "--format", "role", "--profile", "oban"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "there is no mapping to make a script for; --format yaml says why\n"


def test_an_unknown_profile(monkeypatch, capsys):
    """The nearest is named, and all of them."""
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "host=localhost")
    assert main(["adopt", "--profile", "pgboss"]) == 2
    wrong = capsys.readouterr().err
    assert wrong.startswith('unknown profile pgboss; did you mean "pg-boss"?; default, bullmq, ')


def test_a_database_that_does_not_answer(monkeypatch, capsys):
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", f"host=127.0.0.1 port={free_port()}")
    assert main(["adopt"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("connection: ")
    assert captured.err.endswith("; nothing was proved\n")
