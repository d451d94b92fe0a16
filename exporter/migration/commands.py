"""The commands `verify`, `smoke`, `rollback-check` and `maintenance`: arguments, output, exit status.

Exit status: 0 good, 1 the thing asked about is bad, 2 wrong usage or configuration, 3 unknown or unreachable.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from exporter.config.settings import Config
from exporter.config.values import argument, duration, format_duration, words
from exporter.core.errors import ConfigError, SampleError, Stale
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import utc
from exporter.database import DatabaseClient, dsn_problem, target, variables_problem
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError
from exporter.migration.report import CheckAnswer, CheckReport, unknown_finding
from exporter.migration.rollback import MAX_BACKUP_AGE, RollbackOptions, rollback_check
from exporter.migration.verify.run import verify

EXIT_STATUS: Mapping[CheckAnswer, ExitStatus] = MappingProxyType(
    {CheckAnswer.OK: ExitStatus.GOOD, CheckAnswer.BROKEN: ExitStatus.BAD, CheckAnswer.UNKNOWN: ExitStatus.UNKNOWN}
)
SMOKE_DSN = "OUTBOX_SMOKE_DSN"

# argparse gives what add_subparsers returns no public name.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - for types alone


@dataclass(frozen=True, slots=True)
class MigrationContext:
    """What the command line provides to the commands.

    `load` reads the configuration, `state_directory` names its directory for state, `write` prints whole lines.
    """

    load: Callable[[Path | None], Config]
    state_directory: Callable[[Config], Path]
    write: Callable[[str], None]


def add_commands(commands: Commands, context: MigrationContext) -> None:
    """Add `verify`, `smoke`, `rollback-check` and `maintenance`; each sets `command`, a function of the options.

    These functions return the exit status and raise ConfigError.
    """
    for add in (_add_verify, _add_smoke, _add_rollback_check, _add_maintenance):
        add(commands, context)


def _add_verify(commands: Commands, context: MigrationContext) -> None:
    parser = commands.add_parser("verify", help="check that the migration is complete or, after a rollback, removed")
    parser.add_argument("--expect", choices=("applied", "absent"), default="applied", help="default: applied")
    _add_format(parser)
    parser.set_defaults(command=lambda options: _verify(options, context))


def _add_smoke(commands: Commands, context: MigrationContext) -> None:
    parser = commands.add_parser("smoke", help="test the migration in one transaction that is always rolled back")
    parser.add_argument(
        "--dsn-file",
        type=Path,
        metavar="FILE",
        help=f"a file with the connection string of a role that may write (default: ${SMOKE_DSN})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="value for a column of the test course that has no default; can be repeated",
    )
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="NAME",
        help="accept the external effects of this trigger or function; can be repeated",
    )
    _add_format(parser)
    parser.set_defaults(command=lambda options: _smoke(options, context))


def _add_rollback_check(commands: Commands, context: MigrationContext) -> None:
    parser = commands.add_parser("rollback-check", help="check whether a rollback is safe now, and what it would lose")
    parser.add_argument("--backup-dir", type=Path, metavar="DIRECTORY", help="directory of the backups")
    parser.add_argument(
        "--max-backup-age",
        type=argument(duration),
        default=MAX_BACKUP_AGE,
        metavar="24h",
        help=f"maximum age of the latest backup (default: {format_duration(MAX_BACKUP_AGE)})",
    )
    _add_format(parser)
    parser.set_defaults(command=lambda options: _rollback_check(options, context))


def _add_maintenance(commands: Commands, context: MigrationContext) -> None:
    def maintenance_file(options: argparse.Namespace) -> MaintenanceFile:
        return MaintenanceFile(context.state_directory(context.load(options.config)))

    parser = commands.add_parser("maintenance", help="declare that the backlog may grow (partial rollback)")
    acts = parser.add_subparsers(required=True, metavar="start|end")
    start = acts.add_parser("start", help="start a maintenance now, or prolong it")
    start.add_argument(
        "--for", dest="seconds", type=argument(duration), required=True, metavar="2h", help="maximum duration"
    )
    start.add_argument("--reason", type=words, required=True, metavar="TEXT", help="reason, for the log")
    start.set_defaults(command=lambda options: _start(options, maintenance_file(options), context.write))
    end = acts.add_parser("end", help="end the maintenance now")
    end.set_defaults(command=lambda options: _end(maintenance_file(options), context.write))


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def _verify(options: argparse.Namespace, context: MigrationContext) -> int:
    config = context.load(options.config)
    with closing(DatabaseClient(config.database)) as database:
        database.open()
        try:
            with database.sample(primary_only=True) as session:
                report = verify(session, options.expect)
        except SampleError as error:
            remedy = CONNECT_TO_PRIMARY if isinstance(error, Stale) else "try again"
            found = f"{error.reason}: {error}"
            report = CheckReport((unknown_finding("database", f"{database.target} answers", found, remedy),))
    return _print_report(context, options, report, database.target, config)


def _smoke(options: argparse.Namespace, context: MigrationContext) -> int:
    # Not at the top: the exporter does not use it and would need half a megabyte more memory.
    from exporter.migration.smoke.run import smoke  # noqa: PLC0415

    config = context.load(options.config)
    dsn = _smoke_dsn(options.dsn_file)
    given = dict(_pair(text) for text in options.set)
    report = smoke(dsn, config.database.schema, given, options.accept)
    return _print_report(context, options, report, target(dsn), config)


def _rollback_check(options: argparse.Namespace, context: MigrationContext) -> int:
    config = context.load(options.config)
    with closing(DatabaseClient(config.database)) as database:
        database.open()
        backups = RollbackOptions(options.backup_dir, options.max_backup_age)
        report = rollback_check(database, config.sampling, backups, time.time())
    return _print_report(context, options, report, database.target, config)


def _start(options: argparse.Namespace, maintenance_file: MaintenanceFile, write: Callable[[str], None]) -> int:
    if options.seconds <= 0:
        raise ConfigError(("--for: has to be longer than 0s",))
    if not options.reason.strip():
        raise ConfigError(("--reason: give a reason, for whoever is paged meanwhile",))
    try:
        window = maintenance_file.start(time.time(), options.seconds, options.reason.strip())
    except MaintenanceFileError as error:
        raise ConfigError((str(error),)) from error
    write(f"maintenance until {_time(window.until)}, since {_time(window.started_at)}\n")
    return 0


def _end(maintenance_file: MaintenanceFile, write: Callable[[str], None]) -> int:
    """Ending it twice is no error."""
    try:
        ended = maintenance_file.end(time.time())
    except MaintenanceFileError as error:
        raise ConfigError((str(error),)) from error
    if ended is None or ended.ended_at is None:
        write("no maintenance was declared\n")
    else:
        lasted = format_duration(round(ended.ended_at - ended.started_at))
        write(f"maintenance ended after {lasted}: {ended.reason}\n")
    return 0


def _smoke_dsn(file: Path | None) -> str:
    """The writing role's connection string, never the monitoring role's. Raises: ConfigError."""
    try:
        dsn = file.read_text("utf-8").strip() if file else os.environ.get(SMOKE_DSN, "").strip()
    except (OSError, ValueError) as error:
        # The name of the file is not shown: it may be the connection string itself.
        reason = error.strerror if isinstance(error, OSError) else "it does not hold text"
        raise ConfigError((f"--dsn-file: the file cannot be read: {reason}",)) from error
    if not dsn:
        raise ConfigError((f"smoke needs a role that may write: --dsn-file FILE, or the variable {SMOKE_DSN}",))
    if problem := dsn_problem(dsn):
        raise ConfigError((f"{'--dsn-file' if file else SMOKE_DSN}: {problem}",))
    if problem := variables_problem(dsn):
        raise ConfigError((problem,))
    return dsn


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise ConfigError((f"--set {text}: expected COLUMN=VALUE",))
    return name, value


def _print_report(
    context: MigrationContext, options: argparse.Namespace, report: CheckReport, where: str, config: Config
) -> int:
    if options.format == "json":
        context.write(report.as_json(database=where, schema=config.database.schema))
    else:
        context.write(report.as_table())
    return EXIT_STATUS[report.answer]


def _time(seconds: float) -> str:
    return utc(seconds).isoformat(timespec="seconds").replace("+00:00", "Z")
