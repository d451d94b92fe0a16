"""Lets the faults of every world happen, side by side, and notes what came to the pager and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.model import RuleKey, Severity
from tests.alerts import pager
from tests.alerts.alertmanager import alertmanager, scaled_config
from tests.alerts.pager import Pager, ReceivedAlert
from tests.end_to_end.prometheus import Prometheus
from tests.matrix import servers
from tests.matrix.faults import FAULTS_BY_LAB, FaultsByLab, MachineTooSlowError, MatrixFault
from tests.matrix.time_scale import SCALE, minutes
from tests.matrix.world import MonitoredLab, running_lab
from tests.newest import Require
from tests.requirements import require_program

# Until an alert arrives, or is over: far more than any takes, so that a slow machine is told from a missing alert.
DEADLINE: Final = 150.0
# What windows look back on has to be filled before the first fault.
WARM_UP: Final = minutes(6)
# How often to look whether something has happened. The pager notes by itself when it did.
_STEP: Final = 0.5
_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What came of one fault. Units: Unix seconds.

    `there_at` is when it was in force: a processor that is stopped ends its batch first. `calm_at` is None when not all
    was over in time.
    """

    world: str
    began_at: float
    active_at: float
    ended_at: float
    recovered_at: float | None
    received: tuple[ReceivedAlert, ...]

    @property
    def told(self) -> dict[RuleKey, float]:
        """When each alert first arrived."""
        first: dict[RuleKey, float] = {}
        for each in self.received:
            if each.status == "firing":
                first.setdefault(key(each), each.at)
        return first

    @property
    def resolved_at(self) -> dict[RuleKey, float]:
        """When the end of each alert was last told."""
        return {key(each): each.at for each in self.received if each.status == "resolved"}

    @property
    def pages(self) -> set[RuleKey]:
        """Those that wake somebody."""
        return {each for each in self.told if each.severity is Severity.PAGE}

    @property
    def unresolved(self) -> set[RuleKey]:
        """Those whose end was not told. A ticket that its page muted before it was over is among them."""
        return unresolved(self.received)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Everything that was played, by fault.

    `watchdog` are the beats, `seen` what Prometheus knows of worlds, `complaints` what Prometheus and Alertmanager
    wrote that is not just information.
    """

    played: Mapping[str, FaultResult]
    watchdog: tuple[ReceivedAlert, ...]
    seen: Mapping[str, Mapping[str, float]]
    log_warnings: tuple[str, ...]


def key(received: ReceivedAlert) -> RuleKey:
    """The rule that it is about."""
    return RuleKey(received.name, Severity(received.labels["severity"]))


def unresolved(received: Iterable[ReceivedAlert]) -> set[RuleKey]:
    """What fires by the latest that was told of it."""
    latest = {key(each): each.status for each in received}
    return {rule for rule, status in latest.items() if status == "firing"}


def run_matrix(directory: Path, plan: FaultsByLab = FAULTS_BY_LAB, require: Require = require_program) -> Matrix:
    """All faults of all worlds; takes as long as the world with the most to go through.

    Prometheus and Alertmanager are Debian's unless `require` finds others.
    """
    with ExitStack() as stack:
        answered = stack.enter_context(pager.listening())
        worlds = _create(stack, directory, plan)
        rules = directory / "outbox.rules.yaml"
        servers.print_rules(next(iter(worlds.values())), rules)
        told = stack.enter_context(alertmanager(directory, scaled_config(answered, SCALE), require=require))
        targets = {name: world.target for name, world in worlds.items()}
        config = servers.configuration(rules, targets, told.url)
        prometheus = stack.enter_context(servers.prometheus(directory, config, require))
        stages = [_LabRunner(world, plan[name][1], prometheus, answered) for name, world in worlds.items()]
        with ThreadPoolExecutor(len(stages)) as threads:
            played = [pair for pairs in threads.map(_LabRunner.run_matrix, stages) for pair in pairs]
        log_warnings = *prometheus.log_warnings(), *told.log_warnings()
        return Matrix(
            dict(played), tuple(answered.firing(alertname="OutboxWatchdog")), _series_figures(prometheus), log_warnings
        )


def _create(stack: ExitStack, directory: Path, plan: FaultsByLab) -> dict[str, MonitoredLab]:
    """All worlds; a few at a time, since making a cluster keeps a processor busy."""

    def create(name: str, rate: float) -> MonitoredLab:
        (directory / name).mkdir()
        return stack.enter_context(running_lab(name, directory / name, rate))

    with ThreadPoolExecutor(2) as threads:
        made = [threads.submit(create, name, rate) for name, (rate, _) in plan.items()]
        worlds = [each.result() for each in made]
    return {world.name: world for world in worlds}


def _series_figures(prometheus: Prometheus) -> dict[str, dict[str, float]]:
    """Figures by which a quiet world is told from one that nobody looked at."""
    questions = {
        "most jobs": "max_over_time(outbox:backlog_jobs[1h])",
        "fewest endpoints": "min_over_time(up[1h])",
        "samples": "count_over_time(outbox:backlog_jobs[1h])",
    }
    return {
        name: {dict(labels)["namespace"]: value for labels, value in prometheus.query(question).items()}
        for name, question in questions.items()
    }


@dataclass(frozen=True, slots=True)
class _LabRunner:
    """One world and those who look at it."""

    world: MonitoredLab
    faults: tuple[MatrixFault, ...]
    prometheus: Prometheus
    pager: Pager

    def run_matrix(self) -> list[tuple[str, FaultResult]]:
        """Its faults, one after the other, each from a calm beginning."""
        self._wait_for(self._is_seen)
        time.sleep(WARM_UP)
        return list(self._run_all())

    def _run_all(self) -> Iterator[tuple[str, FaultResult]]:
        for fault in self.faults:
            yield fault.name, self._run_fault(fault)

    def _run_fault(self, fault: MatrixFault) -> FaultResult:
        for _ in range(_TRIES - 1):
            try:
                return self._attempt(fault)
            except MachineTooSlowError:
                self._wait_for(lambda: not self._alerts())
        return self._attempt(fault)

    def _attempt(self, fault: MatrixFault) -> FaultResult:
        began_at = time.time()
        with fault.inject(self.world):
            active_at = time.time()
            self._wait_for(
                lambda: fault.expected <= {key(each) for each in self._received(began_at) if each.status == "firing"}
            )
            time.sleep(max(0.0, began_at + fault.minimum_duration - time.time()))
        ended_at = time.time()
        recovered_at = time.time() if self._wait_for(lambda: self._is_over(fault, began_at)) else None
        time.sleep(fault.settle_time)
        return FaultResult(
            self.world.name, began_at, active_at, ended_at, recovered_at, tuple(self._received(began_at))
        )

    def _received(self, since: float) -> list[ReceivedAlert]:
        return [each for each in self.pager.received if each.at >= since and each.has_labels(namespace=self.world.name)]

    def _is_seen(self) -> bool:
        return bool(self.prometheus.query(f'outbox:backlog_jobs{{namespace="{self.world.name}"}}'))

    def _is_over(self, fault: MatrixFault, since: float) -> bool:
        """The end of what was expected was told, and nothing fires or is about to but what may."""
        if fault.expected & unresolved(self._received(since)):
            return False
        return self._alerts() <= fault.tolerated

    def _alerts(self) -> set[RuleKey]:
        """What fires or is about to, by Prometheus."""
        alerts = self.prometheus.query(f'ALERTS{{namespace="{self.world.name}"}}')
        return {RuleKey(each["alertname"], Severity(each["severity"])) for each in map(dict, alerts)}

    @staticmethod
    def _wait_for(question: Callable[[], bool]) -> bool:
        """Whether it came true in time."""
        deadline = time.monotonic() + DEADLINE
        while not question():
            if time.monotonic() > deadline:
                return False
            time.sleep(_STEP)
        return True
