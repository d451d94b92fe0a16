"""The checks of the watch that is open when the exporter starts: they stay as they were when it began."""

from pathlib import Path

from alerts.watch.analysis.archive import latest
from alerts.watch.model.check import Check
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError


def open_checks(directory: Path) -> tuple[Check, ...]:
    """The checks of the open watch of a state directory; none without one, and while its history cannot be read.

    Then values of expressions of its checks are missing, and those checks unknown.
    """
    try:
        with History.reader(directory) as history:
            watch = latest(history)
    except HistoryError:
        return ()
    return watch.checks if watch is not None and watch.is_open else ()
