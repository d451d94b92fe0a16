"""Alerting under one configuration: the rule manager, notifications and the watch, connected to sampling."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from alerts.evaluation.rule_manager import ExposedSample, RuleInputs, RuleManager
from alerts.evaluation.state_machine import muted_by
from alerts.model import Alert, Evaluation, Policy, SampleBlock
from alerts.notify.evidence import EvidenceStore
from alerts.notify.notifier import Notifier, create_notifier
from alerts.policy import runbook_file
from alerts.policy.load import configured_policy
from alerts.policy.outbox_section import index_with_outbox, with_outbox
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.checks.configured import configured_checks
from alerts.watch.checks.expressions import with_expressions
from alerts.watch.runtime.open_watch import open_checks
from alerts.watch.runtime.recorder import WatchRecorder, WatchView
from alerts.watch.runtime.watch_manager import WatchFactory
from alerts.watch.store.serialization import serialize
from exporter.app.state import StateCheck
from exporter.app.status import AlertingStatus, AlertStatus, FiveSignals, Notice, signals
from exporter.app.watch_status import may_be_open, recent_changes, watch_readings, watch_status
from exporter.config.settings import Config
from exporter.core.logs import event
from exporter.database import DatabaseClient
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState
from exporter.web import TREND_SECONDS

logger = logging.getLogger(__name__)

Points = list[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class SampleSource:
    """The part of sampling that alerting uses.

    `expose` returns the samples of /metrics whose names pass a filter, `states` the states of the collectors;
    `refresh` lets every collector run soon. `run_in_turn` runs something in the thread that may use `database`.
    """

    expose: Callable[[Callable[[str], bool]], Iterable[ExposedSample]]
    states: Callable[[], tuple[CollectorState, ...]]
    refresh: Callable[[], None] = lambda: None
    database: DatabaseClient | None = None
    run_in_turn: Callable[[Callable[[], None]], None] = lambda _: None


class Alerting:
    """Rule evaluation, notifications and the watch of one configuration.

    Raises: ConfigError when the configuration makes the policy invalid.
    """

    def __init__(self, config: Config, samples: SampleSource, started_at: float, version: str) -> None:
        state_dir = config.watch.state_dir
        self._config = config
        parameters = check_parameters(config)
        policy = self.policy = parameters.policy
        self._states = samples.states
        # The samples that are requested then reach an evaluation before the end of the watch: a sampling run may be an
        # interval away, and may end only after the evaluation that follows it.
        lead = 3 * max(config.sampling.interval, policy.interval)
        self.recorder = WatchRecorder(
            config.watch,
            WatchFactory(parameters, policy.interval, version, started_at, _target(samples)),
            samples.refresh,
            lead,
            self._take_samples,
        )
        self._watch_cache = (self.recorder.view, watch_readings(self.recorder.view))
        evidence = EvidenceStore(lambda alert: _evidence(alert, config, policy, samples), samples.run_in_turn)
        self.notifications: Notifier = create_notifier(
            config.alerting, state_dir, config.web.external_url or "", evidence=evidence
        )
        self._trends: deque[tuple[float, FiveSignals]] = deque(maxlen=math.ceil(TREND_SECONDS / policy.interval))
        listeners = (self._observe, self.notifications.accept, self._add_trend, self._check_state)
        inputs = RuleInputs(samples.expose, self._fresh, started_at, self._is_relied_on)
        self.rule_manager = RuleManager(policy, inputs, state_dir, listeners)
        self._state = StateCheck(state_dir, lambda: self.rule_manager.state_problem)

    def start(self) -> None:
        """Start evaluating, and go on with notifications that were not delivered."""
        self.notifications.start()
        self.rule_manager.start()
        self._state.check(time.monotonic())

    def stop(self) -> None:
        """Stop within about three seconds. Notifications that were not delivered are kept for the next start."""
        self.rule_manager.stop()
        self.recorder.close()
        self.notifications.stop()

    def handle_commands(self) -> None:
        """Handle the commands about the watch. Call it every few seconds while started."""
        self.recorder.process_requests()

    def readings(self) -> tuple[tuple[Reading, ...], ...]:
        """The readings of alerts, of notifications, of the watch and of the state directory, for /metrics."""
        readings = self.rule_manager.readings(), self.notifications.readings(), self._watch_readings()
        return (*readings, self._state.readings())

    def _watch_readings(self) -> tuple[Reading, ...]:
        """The same object until the view of the watch changes."""
        view = self.recorder.view
        if self._watch_cache[0] is not view:
            self._watch_cache = view, watch_readings(view)
        return self._watch_cache[1]

    def status(self) -> AlertingStatus:
        """The part of the status page about alerts and the watch."""
        evaluation, view = self.rule_manager.evaluation, self.recorder.view
        return {
            "alerts": None if evaluation is None else [self._alert(alert, evaluation) for alert in evaluation.alerts],
            "watch": watch_status(view),
            "trends": trends(tuple(self._trends)),
            "notices": list(self._notices(view)),
            "changes": recent_changes(view),
            "drill": self.notifications.drill_status(),
            "left_out": {reason: list(names) for reason, names in self.policy.left_out_by_reason.items()},
            "unknown_metrics": dict(self.policy.unknown_metrics),
        }

    def watch(self) -> Mapping[str, Any]:
        """The answer of /api/v1/watch: the view of the watch, field by field."""
        view = self.recorder.view
        return {
            "state": view.state,
            "watch": serialize(view.watch),
            "judgement": serialize(view.judgement),
            "waiting_for": view.waiting_for,
            "trouble": view.trouble,
            "changes": recent_changes(view),
        }

    def runbook(self, alert: str) -> str | None:
        """The Markdown of an alert's runbook, with what it has to say about this outbox; otherwise as `runbook`."""
        markdown = runbook(alert)
        if not markdown:
            return None
        if not alert:
            return index_with_outbox(markdown, self._config, self.policy)
        return with_outbox(markdown, alert, self._config, self.policy)

    def _alert(self, alert: Alert, evaluation: Evaluation) -> AlertStatus:
        rule = self.rule_manager.rule(alert.key)
        cause = muted_by(alert, rule, evaluation.firing)
        return {
            "alert": alert.key.alert,
            "severity": alert.key.severity.value,
            "state": alert.state.value,
            "since": alert.firing_since if alert.firing_since is not None else alert.active_since,
            "hold_seconds": rule.hold_duration,
            "value": alert.value,
            "held": alert.held,
            "muted": alert.muted,
            "muted_by": None if cause is None else cause.alert,
            "summary": alert.annotations.get("summary", ""),
            "description": alert.annotations.get("description", ""),
            "runbook_url": alert.annotations.get("runbook_url", ""),
        }

    def _observe(self, evaluation: Evaluation) -> None:
        self.recorder.observe(evaluation, self._states())

    def _take_samples(self) -> SampleBlock | None:
        return self.rule_manager.take_samples()

    def _is_relied_on(self) -> bool:
        if self.notifications.has_receivers:
            return True
        self.recorder.process_requests()  # a watch that was requested just now begins with an evaluation
        return may_be_open(self.recorder.view)

    def _add_trend(self, evaluation: Evaluation) -> None:
        while self._trends and self._trends[0][0] < evaluation.at - TREND_SECONDS:
            self._trends.popleft()
        self._trends.append((evaluation.at, self._signals(evaluation.at)))

    def _signals(self, at: float) -> FiveSignals:
        return signals(self._states(), time.monotonic(), at, exhausted_apart=self.policy.exhausted_apart)

    def _check_state(self, _: Evaluation) -> None:
        self._state.check(time.monotonic())

    def _fresh(self) -> AbstractSet[str] | None:
        states, now = self._states(), time.monotonic()
        if any(state.runs == 0 for state in states):
            return None
        return {state.name for state in states if state.fresh(now)}

    def _notices(self, view: WatchView) -> Iterator[Notice]:
        if self._state.problem:
            yield {"name": "state", "text": self._state.problem}
        if view.trouble:
            yield {"name": "watch", "text": view.trouble}
        if self.recorder.warning and view.watch is not None and view.watch.is_open:
            yield {"name": "watch", "text": self.recorder.warning}
        for receiver_status in self.notifications.receiver_statuses():
            for text in filter(None, (receiver_status.problem, receiver_status.save_problem)):
                yield {"name": receiver_status.receiver, "text": text}


def check_parameters(config: Config) -> CheckParameters:
    """The parameters of the watch's checks. The policy also records the expressions of checks of one's own.

    These are the checks of the configuration and, over a restart or reload, those of the open watch.
    Raises: ConfigError.
    """
    parameters = CheckParameters(
        configured_policy(config),
        config.watch.duration,
        config.application is not None,
        config.alerting.time_scale,
        config.watch.checks,
    )
    own = any(each.definition for each in config.watch.checks)
    checks = (*(configured_checks(parameters) if own else ()), *open_checks(config.watch.state_dir))
    return replace(parameters, policy=with_expressions(parameters.policy, checks))


def _target(samples: SampleSource) -> str:
    return samples.database.target if samples.database else ""


def _evidence(alert: str, config: Config, policy: Policy, samples: SampleSource) -> str:
    """The evidence about an alert; empty without any. Errors are logged: a notification is sent all the same."""
    if samples.database is None:
        return ""
    try:
        diagnosis = import_module("exporter.app.evidence")
        targets = diagnosis.targets(config, policy, samples.database, samples.states)
        return str(diagnosis.gather(alert, targets))
    except Exception as error:  # noqa: BLE001 - a bug here must not cost a notification
        event(logger, logging.ERROR, "evidence failed", alert=alert, exc_info=error)
        return ""


def runbook(alert: str) -> str | None:
    """The Markdown of an alert's runbook, the list of all for an empty name; None where there is none."""
    return runbook_file.runbook(alert)


def trends(seen: Sequence[tuple[float, FiveSignals]]) -> dict[str, Points]:
    """The five signals over time, by the page's names for them; none of them before two evaluations."""
    found: dict[str, Callable[[FiveSignals], float | None]] = {
        "backlog": lambda each: each["backlog"],
        "time": lambda each: each["processing_time_avg_seconds"],
        "events": lambda each: sum(each["events_last_hour"].values()) if each["events_last_hour"] else None,
        "keys": lambda each: each["idempotency_keys"],
        "failures": lambda each: each["failure_ratio"],
    }
    return {name: [(at, value(each)) for at, each in seen] for name, value in found.items()} if len(seen) > 1 else {}
