"""The delivery queue of one receiver: its incidents, what it has accepted of them, when to send and retry.

The queue uses no thread, clock, network or disk: a delivery worker takes notifications and reports outcomes, the
persistence worker saves the incidents. Nothing is sent before it is saved or saving has failed: after a crash, an
update that was sent but not saved would be sent again as a new incident, or never be resolved.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from alerts.model import Alert, Evaluation, Labels
from alerts.notify.delivery.batches import Batches
from alerts.notify.delivery.outcome import Backoff, DeliveryOutcome, DeliveryResult, RetryTiming, next_backoff
from alerts.notify.delivery.statistics import DeliveryStatistics
from alerts.notify.message.incidents import (
    DeliveredState,
    Incidents,
    Update,
    Updates,
    all_updates,
    latest_per_alert,
    limit_incidents,
    next_update,
    pending_updates,
    update_incidents,
    with_delivered_states,
    without_finished,
)
from alerts.notify.receivers.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Notification:
    """Updates to send in one request. Firing alerts are valid until `valid_until`, Unix seconds."""

    updates: Updates
    valid_until: float


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """The state of the delivery to one receiver, for metrics and the status page.

    `waiting` counts updates that it has not accepted: not sent, or refused and still firing, to be sent again after a
    restart. `problem` is why the last attempt failed, `save_problem` why incidents cannot be saved; both are empty
    without a problem. `delivered_at` is Unix seconds. `alert_delay` is the time from the beginning of its condition
    until the latest alert was accepted, seconds; None before the first.
    """

    receiver: str
    waiting: int
    counts: Mapping[DeliveryResult, int]
    delivered_at: float | None
    problem: str
    save_problem: str
    alert_delay: float | None = None


class DeliveryQueue:
    """The notifications of one receiver. The lock makes it safe for several threads; no call blocks for long.

    Units: `at` Unix seconds of the wall clock, `monotonic` seconds of the monotonic clock.
    """

    def __init__(self, receiver: Receiver, timing: RetryTiming, jitter: Callable[[], float] = random.random) -> None:
        self.receiver = receiver
        self._timing = timing
        self._jitter = jitter
        self._lock = Lock()
        self._statistics = DeliveryStatistics(receiver)
        self._incidents: Incidents = ()
        self._saved: Incidents = ()
        self._unsaved_since: float | None = None
        self._backoff = Backoff()
        self._failures: dict[Labels, int] = {}
        self._batches = Batches()
        self._over_capacity: set[Labels] = set()
        self._in_flight: Updates = ()
        self._last_evaluation: Evaluation | None = None
        self._evaluation_interval = 0.0  # seconds
        self._resend_pending = False
        self._resend_at = 0.0  # seconds of the monotonic clock

    def begin(self, incidents: Incidents) -> None:
        """Continue with the saved incidents; for an alert that is known already, with its present incident."""
        with self._lock:
            known = {each.labels for each in self._incidents}
            self._incidents = (*(each for each in incidents if each.labels not in known), *self._incidents)
            self._saved = incidents
            self._statistics.saved()

    def accept(self, evaluation: Evaluation, monotonic: float) -> None:
        """Update the incidents from an evaluation."""
        with self._lock:
            self._note_evaluation_interval(evaluation)
            incidents = update_incidents(self._incidents, evaluation, self._is_relevant, self._timing.absence_timeout)
            if self.receiver.resends:
                incidents = latest_per_alert(incidents)
            incidents, dropped_over_capacity = limit_incidents(
                incidents, self._timing.capacity, (each.incident.key for each in self._in_flight)
            )
            # A firing alert over capacity is tried again at every evaluation, but counted once.
            newly_dropped = [
                each for each in dropped_over_capacity if each.labels not in self._over_capacity or not each.is_open
            ]
            self._over_capacity = {each.labels for each in dropped_over_capacity if each.is_open}
            self._statistics.dropped_over_capacity(newly_dropped)
            self._keep(incidents, evaluation.at, monotonic)

    def notification(self, at: float, monotonic: float) -> Notification | None:
        """The notification to send now, if any. `finished` must follow before the next one.

        Units: `at` Unix seconds, `monotonic` seconds of the monotonic clock.
        """
        with self._lock:
            due = self._due()
            if due is None or due > monotonic:
                return None
            self._in_flight = self._next(monotonic)
            evaluated_at = at if self._last_evaluation is None else self._last_evaluation.at
            return Notification(self._in_flight, evaluated_at + 4 * max(self._timing.resend, self._evaluation_interval))

    def finished(self, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        """Record the outcome of the notification in flight. Units: as in `notification`."""
        with self._lock:
            updates, self._in_flight = self._in_flight, ()
            if outcome.result is DeliveryResult.DELIVERED:
                self._delivered(updates, at, monotonic)
            elif self.receiver.resends and outcome.content_refused:
                self._isolate_refused(updates, outcome, at, monotonic)
            elif outcome.result is DeliveryResult.DROPPED and not self.receiver.resends:
                self._refused(updates, outcome, at, monotonic)
            else:
                self._failed(updates, outcome, at, monotonic)

    def idle_for(self, monotonic: float) -> float | None:
        """Seconds until the next notification is due; None until something changes."""
        with self._lock:
            due = self._due()
            return None if due is None else max(0.0, due - monotonic)

    def unsaved(self) -> Incidents | None:
        """The incidents to save; None when they are saved."""
        with self._lock:
            return None if self._incidents == self._saved else self._incidents

    def saved(self, incidents: Incidents) -> None:
        """Record that these incidents are on disk."""
        with self._lock:
            self._saved = incidents
            if self._incidents == incidents:
                self._unsaved_since = None
            self._statistics.saved()

    def not_saved(self, reason: str, monotonic: float) -> None:
        """Record that the incidents could not be saved. They are sent all the same."""
        with self._lock:
            self._statistics.save_failed(reason, monotonic)

    def receiver_status(self) -> ReceiverStatus:
        """The current status."""
        with self._lock:
            statistics = self._statistics
            return ReceiverStatus(
                self.receiver.name,
                len(self._waiting()) + self._refused_firing(),
                dict(statistics.counts),
                statistics.delivered_at,
                statistics.problem,
                statistics.save_problem,
                statistics.alert_delay,
            )

    # The methods below require the lock.

    def _is_relevant(self, alert: Alert) -> bool:
        return alert.key.severity in self.receiver.severities

    def _note_evaluation_interval(self, evaluation: Evaluation) -> None:
        if self._last_evaluation is not None:
            self._evaluation_interval = max(0.0, evaluation.at - self._last_evaluation.at)
        self._last_evaluation = evaluation
        # Alerts are resent only after an evaluation: without evaluations, the watchdog alert must expire.
        self._resend_pending = True

    def _set_states(self, states: Mapping[tuple[Labels, float], DeliveredState], at: float, monotonic: float) -> None:
        self._keep(with_delivered_states(self._incidents, states), at, monotonic)

    def _keep(self, incidents: Incidents, at: float, monotonic: float) -> None:
        retention = self._timing.retention if self.receiver.resends else 0.0
        self._incidents = without_finished(incidents, at, retention)
        alerts = {each.labels for each in self._incidents}
        self._failures = {labels: count for labels, count in self._failures.items() if labels in alerts}
        self._batches.retain(alerts)
        self._statistics.retain(alerts)
        if self._incidents == self._saved:
            self._unsaved_since = None
        elif self._unsaved_since is None:
            self._unsaved_since = monotonic

    def _due(self) -> float | None:
        """When the next notification is due, seconds of the monotonic clock."""
        if self._in_flight:
            return None
        if self.receiver.resends:
            due = self._state_due()
        else:
            due = self._backoff.until if pending_updates(self._incidents) else None
        if due is None or self._unsaved_since is None or self._statistics.save_problem:
            return due
        return max(due, self._unsaved_since + self._timing.save_timeout)

    def _state_due(self) -> float | None:
        if self._batches.is_split:
            return self._backoff.until
        dues = [due for due in (self._not_refused_due(), self._batches.retry_at()) if due is not None]
        return max(min(dues), self._backoff.until) if dues else None

    def _not_refused_due(self) -> float | None:
        """When all alerts that were not refused are due."""
        not_refused = self._batches.not_refused(all_updates(self._incidents))
        if not not_refused:
            return None
        if self._backoff.failures or any(update.is_new for update in not_refused):
            return self._backoff.until
        return self._resend_at if self._resend_pending else None

    def _next(self, monotonic: float) -> Updates:
        if not self.receiver.resends:
            update = next_update(self._incidents, self._failures)
            return () if update is None else (update,)
        updates = all_updates(self._incidents)
        if not self._batches.is_split:
            due = self._not_refused_due()
            is_due = due is not None and due <= monotonic
            self._batches.begin(self._batches.not_refused(updates) if is_due else (), monotonic)
            if is_due:
                self._resend_pending, self._resend_at = False, monotonic + self._timing.resend
        return self._batches.take(updates)

    def _waiting(self) -> Updates:
        if not self.receiver.resends:
            return pending_updates(self._incidents)
        # While a receiver fails, its state is unknown and everything is waiting.
        updates = all_updates(self._incidents)
        if self._backoff.failures:
            return updates
        return tuple(update for update in updates if update.is_new or update.incident.labels in self._batches.refused)

    def _refused_firing(self) -> int:
        """The number of firing alerts that the receiver refused."""
        return sum(each.delivered_state is DeliveredState.REFUSED and each.is_open for each in self._incidents)

    def _delivered(self, updates: Updates, at: float, monotonic: float) -> None:
        new = tuple(update for update in updates if update.is_new)
        self._statistics.delivered(updates, new, at)
        self._clear_failures(updates)
        self._set_states({update.incident.key: update.new_state for update in updates}, at, monotonic)

    def _refused(self, updates: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        self._statistics.refused(updates, outcome.reason)
        self._clear_failures(updates)
        states = {update.incident.key: _state_after_refusal(update) for update in updates}
        self._set_states(states, at, monotonic)

    def _clear_failures(self, updates: Updates) -> None:
        """Reset the backoff after an answer."""
        self._backoff = Backoff()
        self._batches.accepted(updates)
        for update in updates:
            self._failures.pop(update.incident.labels, None)

    def _isolate_refused(self, updates: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        """Halve a refused batch until the refused alert is alone, so that the others are not delayed."""
        self._backoff = Backoff()
        if len(updates) > 1:
            self._batches.halve(updates)
            return
        (update,) = updates
        self._batches.refuse(
            update, next_backoff(self._batches.backoff(update), outcome, monotonic, self._timing, self._jitter())
        )
        expired = self._resolved_long_ago(updates, at)
        if expired:
            self._statistics.refused(expired, outcome.reason)
        else:
            self._statistics.alert_refused(update, outcome.reason, monotonic)
        self._set_states({update.incident.key: DeliveredState.REFUSED for update in expired}, at, monotonic)

    def _failed(self, updates: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        self._backoff = next_backoff(self._backoff, outcome, monotonic, self._timing, self._jitter())
        self._batches.abandon()
        for update in updates:
            labels = update.incident.labels
            self._failures[labels] = self._failures.get(labels, 0) + 1
        expired = self._resolved_long_ago(updates, at) if outcome.result is DeliveryResult.DROPPED else ()
        retried = tuple(update for update in updates if update not in expired)
        self._statistics.failed(retried, outcome.reason, len(self._waiting()), monotonic)
        self._statistics.refused(expired, outcome.reason)
        self._set_states({update.incident.key: DeliveredState.REFUSED for update in expired}, at, monotonic)

    def _resolved_long_ago(self, updates: Updates, at: float) -> Updates:
        """Updates of alerts that were resolved longer ago than the retention: they are not retried."""
        by = at - self._timing.retention
        return tuple(each for each in updates if each.incident.ends_at is not None and each.incident.ends_at <= by)


def _state_after_refusal(update: Update) -> DeliveredState:
    """The end of an incident is not sent when its start was refused."""
    return DeliveredState.REFUSED if update.new_state is DeliveredState.FIRING else DeliveredState.RESOLVED
