"""`watch report`: the report of a watch."""

import argparse
import time
from pathlib import Path

from alerts.watch import report as reports
from alerts.watch.analysis.earlier import compare_with_earlier
from alerts.watch.model.watch import Watch
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryUnavailable
from exporter.commands.configuration import load
from exporter.commands.watch import exit_status, record_of, result
from exporter.config.values import format_duration
from exporter.core import output
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.version import version

_FORMATS = {"html": reports.html, "markdown": reports.markdown, "json": reports.json_text}


def report(options: argparse.Namespace) -> ExitStatus:
    """Print the report, or write it to a file; the status is that of the verdict."""
    return result(lambda: _report(options))


def _report(options: argparse.Namespace) -> ExitStatus:
    config = load(options)
    with History.reader(config.watch.state_dir.absolute()) as opened:
        found = record_of(opened, options.number)
        if found is None:
            raise HistoryUnavailable(
                "no watch has begun" if options.number is None else f"there is no watch {options.number}"
            )
        comparison = compare_with_earlier(opened, found.watch, found.ticks)
    text = _FORMATS[options.format](
        reports.WatchReport(
            watch=found.watch,
            judgement=found.judgement,
            ticks=found.ticks,
            made_at=time.time(),
            version=version(),
            comparison=comparison,
            changes=found.changes,
            settings=_settings(found.watch),
        )
    )
    if options.output is None:
        output.write(text)
    else:
        _write(options.output, text)
    return exit_status(found.watch)


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
