"""The command line: accepted arguments, and those refused with status 2. tests/end_to_end runs the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.policy.load import load_policy
from exporter import cli
from exporter.app import sample
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


def parsed(*arguments: str):
    return cli.parser().parse_args(arguments)


def refused(capsys, *arguments: str) -> str:
    """The message for arguments that are refused with status 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return str(captured.err)


def test_the_exit_status_is_contract():
    """Scripts rely on these four."""
    assert {status.name: status.value for status in ExitStatus} == {"GOOD": 0, "BAD": 1, "USAGE": 2, "UNKNOWN": 3}


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("serve",), cli.serve),
        (("sample",), cli.sample),
        (("check-config",), cli.check_config),
        (("rules",), cli.rules),
        (("demo",), cli.demo),
    ],
)
def test_a_command_is_a_function(arguments, command):
    """Each by its name in the contract."""
    assert parsed(*arguments).command is command


def test_missing_arguments_have_defaults():
    """Text for Prometheus, the database asked, port 9721, until Ctrl-C, nothing wrong."""
    assert parsed("sample").format == "prometheus"
    assert parsed("check-config").offline is False
    assert parsed("rules").format == "prometheus"
    demo = parsed("demo")
    assert (demo.port, demo.duration, demo.fault) == (9721, None, None)
    assert parsed("serve").config is None


def test_arguments_are_parsed():
    """Durations with their units, ports, names, a file before the command."""
    demo = parsed("--config", "x.yaml", "demo", "--port", "0", "--duration", "1m30s", "--fault", "poison-rows")
    assert (demo.config, demo.port, demo.duration, demo.fault) == (Path("x.yaml"), 0, 90.0, "poison-rows")
    assert parsed("sample", "--format", "json").format == "json"
    assert parsed("check-config", "--offline").offline is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("smoke", "--dsn", "postgresql://u:hunter2@h/db"), "unknown option --dsn\n"),
        (("smoke", "--dsn=postgresql://u:hunter2/x@h/db"), "unknown option --dsn\n"),
        (("sample", "--form", "hunter2"), "unknown option --form\n"),
        (("--conf", "postgresql://u:hunter2@h/db", "sample"), "invalid choice: 'postgresql://[hidden]@h/db'"),
        (("sample", "hunter2"), "one argument or more than the command takes\n"),
        (("postgresql://u:hunter2@h/db",), "invalid choice: 'postgresql://[hidden]@h/db'"),
        (("sample", "--format", "postgresql://u:hunter2/x@h/db"), "invalid choice: 'postgresql://[hidden]@h/db'"),
    ],
)
def test_an_unknown_argument_is_not_repeated(capsys, arguments, message):
    """A prefix is no option, as it would be taken for another one, and the text after it may be a secret."""
    said = refused(capsys, *arguments)
    assert message in said
    assert "hunter2" not in said


def test_the_environment_may_name_the_configuration(monkeypatch):
    """The command line wins; an empty variable is none."""
    monkeypatch.setenv("OUTBOX_EXPORTER_CONFIG", "from-environment.yaml")
    assert parsed("serve").config == Path("from-environment.yaml")
    assert parsed("--config", "x.yaml", "serve").config == Path("x.yaml")
    monkeypatch.setenv("OUTBOX_EXPORTER_CONFIG", "")
    assert parsed("serve").config is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "COMMAND"),
        (("server",), "invalid choice: 'server'"),
        (("serve", "--port", "1"), "unknown option --port\n"),
        (("--config",), "expected one argument"),
        (("sample", "--format", "xml"), "invalid choice: 'xml'"),
        (("demo", "--port", "70000"), "--port: expected a port, 0 to 65535"),
        (("demo", "--port", "-1"), "--port"),
        (("demo", "--port", "http"), "--port: expected a port"),
        (("demo", "--port", "٣"), "--port: expected a port"),
        (("demo", "--duration", "60"), "--duration: a number needs its unit: 500ms, 15s"),
        (("demo", "--duration", "soon"), "--duration: expected a duration such as"),
    ],
)
def test_wrong_usage_is_status_2_with_the_right_usage(capsys, arguments, message):
    """On standard error, with the usage; nothing is done."""
    said = refused(capsys, *arguments)
    assert message in said
    assert said.startswith("usage: outbox-exporter")


def test_the_rules_are_those_of_the_configuration(capsys, tmp_path):
    """Without one, the shipped file to the letter; with one, its thresholds, its job and its pace, in either format."""
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().out == (ROOT / "alerts" / "prometheus" / "outbox.rules.yaml").read_text()
    config = tmp_path / "config.yaml"
    config.write_text(
        "sampling: {interval: 5s}\nalerting: {job: orders, thresholds: {OutboxBacklogHigh: {page: 2000}}}\n"
    )
    assert cli.main(["--config", str(config), "rules", "--format", "prometheusrule"]) == 0
    message = capsys.readouterr().out
    assert "kind: PrometheusRule\n" in message
    assert "(outbox:backlog_jobs > 2000)" in message
    assert 'up{job="orders"}' in message
    assert "interval: 5s\n" in message


def test_a_threshold_of_no_alert_is_wrong_usage(capsys, monkeypatch):
    """For every command: an ineffective threshold is reported before it is needed."""
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", "{OutboxBaklogHigh: {page: 1}}")
    for command in (["rules"], ["check-config", "--offline"]):
        assert cli.main(command) == 2
        said = capsys.readouterr()
        assert 'OutboxBaklogHigh.page: unknown alert; did you mean "OutboxBacklogHigh"?' in said.err
        assert said.out == ""


def test_check_config_prints_the_policy_in_force(capsys, monkeypatch):
    """How many rules there are, and how many of them the configuration changes."""
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", "{OutboxStalled: {page: 10m}}")
    assert cli.main(["check-config", "--offline"]) == 0
    message = capsys.readouterr().out.splitlines()
    assert message[0] == "ok       configuration"
    assert message[1] == f"ok       alerts: {len(load_policy().rules)} rules, 1 of them changed"


def test_an_unknown_fault_is_wrong_usage(capsys):
    """All known ones are listed."""
    assert cli.main(["demo", "--fault", "gremlins"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--fault gremlins: there is no such fault" in said.err
    assert "poison-rows" in said.err


def test_a_configuration_that_is_not_there(capsys, tmp_path):
    """Its name and why, status 2; for every command."""
    missing = tmp_path / "missing.yaml"
    for command in ("serve", "sample", "check-config"):
        assert cli.main(["--config", str(missing), command]) == 2
        said = capsys.readouterr()
        assert said.err == "missing.yaml: cannot be read: No such file or directory\n"
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

    def load(_: object) -> None:
        logs.configure(level="debug")
        raise KeyError("cron.job")

    monkeypatch.setattr(cli, "load", load)
    assert cli.main(["rules"]) == 3
    said = capsys.readouterr().err
    assert 'level=debug logger=exporter.cli event="uncaught exception"' in said
    assert "in load" in said

    def fail(_: object) -> None:
        raise KeyError("cron.job")

    monkeypatch.setattr(cli, "load", fail)
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


@pytest.mark.parametrize("form", ["prometheus", "json"])
def test_no_good_file_is_left_after_an_unexpected_error(monkeypatch, capsys, tmp_path, form):
    """The file then shows that nothing was sampled; the configuration was valid."""
    output = tmp_path / "outbox.prom"
    output.write_text("outbox_up 1\n")
    monkeypatch.setattr(sample, "render", lambda *_: 1 // 0)
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "host=127.0.0.1 port=1")
    assert cli.main(["sample", "--output", str(output), "--format", form]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err
    message = output.read_text()
    if form == "json":
        document = json.loads(message)
        assert (document["up"], document["config_reload_successful"]) == (False, True)
    else:
        assert "outbox_up 0.0\n" in message
        assert "outbox_exporter_config_last_reload_successful 1.0\n" in message
