"""Injects the faults of every lab, the labs side by side, and records the notifications that arrived and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.model import RuleKey, Severity
from tests.alerts.alertmanager import run_alertmanager, scaled_config
from tests.alerts.pager import Pager, ReceivedAlert, run_pager
from tests.matrix import servers
from tests.matrix.faults import FAULTS_BY_LAB, FaultsByLab, MachineTooSlowError, MatrixFault
from tests.matrix.monitored_lab import MonitoredLab, running_lab
from tests.matrix.time_scale import SCALE, minutes
from tests.newest import Require
from tests.prometheus import PrometheusServer, run_prometheus
from tests.requirements import require_program

# Seconds until an alert has arrived or is resolved: far more than any takes, for slow machines.
DEADLINE: Final = 150.0
# Range selectors need their whole range of samples before the first fault. Seconds.
WARM_UP: Final = minutes(6)
# Seconds between two checks of a condition. The pager records the times of arrival by itself.
_STEP: Final = 0.5
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class FaultResult:
    """The notifications of one fault. Units: Unix seconds.

    `active_at` is when the fault was in force: a processor that is stopped ends its batch first. `recovered_at` is None
    when not every alert was resolved in time.
    """

    lab: str
    began_at: float
    active_at: float
    ended_at: float
    recovered_at: float | None
    received: tuple[ReceivedAlert, ...]

    @property
    def fired_at(self) -> dict[RuleKey, float]:
        """When each alert first arrived."""
        first: dict[RuleKey, float] = {}
        for each in self.received:
            if each.status == "firing":
                first.setdefault(key(each), each.at)
        return first

    @property
    def resolved_at(self) -> dict[RuleKey, float]:
        """When each alert was last reported as resolved."""
        return {key(each): each.at for each in self.received if each.status == "resolved"}

    @property
    def pages(self) -> set[RuleKey]:
        """The alerts of severity page that arrived."""
        return {each for each in self.fired_at if each.severity is Severity.PAGE}

    @property
    def unresolved(self) -> set[RuleKey]:
        """The alerts without a resolved notification, with tickets that their page inhibited before their end."""
        return unresolved(self.received)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The results by fault, the notifications of the watchdog, figures of Prometheus, and warnings in the logs.

    `figures` has a value per lab for each figure: see `_series_figures`.
    """

    results: Mapping[str, FaultResult]
    watchdog: tuple[ReceivedAlert, ...]
    figures: Mapping[str, Mapping[str, float]]
    log_warnings: tuple[str, ...]


def key(received: ReceivedAlert) -> RuleKey:
    """The rule of a received alert."""
    return RuleKey(received.name, Severity(received.labels["severity"]))


def unresolved(received: Iterable[ReceivedAlert]) -> set[RuleKey]:
    """The rules whose latest notification has the status firing."""
    latest = {key(each): each.status for each in received}
    return {rule for rule, status in latest.items() if status == "firing"}


def run_matrix(directory: Path, plan: FaultsByLab = FAULTS_BY_LAB, require: Require = require_program) -> Matrix:
    """Runs all faults of all labs; takes as long as the lab with the longest list.

    Prometheus and Alertmanager are Debian's unless `require` finds others.
    """
    with ExitStack() as stack:
        pager = stack.enter_context(run_pager())
        labs = _create(stack, directory, plan)
        rules = directory / "outbox.rules.yaml"
        servers.print_rules(next(iter(labs.values())), rules)
        alertmanager = stack.enter_context(run_alertmanager(directory, scaled_config(pager, SCALE), require=require))
        targets = {name: monitored.target for name, monitored in labs.items()}
        config = servers.configuration(rules, targets, alertmanager.url)
        prometheus = stack.enter_context(run_prometheus(require("prometheus"), directory, config))
        runners = [_LabRunner(monitored, plan[name][1], prometheus, pager) for name, monitored in labs.items()]
        with ThreadPoolExecutor(len(runners)) as threads:
            results = [pair for pairs in threads.map(_LabRunner.run_all, runners) for pair in pairs]
        log_warnings = *prometheus.log_warnings(), *alertmanager.log_warnings()
        watchdog = tuple(pager.firing(alertname="OutboxWatchdog"))
        return Matrix(dict(results), watchdog, _series_figures(prometheus), log_warnings)


def _create(stack: ExitStack, directory: Path, plan: FaultsByLab) -> dict[str, MonitoredLab]:
    """All labs, two at a time: creating a cluster keeps a processor busy."""

    def create(name: str, rate: float) -> MonitoredLab:
        (directory / name).mkdir()
        return stack.enter_context(running_lab(name, directory / name, rate))

    with ThreadPoolExecutor(2) as threads:
        created = [threads.submit(create, name, rate) for name, (rate, _) in plan.items()]
        labs = [each.result() for each in created]
    return {monitored.name: monitored for monitored in labs}


def _series_figures(prometheus: PrometheusServer) -> dict[str, dict[str, float]]:
    """Figures that distinguish an idle lab from one that was not scraped, by namespace."""
    questions = {
        "most jobs": "max_over_time(outbox:backlog_jobs[1h])",
        "samples": "count_over_time(outbox:backlog_jobs[1h])",
    }
    return {
        name: {dict(labels)["namespace"]: value for labels, value in prometheus.query(question).items()}
        for name, question in questions.items()
    }


@dataclass(frozen=True, slots=True)
class _LabRunner:
    """Injects the faults of one lab."""

    monitored: MonitoredLab
    faults: tuple[MatrixFault, ...]
    prometheus: PrometheusServer
    pager: Pager

    def run_all(self) -> list[tuple[str, FaultResult]]:
        """The faults one after the other; each begins when no alert of the one before is left."""
        self._wait_for(self._is_scraped)
        time.sleep(WARM_UP)
        return list(self._results())

    def _results(self) -> Iterator[tuple[str, FaultResult]]:
        for fault in self.faults:
            yield fault.name, self._run_fault(fault)

    def _run_fault(self, fault: MatrixFault) -> FaultResult:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._attempt(fault)
            except MachineTooSlowError:
                self._wait_for(lambda: not self._alerts())
        return self._attempt(fault)

    def _attempt(self, fault: MatrixFault) -> FaultResult:
        began_at = time.time()
        with fault.inject(self.monitored):
            active_at = time.time()
            self._wait_for(
                lambda: fault.expected <= {key(each) for each in self._received(began_at) if each.status == "firing"}
            )
            time.sleep(max(0.0, began_at + fault.minimum_duration - time.time()))
        ended_at = time.time()
        recovered_at = time.time() if self._wait_for(lambda: self._is_over(fault, began_at)) else None
        time.sleep(fault.settle_time)
        received = tuple(self._received(began_at))
        return FaultResult(self.monitored.name, began_at, active_at, ended_at, recovered_at, received)

    def _received(self, since: float) -> list[ReceivedAlert]:
        namespace = self.monitored.name
        return [each for each in self.pager.received if each.at >= since and each.has_labels(namespace=namespace)]

    def _is_scraped(self) -> bool:
        return bool(self.prometheus.query(f'outbox:backlog_jobs{{namespace="{self.monitored.name}"}}'))

    def _is_over(self, fault: MatrixFault, since: float) -> bool:
        """Every expected alert was reported as resolved, and only tolerated alerts are pending or firing."""
        if fault.expected & unresolved(self._received(since)):
            return False
        return self._alerts() <= fault.tolerated

    def _alerts(self) -> set[RuleKey]:
        """The alerts that are pending or firing in Prometheus."""
        alerts = self.prometheus.query(f'ALERTS{{namespace="{self.monitored.name}"}}')
        return {RuleKey(each["alertname"], Severity(each["severity"])) for each in map(dict, alerts)}

    @staticmethod
    def _wait_for(condition: Callable[[], bool]) -> bool:
        """Whether the condition became true within DEADLINE."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_STEP)
        return True
