"""Waits for the verdict of a watch, and prints its progress on a terminal or in a log."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.watch import clock
from alerts.watch.analysis import messages
from alerts.watch.analysis.archive import elapsed_of, latest, ticks_of
from alerts.watch.clock import WatchTime
from alerts.watch.commands import progress
from alerts.watch.model.result import Judgement
from alerts.watch.model.watch import Watch
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError, is_locked
from exporter.config.values import format_duration

if TYPE_CHECKING:
    from alerts.watch.analysis.verdict import WatchEvaluator

# Seconds between reads of the history.
POLL = 1.0
# Seconds between progress lines in a log. Changes are printed at once.
EVERY = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """`max_absence` is how long the exporter may be away, seconds. `new`: ignore a watch that is decided already.

    `begins_by_itself`: `watch.start` begins one. `terminal`: print to a terminal, not to a log.
    """

    directory: Path
    max_absence: float
    begins_by_itself: bool
    terminal: bool
    new: bool = False


def wait_for_verdict(
    options: WaitOptions,
    say: Say,
    now: Callable[[], WatchTime] = clock.now,
    sleep: Callable[[float], None] = time.sleep,
) -> Watch | None:
    """The watch when it is decided; None without a watch, or when the exporter stays away."""
    return _Waiter(options, say).until_decided(now, sleep)


class _Waiter:
    """Follows the latest watch of a directory. It reads new ticks only, and evaluates them as the exporter does."""

    def __init__(self, options: WaitOptions, say: Say) -> None:
        self._options = options
        self._output = _TerminalOutput(say) if options.terminal else _LogOutput(say)
        self._ignored: int | None = None  # the number of a watch that is decided already, 0 for none
        self._evaluator: WatchEvaluator | None = None
        self._last_tick = -1.0
        self._watch: Watch | None = None
        self._judgement: Judgement | None = None
        self._exporter_seen = 0.0
        self._trouble = ""

    def until_decided(self, now: Callable[[], WatchTime], sleep: Callable[[float], None]) -> Watch | None:
        self._exporter_seen = now().steady
        while True:
            reading = now()
            self._update(reading)
            if self._watch and self._watch.verdict is not None:
                self._conclude(self._watch)
                return self._watch
            if reason := self._give_up(reading):
                self._output.tell(reason)
                return None
            sleep(POLL)

    def _update(self, now: WatchTime) -> None:
        before = self._judgement
        try:
            with History.reader(self._options.directory) as opened:
                self._read(opened, now)
            self._trouble = ""
        except HistoryError as error:
            self._trouble = str(error)
        if self._watch and self._judgement:
            for text in progress.news(before, self._judgement):
                self._output.tell(text)
            self._output.show(progress.line(self._watch, self._judgement), now.steady)

    def _read(self, opened: History, now: WatchTime) -> None:
        """Read the watch and its new ticks."""
        watch = opened.get(Watch, self._watch.number) if self._watch else latest(opened)
        if watch and self._options.new and self._ignored is None:
            self._ignored = watch.number if watch.verdict is not None else 0
        self._watch = watch = None if watch and watch.number == self._ignored else watch
        if watch is None:
            return
        if watch.verdict is not None:
            self._judgement = opened.get(Judgement, watch.number) or self._judgement
            return
        self._evaluator = self._evaluator or _evaluator_of(watch)
        for tick in ticks_of(opened, watch, self._last_tick):
            self._evaluator.add(tick)
            self._last_tick = tick.elapsed
        self._judgement = self._evaluator.judgement(now.at, elapsed_of(opened, watch, now), final=False)

    def _give_up(self, now: WatchTime) -> str:
        """The reason to stop waiting; empty to go on."""
        directory, max_absence = self._options.directory, self._options.max_absence
        if is_locked(directory):
            self._exporter_seen = now.steady
            if self._watch or self._options.begins_by_itself or self._options.new or self._trouble:
                return ""
            return "no watch has begun: outbox-exporter watch start"
        if now.steady - self._exporter_seen < max_absence:
            return ""
        return self._trouble or f"no exporter has been running on {directory} for {format_duration(max_absence)}"

    def _conclude(self, watch: Watch) -> None:
        self._output.tell(f"watch {watch.number}: {messages.headline(watch.verdict, watch.checks)}")
        if self._judgement:
            for text in (self._judgement.summary, *self._judgement.reasons):
                self._output.tell(text)


class _LogOutput:
    """Plain lines."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._shown: float | None = None

    def tell(self, text: str) -> None:
        self._say(f"{text}\n")

    def show(self, text: str, now: float) -> None:
        if self._shown is None or now - self._shown >= EVERY:
            self._shown = now
            self._say(f"{text}\n")


class _TerminalOutput:
    """One line that is redrawn, and messages above it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._line = ""

    def tell(self, text: str) -> None:
        self._say(f"\r\x1b[K{text}\n{self._line}")

    def show(self, text: str, _: float) -> None:
        self._line = text[: max(shutil.get_terminal_size().columns - 1, 20)]
        self._say(f"\r\x1b[K{self._line}")


def _evaluator_of(watch: Watch) -> "WatchEvaluator":
    # Imported now: before a watch begins, and for a decided one, there is nothing to evaluate.
    evaluator: WatchEvaluator = import_module("alerts.watch.analysis.verdict").WatchEvaluator(watch)
    return evaluator
