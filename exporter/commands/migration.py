"""`verify`, `smoke` and `rollback-check`: the migration guide as commands."""

import argparse
import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from exporter.commands.database_configuration import load
from exporter.commands.parser import SMOKE_DSN
from exporter.config.settings import Config
from exporter.core import output
from exporter.core.errors import ConfigError, SampleError, Stale
from exporter.core.exit_status import ExitStatus
from exporter.database import DatabaseClient, dsn_problem, target, variables_problem
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.migration import rollback
from exporter.migration.report import CheckAnswer, CheckReport, unknown_finding
from exporter.migration.rollback_options import RollbackOptions
from exporter.migration.smoke import run as smoke_run
from exporter.migration.verify import run as verify_run
from exporter.outbox.mapping import DEFAULT

EXIT_STATUS: Mapping[CheckAnswer, ExitStatus] = MappingProxyType(
    {CheckAnswer.OK: ExitStatus.GOOD, CheckAnswer.BROKEN: ExitStatus.BAD, CheckAnswer.UNKNOWN: ExitStatus.UNKNOWN}
)


def verify(options: argparse.Namespace) -> int:
    """Unknown also for a database out of reach."""
    config = _load(options, "verify")
    with closing(DatabaseClient(config.database)) as database:
        database.open()
        try:
            with database.sample(primary_only=True) as session:
                report = verify_run.verify(session, options.expect)
        except SampleError as error:
            remedy = CONNECT_TO_PRIMARY if isinstance(error, Stale) else "try again"
            found = f"{error.reason}: {error}"
            report = CheckReport((unknown_finding("database", f"{database.target} answers", found, remedy),))
    return _print_report(options, report, database.target, config)


def smoke(options: argparse.Namespace) -> int:
    """With a connection string of its own, of a role that may write."""
    config = _load(options, "smoke")
    dsn = _smoke_dsn(options.dsn_file)
    given = dict(_pair(text) for text in options.set)
    report = smoke_run.smoke(dsn, config.database.schema, given, options.accept)
    return _print_report(options, report, target(dsn), config)


def rollback_check(options: argparse.Namespace) -> int:
    """With the latest backup, where its directory is given."""
    config = _load(options, "rollback-check")
    with closing(DatabaseClient(config.database)) as database:
        database.open()
        backups = RollbackOptions(options.backup_dir, options.max_backup_age)
        report = rollback.rollback_check(database, config.sampling, backups, time.time())
    return _print_report(options, report, database.target, config)


def _load(options: argparse.Namespace, command: str) -> Config:
    """The configuration of the tables that the migration creates. Raises: ConfigError for those of another outbox."""
    config = load(options)
    if config.outbox.mapping() != DEFAULT:
        raise ConfigError((f"outbox: {command} is about the default tables, which the migration creates",))
    return config


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


def _print_report(options: argparse.Namespace, report: CheckReport, where: str, config: Config) -> int:
    if options.format == "json":
        output.write(report.as_json(database=where, schema=config.database.schema))
    else:
        output.write(report.as_table())
    return EXIT_STATUS[report.answer]
