"""`watch start|status|stop|wait`. They talk to the running exporter through the state directory.

Exit status: 0 the verdict is PASS, 1 it is FAIL, 3 it is INCONCLUSIVE or there is none yet. Of `start` and `stop`: 0
done, 2 not possible at present, 3 no exporter runs.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from alerts.watch import clock
from alerts.watch.analysis.archive import WatchRecord, latest, load_watch
from alerts.watch.commands import progress
from alerts.watch.commands.wait import WaitOptions, wait_for_verdict
from alerts.watch.model.start import MANUAL, MIGRATION, PROBLEMS
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable, is_locked
from alerts.watch.store.records import TimelineMark, WatchRequest
from alerts.watch.store.serialization import serialize
from exporter.commands.configuration import load
from exporter.core import output, state_directory
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe

EXIT_STATUS: Mapping[Verdict, ExitStatus] = MappingProxyType(
    {Verdict.PASS: ExitStatus.GOOD, Verdict.FAIL: ExitStatus.BAD}
)

# Seconds. The exporter processes requests every fifteen seconds at least; it may be starting, or busy.
REQUEST_TIMEOUT = 30.0
_POLL = 0.2


def start(options: argparse.Namespace) -> ExitStatus:
    """Request a watch of the exporter."""
    return result(lambda: _ask(load(options).watch.state_dir.absolute(), WatchRequest("start", time.time())))


def stop(options: argparse.Namespace) -> ExitStatus:
    """Request the end of the watch."""
    request = WatchRequest("stop", time.time(), options.reason.strip())
    return result(lambda: _ask(load(options).watch.state_dir.absolute(), request))


def status(options: argparse.Namespace) -> ExitStatus:
    """Print the state of the latest watch."""
    return result(lambda: _status(options))


def wait(options: argparse.Namespace) -> ExitStatus:
    """Print the progress of the watch until it is decided."""
    settings = load(options).watch
    wait_options = WaitOptions(
        directory=settings.state_dir.absolute(),
        max_absence=options.max_absence,
        begins_by_itself=settings.start != MANUAL,
        terminal=sys.stdout.isatty(),
        new=options.new,
    )
    return result(lambda: exit_status(wait_for_verdict(wait_options, output.write)))


def result(action: Callable[[], ExitStatus]) -> ExitStatus:
    """The exit status of an action; UNKNOWN, with the reason, when the history cannot be used."""
    try:
        return action()
    except HistoryError as error:
        print(error, file=sys.stderr)
        return ExitStatus.UNKNOWN


def _status(options: argparse.Namespace) -> ExitStatus:
    settings = load(options).watch
    directory = settings.state_dir.absolute()
    with History.reader(directory) as opened:
        found = record_of(opened)
    runs = is_locked(directory)
    trouble = _trouble(directory) if settings.start == MIGRATION else ""
    if options.format == "json":
        document = {
            "state": found.watch.state.value if found else "waiting",
            "exporter_runs": runs,
            "trouble": trouble or None,
            "watch": serialize(found.watch) if found else None,
            "judgement": serialize(found.judgement) if found else None,
            "changes": serialize(found.changes) if found else [],
        }
        output.write(json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n")
    else:
        output.write(progress.table(found.watch, found.judgement, found.changes) if found else "no watch has begun\n")
    if trouble:
        print(f"no watch begins automatically: {trouble}", file=sys.stderr)
    if not runs:
        print(f"no exporter runs on {directory}", file=sys.stderr)
    return exit_status(found.watch if found else None)


def _ask(directory: Path, request: WatchRequest) -> ExitStatus:
    """Write a request to the history, and wait for the exporter's answer."""
    number = int.from_bytes(os.urandom(8)) >> 2
    deadline = time.monotonic() + REQUEST_TIMEOUT
    while not _send(directory, number, request):
        if time.monotonic() > deadline:
            problem = state_directory.problem(directory)
            raise HistoryUnavailable(
                f"no exporter runs on {directory}: " + (problem or "start it first, outbox-exporter serve")
            )
        time.sleep(_POLL)
    answer = _answer(directory, number, deadline)
    if answer is None:
        raise HistoryUnavailable(f"the exporter on {directory} does not answer; its log and its status page say why")
    if not answer.granted:
        raise ConfigError((answer.answer,))
    output.write(f"{answer.answer}\n")
    return ExitStatus.GOOD


def _send(directory: Path, number: int, request: WatchRequest) -> bool:
    """Write the request; False while no exporter runs."""
    if not is_locked(directory):
        return False
    try:
        with History.client(directory) as opened:
            opened.put(number, request)
    except HistoryUnavailable:
        return False  # the file is missing or busy
    return True


def _answer(directory: Path, number: int, deadline: float) -> WatchRequest | None:
    """The processed request; None when there is no answer in time, after deleting the request."""
    with History.client(directory) as opened:
        while True:
            request = opened.get(WatchRequest, number)
            if request is not None and request.answer:
                return request
            if time.monotonic() > deadline:
                with opened.transaction():
                    opened.drop(WatchRequest, number)
                return None
            time.sleep(_POLL)


def record_of(history: History, number: int | None = None) -> WatchRecord | None:
    """The watch of that number, or the latest. Raises: HistoryError."""
    watch = latest(history) if number is None else history.get(Watch, number)
    return load_watch(history, watch, clock.now()) if watch else None


def _trouble(directory: Path) -> str:
    """Why the exporter cannot read the applied migrations; empty when it can."""
    with History.reader(directory) as opened:
        return next((text for number, text in PROBLEMS.items() if opened.get(TimelineMark, number)), "")


def exit_status(watch: Watch | None) -> ExitStatus:
    """The status of the verdict."""
    verdict = watch.verdict if watch else None
    return EXIT_STATUS.get(verdict, ExitStatus.UNKNOWN) if verdict else ExitStatus.UNKNOWN
