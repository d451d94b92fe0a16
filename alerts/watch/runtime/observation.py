"""One evaluation, the collectors behind it and the maintenance declared, as one tick."""

from collections.abc import Iterable

from alerts.model import Alert, Evaluation, Policy, Severity, Transition
from alerts.watch.checks import sources
from alerts.watch.clock import ClockReading
from alerts.watch.model import AlertChange, Tick
from exporter.metrics.snapshot import CollectorState
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError, MaintenanceWindow, active


class TickBuilder:
    """Sees what is to be kept. `interval` is how often, seconds."""

    def __init__(self, policy: Policy, maintenance_file: MaintenanceFile, interval: float) -> None:
        self._sources = {
            signal.record: sources.collectors_of(signal.record, policy) - {sources.MAINTENANCE}
            for signal in policy.signals
        }
        self._rests_on = {rule.key: sources.collectors_of(rule.expr, policy) for rule in policy.rules}
        self._maintenance_file = maintenance_file
        self._interval = interval

    def tick(self, evaluation: Evaluation, states: Iterable[CollectorState], moment: ClockReading, now: float) -> Tick:
        """What is seen; `now` by the monotonic clock. What a collector brought too long ago is not seen."""
        states = tuple(states)
        troubles = sources.problems_of(states, now)
        stale = {trouble.collector for trouble in troubles if trouble.stale}
        lasting = [state for state in states if state.name not in stale]
        firing = [alert for alert in evaluation.firing if alert.key.severity is not Severity.NONE]
        # What a standby shows may be over, or still to come: such an alert is known as little as one that is held.
        of_standby = {state.name for state in states if sources.is_of_standby(state)}
        unproved = {alert.key for alert in firing if alert.held or self._rests_on_any(alert, of_standby)}
        declared, known = self._maintenance(moment.at)
        return Tick(
            at=moment.at,
            elapsed=0.0,
            run=0,
            interval=self._interval,
            values=self._signals(evaluation, stale)
            | sources.ages_of(lasting, now)
            | sources.sample_age_of(states, now)
            | sources.series_of(lasting, now)
            | sources.counter_ages_of(lasting, now),
            troubles=troubles,
            firing=_rules(alert for alert in firing if alert.key not in unproved),
            held=_rules(alert for alert in firing if alert.key in unproved),
            maintenance=declared is not None if known else None,
            maintenance_reason=declared.reason if declared else "",
            changes=tuple(_change(each) for each in evaluation.transitions if _tells(each)),
        )

    def _signals(self, evaluation: Evaluation, stale: set[str]) -> dict[str, float]:
        known = evaluation.signals.items()
        return {name: value for name, value in known if not self._sources.get(name, frozenset()) & stale}

    def _rests_on_any(self, alert: Alert, collectors: set[str]) -> bool:
        """Whether the alert is judged by what one of these collectors brings."""
        return bool(self._rests_on.get(alert.key, frozenset()) & collectors)

    def _maintenance(self, at: float) -> tuple[MaintenanceWindow | None, bool]:
        """The declaration that excuses now, and whether that can be told."""
        try:
            return active(self._maintenance_file.read(), at), True
        except MaintenanceFileError:
            return None, False


def _rules(alerts: Iterable[Alert]) -> tuple[str, ...]:
    return tuple(sorted({str(alert.key) for alert in alerts}))


def _tells(transition: Transition) -> bool:
    return transition.alert.key.severity is not Severity.NONE


def _change(transition: Transition) -> AlertChange:
    alert = transition.alert
    return AlertChange(
        change=transition.change.value,
        rule=str(alert.key),
        labels=dict(alert.labels),
        value=alert.value,
        description=alert.annotations.get("description", ""),
    )
