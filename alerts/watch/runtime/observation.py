"""Builds the tick of an evaluation from its signals and alerts, the collectors, and declared maintenance."""

from collections.abc import Iterable

from alerts.model import Alert, Evaluation, Policy, Transition
from alerts.watch.checks import sources
from alerts.watch.checks.series import MAINTENANCE
from alerts.watch.clock import WatchTime
from alerts.watch.model.tick import AlertChange, Tick
from exporter.metrics.snapshot import CollectorState
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError, MaintenanceWindow, active


class TickBuilder:
    """Builds ticks. `interval` is the evaluation interval, seconds."""

    def __init__(self, policy: Policy, maintenance_file: MaintenanceFile, interval: float) -> None:
        self._collectors_of_signal = {
            signal.record: sources.collectors_of(signal.record, policy) - {MAINTENANCE} for signal in policy.signals
        }
        self._collectors_of_rule = {rule.key: sources.collectors_of(rule.expr, policy) for rule in policy.rules}
        self._ages = sources.ages_by(policy)
        self._maintenance_file = maintenance_file
        self._interval = interval

    def tick(self, evaluation: Evaluation, states: Iterable[CollectorState], now: WatchTime, steady: float) -> Tick:
        """The tick at `now`. `steady` is the monotonic time, seconds, that decides which results are fresh.

        Values of stale results are left out.
        """
        states = tuple(states)
        problems = sources.problems_of(states, steady)
        stale = {problem.collector for problem in problems if problem.stale}
        usable = [state for state in states if state.name not in stale]
        firing = [alert for alert in evaluation.firing if alert.key.is_incident]
        # A standby's data may be outdated, so an alert based on it is as uncertain as one that is held.
        of_standby = {state.name for state in states if sources.is_of_standby(state)}
        uncertain = {alert.key for alert in firing if alert.held or self._is_based_on(alert, of_standby)}
        declared, is_known = self._maintenance(now.at)
        return Tick(
            at=now.at,
            elapsed=0.0,
            run=0,
            interval=self._interval,
            values=self._signals(evaluation, stale)
            | sources.ages_of(usable, steady, self._ages)
            | sources.sample_age_of(states, steady)
            | sources.series_of(usable, steady)
            | sources.counter_ages_of(usable, steady),
            problems=problems,
            firing=_rules(alert for alert in firing if alert.key not in uncertain),
            held=_rules(alert for alert in firing if alert.key in uncertain),
            maintenance=declared is not None if is_known else None,
            maintenance_reason=declared.reason if declared else "",
            changes=tuple(_change(each) for each in evaluation.transitions if each.alert.key.is_incident),
        )

    def _signals(self, evaluation: Evaluation, stale: set[str]) -> dict[str, float]:
        known = evaluation.signals.items()
        return {name: value for name, value in known if not self._collectors_of_signal.get(name, frozenset()) & stale}

    def _is_based_on(self, alert: Alert, collectors: set[str]) -> bool:
        return bool(self._collectors_of_rule.get(alert.key, frozenset()) & collectors)

    def _maintenance(self, at: float) -> tuple[MaintenanceWindow | None, bool]:
        """The declaration in force, and whether the file can be read."""
        try:
            return active(self._maintenance_file.read(), at), True
        except MaintenanceFileError:
            return None, False


def _rules(alerts: Iterable[Alert]) -> tuple[str, ...]:
    return tuple(sorted({str(alert.key) for alert in alerts}))


def _change(transition: Transition) -> AlertChange:
    alert = transition.alert
    return AlertChange(
        change=transition.change.value,
        rule=str(alert.key),
        labels=dict(alert.labels),
        value=alert.value,
        description=alert.annotations.get("description", ""),
    )
