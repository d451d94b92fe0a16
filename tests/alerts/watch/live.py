"""An exporter's recorder at work in real time, many times faster than one: a tick every few hundredths of a second."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from alerts.model import Evaluation
from alerts.watch import clock
from alerts.watch.runtime.recorder import WatchRecorder
from exporter.config.settings import WatchSettings
from exporter.core.types import Seconds
from tests.alerts.watch import fixtures, scenario

INTERVAL = 0.05
# Five minutes become three seconds: a busy machine holds threads up.
SCALE = 0.01
# Budgets that have to be scaled for a healthy outbox.
SHORT = ("outbox:oldest_open_age_seconds", "outbox:processing_time_p95_seconds", "outbox:drain_time_seconds")

STARTS = 'outbox_app_fsm_initializations_total{result="succeeded"}'


class Exporter:
    """Adds ticks of a healthy outbox for a whole watch; `shown` changes their values, by signal.

    A machine may delay a watch of four seconds by a few tenths; it still has enough ticks to pass.
    """

    def __init__(self, directory: Path, duration: float = 4.0, start: str = "manual") -> None:
        self.shown: dict[str, float] = {}
        factory = fixtures.factory(duration, interval=INTERVAL, scale=SCALE)
        self.recorder = WatchRecorder(WatchSettings(Seconds(duration), start, directory), factory)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def evaluate(self) -> None:
        """One tick, now."""
        moment = clock.now()
        values = fixtures.values((moment.at - fixtures.START) * 100, moment.at)
        values |= {name: values[name] * SCALE for name in SHORT}
        values[STARTS] *= 10  # in four seconds enough to exclude 1.5 %
        values |= {f"outbox:{name}": value for name, value in self.shown.items()}
        states = scenario.collectors(values, moment.at, time.monotonic())
        signals = {name: value for name, value in values.items() if name.startswith("outbox:")}
        self.recorder.observe(Evaluation(moment.at, signals, (), ()), states, moment)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            self.evaluate()
            due += INTERVAL
            time.sleep(max(0.0, due - time.monotonic()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.recorder.close()
