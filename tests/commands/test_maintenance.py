"""`maintenance start|end`: the declared time, and the question about an unusually long one."""

from __future__ import annotations

import io
import json

import pytest

from exporter import cli

START = ("maintenance", "start", "--reason", "code back", "--for")


class Terminal(io.StringIO):
    """A terminal on which this is typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path))
    return tmp_path / "maintenance.json"


@pytest.fixture
def at_terminal(monkeypatch):
    """Type an answer at a terminal; returns what is shown there."""

    def at_terminal(answer: str) -> Terminal:
        screen = Terminal()
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        monkeypatch.setattr("sys.stderr", screen)
        return screen

    return at_terminal


def test_maintenance_is_declared_and_ended(state, capsys):
    """Ending twice is no mistake."""
    assert cli.main([*START, "2h"]) == 0
    assert capsys.readouterr().out.startswith("maintenance until 2")
    assert json.loads(state.read_text())["maintenance"][0]["reason"] == "code back"
    assert cli.main(["maintenance", "end"]) == 0
    assert capsys.readouterr().out.endswith("code back\n")
    assert cli.main(["maintenance", "end"]) == 0
    assert capsys.readouterr().out == "no maintenance was declared\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(("--for", "0s", "--reason", "x"), "longer than 0s"), (("--for", "1h", "--reason", " "), "give a reason")],
)
def test_wrong_usage_is_reported(state, capsys, arguments, problem):
    """Status 2, and nothing is declared."""
    assert cli.main(["maintenance", "start", *arguments]) == 2
    assert problem in capsys.readouterr().err
    assert not state.exists()


def test_without_a_writable_directory_nothing_is_declared(tmp_path, monkeypatch, capsys):
    """Status 2: a read-only file system needs a volume for it."""
    (tmp_path / "state").write_text("")
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path / "state"))
    assert cli.main([*START, "1h"]) == 2
    assert f"{tmp_path}/state cannot be written" in capsys.readouterr().err


def test_a_long_time_without_a_terminal_is_refused(state, capsys):
    """With the option that accepts it; a week is not long."""
    assert cli.main([*START, "400d"]) == 2
    assert capsys.readouterr().err == "--for: 400d is longer than 7d; add --yes if that is meant\n"
    assert not state.exists()
    assert cli.main([*START, "7d"]) == 0
    assert cli.main([*START, "400d", "--yes"]) == 0


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_long_time_is_confirmed_at_a_terminal(state, at_terminal, answer):
    """The question has the end of the maintenance."""
    screen = at_terminal(answer)
    assert cli.main([*START, "400d"]) == 0
    assert screen.getvalue().startswith("--for: 400d is longer than 7d. Backlog alerts would be muted until 20")
    assert screen.getvalue().endswith("Start it? [y/N] ")
    assert state.exists()


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "4h\n"])
def test_any_other_answer_starts_nothing(state, at_terminal, answer):
    """Status 2."""
    screen = at_terminal(answer)
    assert cli.main([*START, "400d"]) == 2
    assert screen.getvalue().endswith("no maintenance was started\n")
    assert not state.exists()


def test_the_path_of_the_default_directory_is_whole(tmp_path, monkeypatch, capsys):
    """Who reads the message may not know the working directory."""
    monkeypatch.delenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").write_text("")
    assert cli.main(["maintenance", "end"]) == 2
    assert f"{tmp_path}/state" in capsys.readouterr().err
