"""The command line: accepted arguments, and those refused with status 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter import cli
from exporter.commands.parser import parser
from exporter.core.version import version


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith("OUTBOX_EXPORTER_"):
            monkeypatch.delenv(name)


def parsed(*arguments: str):
    return parser().parse_args(arguments)


def refused(capsys, *arguments: str) -> str:
    """The message for arguments that are refused with status 2."""
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return str(captured.err)


def shown(capsys, *arguments: str) -> str:
    """What is printed for arguments that end with status 0."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code in (0, None)
    captured = capsys.readouterr()
    assert captured.err == ""
    return str(captured.out)


COMMANDS = (
    ("serve",),
    ("sample",),
    ("check-config",),
    ("adopt",),
    ("rules",),
    ("rules", "backtest"),
    ("files",),
    ("files", "list"),
    ("files", "show", "monitoring_role.sql"),
    ("files", "export", "directory"),
    ("verify",),
    ("smoke",),
    ("rollback-check",),
    ("maintenance", "start", "--for", "2h", "--reason", "test"),
    ("maintenance", "end"),
    ("watch", "start"),
    ("watch", "status"),
    ("watch", "stop"),
    ("watch", "report"),
    ("watch", "wait"),
    ("demo",),
    ("help",),
    ("version",),
)
COMMON = (
    "--config=c.yaml",
    "--web.listen-address=[::1]:1234",
    "--web.config.file=w.yaml",
    "--log.level=debug",
    "--log.format=json",
)
ALIASES = ("--config.file=c.yaml", *COMMON[1:])
VALUES = {
    "config": Path("c.yaml"),
    "web.listen": "[::1]:1234",
    "web.config_file": "w.yaml",
    "log.level": "debug",
    "log.format": "json",
}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_is_a_function(arguments):
    """The reference leads to a function."""
    assert callable(cli.function(parsed(*arguments).command))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("options", [COMMON, ALIASES], ids=["names", "aliases"])
def test_common_options_come_before_or_after_the_command(arguments, options):
    """With the same meaning; also the names that Prometheus' exporters use."""
    for given in ((*options, *arguments), (*arguments, *options)):
        found = vars(parsed(*given))
        assert {name: found[name] for name in VALUES} == VALUES


def test_common_options_come_between_a_command_and_its_part():
    """`watch --config FILE status`; the last one counts."""
    assert parsed("watch", "--config", "a.yaml", "status").config == Path("a.yaml")
    assert parsed("--config", "a.yaml", "watch", "status", "--config", "b.yaml").config == Path("b.yaml")
    assert parsed("--config", "a.yaml", "watch", "status").config == Path("a.yaml")


def test_common_options_that_are_not_given_have_no_value():
    """So that the file and the environment count."""
    assert vars(parsed("serve")) == {"config": None, "command": "exporter.commands.serve:serve"}


def test_missing_arguments_have_defaults():
    """Text for Prometheus, the database asked, port 9721, until Ctrl-C, nothing wrong."""
    assert parsed("sample").format == "prometheus"
    assert parsed("check-config").offline is False
    assert parsed("rules").format == "prometheus"
    backtest = parsed("rules", "backtest")
    assert (backtest.format, backtest.since, backtest.pages_per_week) == ("text", 604_800.0, None)
    demo = parsed("demo")
    assert (demo.port, demo.duration, demo.profile, demo.fault) == (9721, None, None, None)
    assert parsed("serve").config is None


def test_arguments_are_parsed():
    """Durations with their units, ports, names, a file before the command."""
    demo = parsed("--config", "x.yaml", "demo", "--port", "0", "--duration", "1m30s", "--fault", "poison-rows")
    assert (demo.config, demo.port, demo.duration, demo.fault) == (Path("x.yaml"), 0, 90.0, "poison-rows")
    assert parsed("demo", "--profile", "chancy").profile == "chancy"
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve", "--web.listen-address", "9721"), "--web.listen-address: expected host:port"),
        (("serve", "--log.level", "trace"), "invalid choice: 'trace'"),
        (("watch", "report", "--number", "one"), "--number: expected the number of a watch"),
        (("help", "server"), "invalid choice: 'server'"),
        (("maintenance", "start", "--for", "2", "--reason", "x"), "--for: a number needs its unit"),
    ],
)
def test_a_wrong_value_is_refused_by_its_option(capsys, arguments, message):
    """Before anything is loaded."""
    if arguments[0] == "help":
        with pytest.raises(SystemExit, match="2"):
            cli.main(arguments)
        assert message in capsys.readouterr().err
    else:
        assert message in refused(capsys, *arguments)


def test_help_and_version_are_commands_as_well(capsys):
    """`help watch wait` is `watch wait --help`, and `help` shows every command."""
    assert shown(capsys, "help", "watch", "wait") == shown(capsys, "watch", "wait", "--help")
    assert shown(capsys, "help") == shown(capsys, "--help")
    assert shown(capsys, "version") == shown(capsys, "--version") == f"outbox-exporter {version()}\n"
