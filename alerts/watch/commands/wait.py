"""Waits for a verdict: progress on a terminal, plain lines in a log."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alerts.watch import clock
from alerts.watch.clock import ClockReading
from alerts.watch.commands import progress
from alerts.watch.commands.follow import Follower
from alerts.watch.model import Judgement, Watch
from alerts.watch.store.lock_file import HistoryError, is_locked
from exporter.config.values import format_duration

POLL = 1.0
# A log is read afterwards: a line a minute tells that it goes on, and what happens is told when it happens.
EVERY = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """What to wait for.

    `patience` is how long the exporter may be away, seconds. `new`: not for a watch that is over already.
    """

    directory: Path
    patience: float
    begins_by_itself: bool
    terminal: bool
    new: bool = False


def wait(
    waiting: WaitOptions,
    say: Say,
    now: Callable[[], ClockReading] = clock.now,
    sleep: Callable[[float], None] = time.sleep,
) -> Watch | None:
    """The watch once it is decided; None when that will not happen: there is none, or the exporter stays away."""
    return _Waiter(waiting, say).until_decided(now, sleep)


class _Waiter:
    def __init__(self, waiting: WaitOptions, say: Say) -> None:
        self._waiting = waiting
        self._follower = Follower(waiting.directory, new=waiting.new)
        self._screen = _TerminalOutput(say) if waiting.terminal else _LogOutput(say)
        self._before: Judgement | None = None
        self._here = 0.0
        self._trouble = ""

    def until_decided(self, now: Callable[[], ClockReading], sleep: Callable[[float], None]) -> Watch | None:
        self._here = now().steady
        while True:
            moment = now()
            self._look(moment)
            watch = self._follower.watch
            if watch and watch.verdict is not None:
                self._conclude(watch)
                return watch
            if reason := self._hopeless(moment):
                self._screen.tell(reason)
                return None
            sleep(POLL)

    def _look(self, moment: ClockReading) -> None:
        try:
            self._follower.look(moment)
            self._trouble = ""
        except HistoryError as error:
            self._trouble = str(error)
        watch, judgement = self._follower.watch, self._follower.judgement
        if watch and judgement:
            for text in progress.news(self._before, judgement):
                self._screen.tell(text)
            self._screen.show(progress.line(watch, judgement), moment.steady)
            self._before = judgement

    def _hopeless(self, moment: ClockReading) -> str:
        """Why there is nothing to wait for; nothing when there is."""
        directory, patience = self._waiting.directory, self._waiting.patience
        if is_locked(directory):
            self._here = moment.steady
            if self._follower.watch or self._waiting.begins_by_itself or self._waiting.new or self._trouble:
                return ""
            return "no watch has begun: outbox-exporter watch start"
        if moment.steady - self._here < patience:
            return ""
        return self._trouble or f"no exporter runs on {directory}, for {format_duration(patience)} now"

    def _conclude(self, watch: Watch) -> None:
        judgement = self._follower.judgement
        self._screen.tell(f"watch {watch.number}: {watch.verdict}")
        if judgement:
            for text in (judgement.summary, *judgement.reasons):
                self._screen.tell(text)


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
    """One line that is drawn anew, and above it what happened."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._line = ""

    def tell(self, text: str) -> None:
        self._say(f"\r\x1b[K{text}\n{self._line}")

    def show(self, text: str, _: float) -> None:
        self._line = text[: max(shutil.get_terminal_size().columns - 1, 20)]
        self._say(f"\r\x1b[K{self._line}")
