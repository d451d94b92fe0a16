"""The commands as a whole: status, messages, output. tests/end_to_end runs them against real targets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import cli
from exporter.config import loader
from exporter.core import logs
from exporter.core.exit_status import ExitStatus
from exporter.core.version import version
from tests.end_to_end.program import run

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith("OUTBOX_EXPORTER_"):
            monkeypatch.delenv(name)


def test_the_exit_status_is_contract():
    """Scripts rely on these four."""
    assert {status.name: status.value for status in ExitStatus} == {"GOOD": 0, "BAD": 1, "USAGE": 2, "UNKNOWN": 3}


def test_a_threshold_of_no_alert_is_wrong_usage(capsys, monkeypatch):
    """For every command: an ineffective threshold is reported before it is needed."""
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", "{OutboxBaklogHigh: {page: 1}}")
    for command in (["rules"], ["check-config", "--offline"]):
        assert cli.main(command) == 2
        said = capsys.readouterr()
        assert 'OutboxBaklogHigh.page: unknown alert; did you mean "OutboxBacklogHigh"?' in said.err
        assert said.out == ""


def test_a_configuration_that_is_not_there(capsys, tmp_path):
    """Its name and why, status 2; for every command."""
    missing = tmp_path / "missing.yaml"
    for command in ("serve", "sample", "check-config"):
        assert cli.main(["--config", str(missing), command]) == 2
        said = capsys.readouterr()
        assert said.err == f"{missing}: cannot be read: No such file or directory\n"
        assert said.out == ""


COMMANDS = (
    ["sample"],
    ["check-config"],
    ["rules"],
    ["verify"],
    ["smoke"],
    ["rollback-check"],
    ["maintenance", "start", "--for", "1h", "--reason", "test"],
    ["maintenance", "end"],
    ["watch", "start"],
    ["watch", "status"],
    ["watch", "stop", "--reason", "test"],
    ["watch", "report"],
    ["watch", "wait"],
)
# Errors that a library or a mistake in this program may raise; none of them is a finding about the outbox.
UNEXPECTED = (
    KeyError("cron.job"),
    ValueError("secret-word and\nmore"),
    RuntimeError(),
    OSError(5, "Input/output error"),
)


@pytest.mark.parametrize("error", UNEXPECTED, ids=repr)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unexpected_error_is_no_result(capsys, monkeypatch, command, error):
    """Status 3 in every command, never 1: one line, without the traceback and without secrets."""

    def fail(*_: object, **__: object) -> None:
        raise error

    logs.configure(["secret-word"])
    monkeypatch.setattr(loader, "load", fail)
    assert cli.main(command) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"unexpected {type(error).__name__}")
    assert said.err.count("\n") == 1
    assert "nothing was proved" in said.err
    assert "secret-word" not in said.err


def test_the_traceback_of_an_unexpected_error_is_in_the_log(capsys, monkeypatch):
    """At level debug, as an event; an exporter that ends so logs it in any case."""

    def load(*_: object) -> None:
        logs.configure(level="debug")
        raise KeyError("cron.job")

    monkeypatch.setattr(loader, "load", load)
    assert cli.main(["rules"]) == 3
    said = capsys.readouterr().err
    assert 'level=debug logger=exporter.cli event="uncaught exception"' in said
    assert "in load" in said

    def fail(*_: object) -> None:
        raise KeyError("cron.job")

    monkeypatch.setattr(loader, "load", fail)
    assert cli.main(["serve"]) == 3
    said = capsys.readouterr().err
    assert 'level=critical logger=exporter.cli event="uncaught exception"' in said
    assert "in fail" in said


def test_version_and_help(capsys):
    """Status 0, on standard output; the help names every command and every status."""
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit) as ended:
            cli.main([option])
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"outbox-exporter {version()}\n")
    assert all(f"\n    {command}" in said for command in ("serve", "sample", "check-config", "rules", "demo"))
    assert "0 good, 1 bad, 2 wrong usage or configuration, 3 unknown or unreachable" in " ".join(said.split())


def test_the_installed_command():
    """The program that pip installed is this one."""
    message = run("--version")
    assert (message.returncode, message.stdout, message.stderr) == (0, f"outbox-exporter {version()}\n", "")


def test_every_locale_takes_and_gives_utf8(tmp_path):
    """Also the plain ASCII of a container or of cron: a letter neither changes nor ends a command."""
    narrow = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    environ = {**os.environ, **narrow, "OUTBOX_EXPORTER_WATCH_STATE_DIR": str(tmp_path)}

    def run(*arguments: str) -> bytes:
        command = [sys.executable, "-m", "exporter", "maintenance", *arguments]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    run("start", "--for", "1h", "--reason", "Größe ☃")
    assert run("end").decode("utf-8").endswith(": Größe ☃\n")
