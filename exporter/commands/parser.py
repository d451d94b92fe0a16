"""The command line: commands, options, help. What a command does is imported when it was chosen.

`command` among the parsed options is a reference to the function of the command, `module:function`. A value of the
configuration that an option gives is under its dotted name.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

from exporter.config import values
from exporter.config.keys import CONFIG_VARIABLE
from exporter.core.redaction import hide_credentials
from exporter.migration.rollback_options import MAX_BACKUP_AGE

PROGRAM = "outbox-exporter"
DEMO_PORT = 9721
# The variable with the connection string of the role that `smoke` uses.
SMOKE_DSN = "OUTBOX_SMOKE_DSN"
# Seconds of history that `rules backtest` replays.
BACKTEST_SINCE = 7 * 86400.0
# Seconds for which `watch wait` waits while no exporter runs.
MAX_ABSENCE = 300.0

# The forms of the rules, with their meanings.
RULE_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "prometheus": "a rule file, also for vmalert, Mimir and Thanos",
        "prometheusrule": "for the Prometheus operator",
        "vmrule": "for the VictoriaMetrics operator",
        "grafana": "a provisioning file of Grafana's alerting",
        "openslo": "the latency objective as OpenSLO documents",
    }
)

# argparse gives what add_subparsers returns no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - for types alone

_duration = values.argument(values.duration)


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names only, and repeats no value in an error: it may be a secret in a wrong place.

    The parsers of the commands are of the same class.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but names only the options that it does not know."""
        options, unknown = self.parse_known_args(args, namespace or argparse.Namespace(config=_default_config()))
        if unknown:
            names = [each.partition("=")[0] for each in unknown if each.startswith("-")]
            self.error(f"unknown option {', '.join(names)}" if names else "one argument or more than the command takes")
        return options

    def error(self, message: str) -> NoReturn:
        """Print usage and message, with marked secrets hidden; status 2."""
        super().error(hide_credentials(message))


class _Version(argparse.Action):
    """Prints the version. argparse's own action wants it in advance, and finding it out takes 13 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        sys.stdout.write(f"{PROGRAM} {import_module('exporter.core.version').version()}\n")
        parser.exit()


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of a command line, by default this process's. Exits with status 2 when it is wrong."""
    options: argparse.Namespace = parser().parse_args(arguments)
    return options


def parser() -> argparse.ArgumentParser:
    """The command line."""
    common = _common_options()
    top: argparse.ArgumentParser = _Parser(
        prog=PROGRAM,
        description="Prometheus exporter for a transactional outbox in PostgreSQL.",
        epilog="Exit status: 0 good, 1 bad, 2 wrong usage or configuration, 3 unknown or unreachable.",
        parents=[common],
    )
    top.add_argument("--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="show the version and exit")
    commands = _CommandGroup(top.add_subparsers(required=True, metavar="COMMAND"), common)
    _add_exporter(commands)
    _add_files(commands)
    _add_migration(commands)
    _add_maintenance(commands)
    _add_watch(commands)
    _add_demo(commands)
    _add_help(commands)
    return top


def _default_config() -> Path | None:
    """The file that the environment names. An empty variable names none."""
    name = os.environ.get(CONFIG_VARIABLE)
    return Path(name) if name else None


def _common_options() -> argparse.ArgumentParser:
    """The options that every command takes, before or after its name. Without a default, so that neither wins by it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("options of every command")
    group.add_argument(
        "--config",
        "--config.file",
        type=Path,
        dest="config",
        metavar="FILE",
        help=f"configuration file in YAML (default: ${CONFIG_VARIABLE}; without a file, environment variables only)",
    )
    group.add_argument(
        "--web.listen-address",
        type=values.argument(values.address),
        dest="web.listen",
        metavar="ADDRESS",
        help="instead of web.listen, for instance 127.0.0.1:9721 or :9721",
    )
    group.add_argument(
        "--web.config.file",
        dest="web.config_file",
        metavar="FILE",
        help="instead of web.config_file: TLS and basic authentication",
    )
    group.add_argument(
        "--log.level",
        dest="log.level",
        choices=("debug", "info", "warning", "error"),
        help="instead of log.level",
    )
    group.add_argument("--log.format", dest="log.format", choices=("text", "json"), help="instead of log.format")
    return common


class _CommandGroup:
    """Adds commands with the options of every command."""

    def __init__(self, commands: _Commands, common: argparse.ArgumentParser) -> None:
        self._commands = commands
        self._common = common

    def add(self, name: str, reference: str, text: str) -> argparse.ArgumentParser:
        """A command that a function `module:function` of this package runs."""
        return self._add(name, text, reference)

    def group(self, name: str, text: str, subcommands: Sequence[str], default: str | None = None) -> "_CommandGroup":
        """A command that has these commands of its own; without one of them it runs `default`, if there is one."""
        parser = self._add(name, text, default)
        required = default is None
        return _CommandGroup(parser.add_subparsers(required=required, metavar="|".join(subcommands)), self._common)

    def below(self, parser: argparse.ArgumentParser, *subcommands: str) -> "_CommandGroup":
        """Commands below one that also runs without any of them."""
        return _CommandGroup(parser.add_subparsers(metavar="|".join(subcommands)), self._common)

    def _add(self, name: str, text: str, reference: str | None) -> argparse.ArgumentParser:
        parser = self._commands.add_parser(name, help=text, description=text, parents=[self._common])
        if reference is not None:
            parser.set_defaults(command=f"{__package__}.{reference}")
        return parser


def _add_exporter(commands: _CommandGroup) -> None:
    commands.add("serve", "serve:serve", "run the exporter")
    sample = commands.add("sample", "sample:sample", "sample everything once, print or write the result, and exit")
    sample.add_argument("--format", choices=("prometheus", "json"), default="prometheus", help="default: prometheus")
    sample.add_argument(
        "--output", type=Path, metavar="FILE", help="replace this file atomically, also when nothing could be sampled"
    )
    check = commands.add(
        "check-config",
        "check_config:check_config",
        "check the configuration, and every query and privilege in the database",
    )
    check.add_argument("--offline", action="store_true", help="do not connect to the database")
    _add_adopt(commands)
    diagnosis = commands.add(
        "diagnose", "diagnose:diagnose", "find the cause of an alert: follow the branches of its runbook, read-only"
    )
    diagnosis.add_argument("alert", nargs="?", metavar="ALERT", help="name of the alert; without it, those that fire")
    diagnosis.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    rules = commands.add("rules", "rules:rules", "print the alerting rules for this configuration")
    rules.add_argument(
        "--format",
        choices=tuple(RULE_FORMATS),
        default="prometheus",
        help="; ".join(f"{name}: {meaning}" for name, meaning in RULE_FORMATS.items()),
    )
    rules.add_argument(
        "--job",
        action="append",
        type=values.argument(values.job),
        default=[],
        metavar="NAME",
        help="scrape job of an outbox, instead of alerting.job; repeat it for several outboxes",
    )
    rules.add_argument("--datasource", metavar="UID", help="Grafana's data source, with --format grafana")
    backtest = commands.below(rules, "backtest").add(
        "backtest",
        "backtest:run",
        "replay the rules over the exporter's own history: which alerts would have fired, and when",
    )
    backtest.add_argument(
        "--since",
        type=_duration,
        default=BACKTEST_SINCE,
        metavar="7d",
        help=f"how far back (default: {values.format_duration(BACKTEST_SINCE)})",
    )
    backtest.add_argument(
        "--pages-per-week",
        type=values.argument(values.whole_number),
        metavar="NUMBER",
        help="propose thresholds with which at most so many pages a week would have been sent",
    )
    backtest.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def _add_adopt(commands: _CommandGroup) -> None:
    adopt = commands.add(
        "adopt", "adopt:adopt", "recognise the outbox of another library or of your own, and print its configuration"
    )
    adopt.add_argument(
        "--format",
        choices=("yaml", "json", "role", "remove-role"),
        default="yaml",
        help="yaml: the configuration, with what was found in comments (default); json; role, remove-role: the SQL "
        "scripts that make and remove the monitoring role for it",
    )
    adopt.add_argument("--profile", metavar="NAME", help="the library that is meant, if several are there")
    adopt.add_argument("--table", metavar="NAME", help="the table that is meant, with its schema or without")


def _add_files(commands: _CommandGroup) -> None:
    dashboards = commands.add(
        "dashboards", "dashboards:dashboards", "write the Grafana dashboards for this configuration below a directory"
    )
    dashboards.add_argument("directory", type=Path, metavar="DIRECTORY", help="created if it is missing")
    dashboards.add_argument("--force", action="store_true", help="replace existing files that differ")
    group = commands.group(
        "files", "rules, dashboards, runbooks, SQL scripts, examples", ("list", "show", "export"), "files:list_names"
    )
    group.add("list", "files:list_names", "print the names (default)")
    show = group.add("show", "files:show", "print one file")
    show.add_argument("name", metavar="NAME", help="a name of the list, or its last part")
    export = group.add("export", "files:export", "write every file below a directory")
    export.add_argument("directory", type=Path, metavar="DIRECTORY", help="created if it is missing")
    export.add_argument("--force", action="store_true", help="replace existing files that differ")


def _add_migration(commands: _CommandGroup) -> None:
    verify = commands.add(
        "verify", "migration:verify", "check that the migration is complete or, after a rollback, removed"
    )
    verify.add_argument("--expect", choices=("applied", "absent"), default="applied", help="default: applied")
    _add_format(verify)
    smoke = commands.add("smoke", "migration:smoke", "test the migration in one transaction that is always rolled back")
    smoke.add_argument(
        "--dsn-file",
        type=Path,
        metavar="FILE",
        help=f"a file with the connection string of a role that may write (default: ${SMOKE_DSN})",
    )
    smoke.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="value for a column of the test course that has no default; can be repeated",
    )
    smoke.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="NAME",
        help="accept the external effects of this trigger or function; can be repeated",
    )
    _add_format(smoke)
    rollback = commands.add(
        "rollback-check", "migration:rollback_check", "check whether a rollback is safe now, and what it would lose"
    )
    rollback.add_argument("--backup-dir", type=Path, metavar="DIRECTORY", help="directory of the backups")
    rollback.add_argument(
        "--max-backup-age",
        type=_duration,
        default=MAX_BACKUP_AGE,
        metavar="24h",
        help=f"maximum age of the latest backup (default: {values.format_duration(MAX_BACKUP_AGE)})",
    )
    _add_format(rollback)


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _add_maintenance(commands: _CommandGroup) -> None:
    group = commands.group("maintenance", "declare that the backlog may grow (partial rollback)", ("start", "end"))
    start = group.add("start", "maintenance:start", "start a maintenance now, or prolong it")
    start.add_argument("--for", dest="seconds", type=_duration, required=True, metavar="2h", help="maximum duration")
    start.add_argument("--reason", type=values.words, required=True, metavar="TEXT", help="reason, for the log")
    start.add_argument("--yes", action="store_true", help="start also an unusually long one without asking")
    group.add("end", "maintenance:end", "end the maintenance now")


def _add_watch(commands: _CommandGroup) -> None:
    group = commands.group(
        "watch", "control the 24-hour watch after the migration", ("start", "status", "stop", "report", "wait")
    )
    group.add("start", "watch:start", "start a watch now")
    stop = group.add("stop", "watch:stop", "stop the running watch without a verdict")
    stop.add_argument("--reason", type=values.words, default="by hand", metavar="TEXT", help="reason, for the report")
    _add_format(group.add("status", "watch:status", "show the state of the watch"))
    report = group.add("report", "watch_report:report", "print the report of a watch")
    report.add_argument("--format", choices=("html", "markdown", "json"), default="html", help="default: html")
    report.add_argument("--number", type=_number, metavar="N", help="number of an earlier watch (default: the latest)")
    report.add_argument("--output", type=Path, metavar="FILE", help="write to this file (default: standard output)")
    wait = group.add("wait", "watch:wait", "wait for the verdict and exit with its status")
    wait.add_argument(
        "--patience",
        dest="max_absence",
        type=_duration,
        default=MAX_ABSENCE,
        metavar="5m",
        help=f"how long the exporter may be down (default: {values.format_duration(MAX_ABSENCE)})",
    )
    wait.add_argument("--new", action="store_true", help="if the latest watch has ended, wait for the next one")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("expected the number of a watch")
    return int(text)


def _add_demo(commands: _CommandGroup) -> None:
    demo = commands.add("demo", "demo:demo", "run a complete outbox on this machine, with the exporter")
    demo.add_argument(
        "--port",
        type=values.argument(values.port),
        default=DEMO_PORT,
        help=f"port (default: {DEMO_PORT}; 0: a free port)",
    )
    demo.add_argument("--duration", type=_duration, metavar="60s", help="end after this time (default: at Ctrl-C)")
    demo.add_argument("--profile", metavar="NAME", help="run this library's outbox (default: the default tables)")
    demo.add_argument("--fault", metavar="NAME", help="inject this fault; an unknown name lists all faults")


def _add_help(commands: _CommandGroup) -> None:
    shown = commands.add("help", "parser:show_help", "show the help of a command, for instance: help watch wait")
    shown.add_argument("topic", nargs="*", metavar="COMMAND", help="command (default: all)")
    commands.add("version", "parser:show_version", "show the version")


def show_help(options: argparse.Namespace) -> NoReturn:
    """`help watch wait` is `watch wait --help`."""
    parser().parse_args([*options.topic, "--help"])
    sys.exit()


def show_version(_: argparse.Namespace) -> NoReturn:
    """`version` is `--version`."""
    parser().parse_args(["--version"])
    sys.exit()
