"""`maintenance start|end`: declares that the backlog may grow."""

import argparse
import sys
import time

from exporter.commands.configuration import load
from exporter.config.values import format_duration
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import utc
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError

# Seconds. Backlog alerts are muted meanwhile, and a partial rollback takes hours. A longer time may be a mistaken unit.
LONGEST_UNASKED = 7 * 86_400.0


def start(options: argparse.Namespace) -> ExitStatus:
    """Start a maintenance, or prolong it; an unusually long one after a question only."""
    file = _file(options)
    if options.seconds <= 0:
        raise ConfigError(("--for: has to be longer than 0s",))
    if not options.reason.strip():
        raise ConfigError(("--reason: give a reason, for whoever is paged meanwhile",))
    if options.seconds > LONGEST_UNASKED and not options.yes:
        _ask(options.seconds)
    try:
        window = file.start(time.time(), options.seconds, options.reason.strip())
    except MaintenanceFileError as error:
        raise ConfigError((str(error),)) from error
    output.write(f"maintenance until {_time(window.until)}, since {_time(window.started_at)}\n")
    return ExitStatus.GOOD


def end(options: argparse.Namespace) -> ExitStatus:
    """End the maintenance; ending it twice is no error."""
    try:
        ended = _file(options).end(time.time())
    except MaintenanceFileError as error:
        raise ConfigError((str(error),)) from error
    if ended is None or ended.ended_at is None:
        output.write("no maintenance was declared\n")
    else:
        lasted = format_duration(round(ended.ended_at - ended.started_at))
        output.write(f"maintenance ended after {lasted}: {ended.reason}\n")
    return ExitStatus.GOOD


def _file(options: argparse.Namespace) -> MaintenanceFile:
    return MaintenanceFile(load(options).watch.state_dir.absolute())


def _ask(seconds: float) -> None:
    """Ask on a terminal whether this is meant. Raises: ConfigError if not, and where nobody can be asked."""
    length = f"--for: {format_duration(seconds)} is longer than {format_duration(LONGEST_UNASKED)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError((f"{length}; add --yes if that is meant",))
    until = _time(time.time() + seconds)
    sys.stderr.write(f"{length}. Backlog alerts would be muted until {until}. Start it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError(("no maintenance was started",))


def _time(seconds: float) -> str:
    return utc(seconds).isoformat(timespec="seconds").replace("+00:00", "Z")
