"""The commands `watch start|status|stop|report|wait`. They talk to the running exporter through the state directory.

Exit status: 0 the verdict is PASS, 1 it is FAIL, 3 it is INCONCLUSIVE or there is none yet. Of `start` and `stop`: 0
done, 2 not possible at present, 3 no exporter runs.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from alerts.watch import clock
from alerts.watch.analysis.archive import WatchRecord, latest, load_watch
from alerts.watch.commands import progress
from alerts.watch.commands.wait import WaitOptions, wait
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.runtime.start import MANUAL, MIGRATION, PROBLEMS
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable, is_locked
from alerts.watch.store.records import TimelineMark, WatchRequest
from alerts.watch.store.serialization import serialize
from exporter.config.settings import Config
from exporter.config.values import argument, duration, format_duration, words
from exporter.core import state_directory
from exporter.core.errors import ConfigError
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe

EXIT_STATUS: Mapping[Verdict, ExitStatus] = MappingProxyType(
    {Verdict.PASS: ExitStatus.GOOD, Verdict.FAIL: ExitStatus.BAD}
)

# Seconds. The exporter processes requests every fifteen seconds at least; it may be starting, or busy.
REQUEST_TIMEOUT = 30.0
_POLL = 0.2
_AWAY = 300.0

# argparse gives what add_subparsers returns no public name.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - for types alone


@dataclass(frozen=True, slots=True)
class WatchContext:
    """The functions of the command line that the commands use.

    `load` reads the configuration, `say` prints a text at once, `where` names the database without secrets.
    """

    load: Callable[[Path | None], Config]
    say: Callable[[str], None]
    where: Callable[[Config], str]
    version: Callable[[], str]


def add_commands(commands: Commands, context: WatchContext) -> None:
    """Add `watch` with its subcommands. Each sets `command` to a function of the options; it may raise ConfigError."""
    parser = commands.add_parser("watch", help="control the 24-hour watch after the migration")
    subcommands = parser.add_subparsers(required=True, metavar="start|status|stop|report|wait")
    _add(subcommands, "start", "start a watch now", context, _start)
    stop = _add(subcommands, "stop", "stop the running watch without a verdict", context, _stop)
    stop.add_argument("--reason", type=words, default="by hand", metavar="TEXT", help="reason, for the report")
    status = _add(subcommands, "status", "show the state of the watch", context, _status)
    status.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    report = _add(subcommands, "report", "print the report of a watch", context, _report)
    report.add_argument("--format", choices=("html", "markdown", "json"), default="html", help="default: html")
    report.add_argument("--number", type=_number, metavar="N", help="number of an earlier watch (default: the latest)")
    report.add_argument("--output", type=Path, metavar="FILE", help="write to this file (default: standard output)")
    waiting = _add(subcommands, "wait", "wait for the verdict and exit with its status", context, _wait)
    waiting.add_argument(
        "--patience",
        type=argument(duration),
        default=_AWAY,
        metavar="5m",
        help=f"how long the exporter may be down (default: {format_duration(_AWAY)})",
    )
    waiting.add_argument("--new", action="store_true", help="if the latest watch has ended, wait for the next one")


Action = Callable[[argparse.Namespace, Config, WatchContext], int]


def _add(commands: Commands, name: str, text: str, context: WatchContext, action: Action) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(command=lambda options: _run(options, context, action))
    return parser


def _run(options: argparse.Namespace, context: WatchContext, action: Action) -> int:
    try:
        return action(options, context.load(options.config), context)
    except HistoryError as error:
        print(error, file=sys.stderr)  # noqa: T201 - an error message
        return ExitStatus.UNKNOWN


def _start(_: argparse.Namespace, config: Config, context: WatchContext) -> int:
    return _ask(config, context, WatchRequest("start", time.time()))


def _stop(options: argparse.Namespace, config: Config, context: WatchContext) -> int:
    return _ask(config, context, WatchRequest("stop", time.time(), options.reason.strip()))


def _status(options: argparse.Namespace, config: Config, context: WatchContext) -> int:
    directory = config.watch.state_dir
    found = _load_watch(directory, None)
    runs = is_locked(directory)
    trouble = _trouble(directory) if config.watch.start == MIGRATION else ""
    if options.format == "json":
        document = {
            "state": found.watch.state.value if found else "waiting",
            "exporter_runs": runs,
            "trouble": trouble or None,
            "watch": serialize(found.watch) if found else None,
            "judgement": serialize(found.judgement) if found else None,
        }
        context.say(json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n")
    else:
        context.say(progress.table(found.watch, found.judgement) if found else "no watch has begun\n")
    if trouble:
        print(f"no watch begins automatically: {trouble}", file=sys.stderr)  # noqa: T201 - a warning
    if not runs:
        print(f"no exporter runs on {directory}", file=sys.stderr)  # noqa: T201 - a warning
    return _exit_status(found.watch if found else None)


def _report(options: argparse.Namespace, config: Config, context: WatchContext) -> int:
    # Imported here to save the exporter's memory: it writes no reports.
    from alerts.watch import report  # noqa: PLC0415

    found = _load_watch(config.watch.state_dir, options.number)
    if found is None:
        raise HistoryUnavailable(
            "no watch has begun" if options.number is None else f"there is no watch {options.number}"
        )
    forms = {"html": report.html, "markdown": report.markdown, "json": report.json_text}
    text = forms[options.format](
        report.WatchReport(
            watch=found.watch,
            judgement=found.judgement,
            ticks=found.ticks,
            made_at=time.time(),
            version=context.version(),
            database=context.where(config),
            comparison=found.comparison,
            settings=_settings(found.watch),
        )
    )
    if options.output is None:
        context.say(text)
    else:
        _write(options.output, text)
    return _exit_status(found.watch)


def _wait(options: argparse.Namespace, config: Config, context: WatchContext) -> int:
    wait_options = WaitOptions(
        directory=config.watch.state_dir,
        max_absence=options.patience,
        begins_by_itself=config.watch.start != MANUAL,
        terminal=sys.stdout.isatty(),
        new=options.new,
    )
    return _exit_status(wait(wait_options, context.say))


def _ask(config: Config, context: WatchContext, request: WatchRequest) -> int:
    """Write a request to the history, and wait for the exporter's answer."""
    directory, number = config.watch.state_dir, secrets.randbits(62)
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
    context.say(f"{answer.answer}\n")
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


def _load_watch(directory: Path, number: int | None) -> WatchRecord | None:
    with History.reader(directory) as opened:
        watch = latest(opened) if number is None else opened.get(Watch, number)
        return load_watch(opened, watch, clock.now()) if watch else None


def _trouble(directory: Path) -> str:
    """Why the exporter cannot read the applied migrations; empty when it can."""
    with History.reader(directory) as opened:
        return next((text for number, text in PROBLEMS.items() if opened.get(TimelineMark, number)), "")


def _exit_status(watch: Watch | None) -> int:
    verdict = watch.verdict if watch else None
    return EXIT_STATUS.get(verdict, ExitStatus.UNKNOWN) if verdict else ExitStatus.UNKNOWN


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


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("expected the number of a watch")
    return int(text)
