"""`watch report`: the report of a watch."""

import argparse
import time
from pathlib import Path

from alerts.watch import report as reports
from alerts.watch.analysis.archive import WatchRecord
from alerts.watch.model.watch import Watch
from alerts.watch.store.lock_file import HistoryUnavailable
from exporter.commands.database_configuration import load
from exporter.commands.watch import exit_status, load_record, result
from exporter.config.values import format_duration
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.version import version
from exporter.database import target

_FORMATS = {"html": reports.html, "markdown": reports.markdown, "json": reports.json_text}


def report(options: argparse.Namespace) -> ExitStatus:
    """Print the report, or write it to a file; the status is that of the verdict."""
    return result(lambda: _report(options))


def _report(options: argparse.Namespace) -> ExitStatus:
    config = load(options)
    found = load_record(config.watch.state_dir, options.number)
    if found is None:
        raise HistoryUnavailable(
            "no watch has begun" if options.number is None else f"there is no watch {options.number}"
        )
    text = _FORMATS[options.format](_content(found, target(config.database.dsn.reveal())))
    if options.output is None:
        output.write(text)
    else:
        _write(options.output, text)
    return exit_status(found.watch)


def _content(found: WatchRecord, database: str) -> reports.WatchReport:
    return reports.WatchReport(
        watch=found.watch,
        judgement=found.judgement,
        ticks=found.ticks,
        made_at=time.time(),
        version=version(),
        database=database,
        comparison=found.comparison,
        settings=_settings(found.watch),
    )


def _settings(watch: Watch) -> dict[str, str]:
    """The settings that the verdict depends on, beside the checks."""
    return {
        "watch.duration": format_duration(watch.duration),
        "interval": format_duration(watch.interval),
        "alerting.time_scale": f"{watch.time_scale:g}",
        "begun by": watch.begun_by,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError((f"--output {path}: {error.strerror}",)) from error
