"""A process for the kill test: it evaluates as fast as the disk allows, and its parent kills it again and again.

Run as `python -m tests.alerts.watch.process_under_test DIRECTORY KILLS EVALUATIONS BACKLOG SCALE`. Each evaluation is
one interval after the previous one, however long it takes. Its number is written to `progress`: before it with `t`,
after it with `c` if it is on disk. Processes are forked, so that modules are imported only once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from alerts.model import Evaluation
from alerts.watch.clock import WatchTime
from alerts.watch.runtime.recorder import WatchRecorder
from alerts.watch.runtime.watch_manager import WatchFactory
from alerts.watch.store import database_file
from exporter.config.settings import WatchSettings
from exporter.core.types import Seconds
from tests.alerts.watch import fixtures, scenario

INTERVAL = fixtures.INTERVAL


@dataclass(frozen=True)
class KillScenario:
    """The watch: the number of ticks, and the backlog. `scale` stretches the budgets for all the gaps."""

    directory: Path
    ticks: int
    kills: int
    backlog: float
    scale: float

    @property
    def factory(self) -> WatchFactory:
        return fixtures.factory(self.ticks * INTERVAL, scale=self.scale)

    @property
    def evaluations_per_run(self) -> float:
        """So many ticks a run makes before it waits to be killed: else a quick machine needs a few runs for all."""
        return 1.5 * self.ticks / self.kills


def evaluation_numbers(directory: Path, kind: str) -> list[int]:
    """The ticks that were begun, `t`, or made, `c`."""
    path = directory / "progress"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line[2:]) for line in lines if line.startswith(kind)]


def child(kill_scenario: KillScenario, *, to_the_end: bool) -> None:
    """Look, for ever or until the watch is over."""
    notes = os.open(kill_scenario.directory / "progress", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    recorder = WatchRecorder(
        WatchSettings(Seconds(kill_scenario.ticks * INTERVAL), "migration", kill_scenario.directory),
        kill_scenario.factory,
    )
    number = before = len(evaluation_numbers(kill_scenario.directory, "t"))
    while not to_the_end or recorder.view.watch is None or recorder.view.watch.closed_at is None:
        while not to_the_end and number - before > kill_scenario.evaluations_per_run:
            time.sleep(1)
        number += 1
        elapsed = number * INTERVAL
        moment = WatchTime(fixtures.START + elapsed, elapsed, "boot")
        values = {**fixtures.values(elapsed, moment.at), "outbox:backlog_jobs": kill_scenario.backlog}
        values["outbox_app_fallback_activations_total"] = 0  # scaled, five minutes are hours
        states = scenario.collectors(values, moment.at, moment.steady)
        signals = {name: value for name, value in values.items() if name.startswith("outbox:")}
        os.write(notes, f"t {number}\n".encode())
        recorder.observe(Evaluation(moment.at, signals, (), ()), states, moment, moment.steady)
        if not recorder.view.trouble:
            os.write(notes, f"c {number}\n".encode())
    recorder.close(moment)


def kill_at_random(pid: int, notes: Path, rng: random.Random) -> None:
    """While it starts, or at some moment after its first tick."""
    if rng.random() > 0.2:  # one in five never gets that far
        before, deadline = size(notes), time.monotonic() + 10
        while size(notes) < before + len("t 1\nc 1\n") and time.monotonic() < deadline:
            time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.03))
    os.kill(pid, signal.SIGKILL)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def main() -> None:
    kills, ticks = int(sys.argv[2]), int(sys.argv[3])
    kill_scenario = KillScenario(Path(sys.argv[1]), ticks, kills, float(sys.argv[4]), float(sys.argv[5]))
    rng = random.Random(1)
    kill_scenario.factory.watch(1, "", WatchTime(0, 0, ""), 0.0)  # loads everything once
    for number in range(kills + 1):
        if number == kills:
            database_file.SYNCHRONOUS = "OFF"
        pid = os.fork()
        if pid == 0:
            try:
                child(kill_scenario, to_the_end=number == kills)
            finally:
                os._exit(0)
        if number < kills:
            kill_at_random(pid, kill_scenario.directory / "progress", rng)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
