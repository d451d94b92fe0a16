"""When one receiver hears what: the episodes that concern it, what it has heard of them, and how it answered.

No thread, no clock, no network and no disk: whoever has those asks for a parcel, sends it, tells what became of it;
and saves what is not saved yet. Nothing is sent before it is saved, or known not to be savable: what was told and
forgotten in a crash would be told again as something else, or never be resolved.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from alerts.model import Alert, Evaluation, Labels
from alerts.notify.delivery.batches import Batches
from alerts.notify.delivery.outcome import Backoff, DeliveryOutcome, DeliveryResult, next_backoff
from alerts.notify.delivery.retry import RetryTiming
from alerts.notify.delivery.statistics import DeliveryStatistics
from alerts.notify.message.incidents import (
    DeliveredState,
    Incidents,
    Update,
    Updates,
    latest,
    limit_incidents,
    next_update,
    pending_updates,
    remembered,
    state,
    told,
    update_incidents,
)
from alerts.notify.receivers.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Notification:
    """What to send now; what fires is to be believed until `valid_until` (Unix seconds)."""

    steps: Updates
    valid_until: float


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """How it stands with one receiver, for metrics and the status page.

    `waiting` counts what it has not accepted: untold, or refused and still firing, to be tried again after a restart.
    `problem` and `unkept` are sentences, empty when all is well: why the last attempt failed, and why nothing is kept
    on disk. `delivered_at` is Unix seconds.
    """

    receiver: str
    waiting: int
    counts: Mapping[DeliveryResult, int]
    delivered_at: float | None
    problem: str
    save_problem: str


class DeliveryQueue:
    """One receiver's notifications. Safe for several threads; no call takes long.

    Units: `at` Unix seconds by the wall clock, `tick` seconds of the monotonic clock.
    """

    def __init__(self, receiver: Receiver, pace: RetryTiming, jitter: Callable[[], float] = random.random) -> None:
        self.receiver = receiver
        self._timing = pace
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
        self._evaluated: Evaluation | None = None
        self._evaluation_interval = 0.0  # seconds from one evaluation to the next
        self._resend_pending = False
        self._resend_at = 0.0  # tick

    def begin(self, episodes: Incidents) -> None:
        """Go on with what was kept on disk."""
        with self._lock:
            self._incidents = self._saved = episodes

    def accept(self, evaluation: Evaluation, monotonic: float) -> None:
        """Take note of an evaluation."""
        with self._lock:
            self._note_evaluation_interval(evaluation)
            episodes = update_incidents(self._incidents, evaluation, self._wanted, self._timing.absence_timeout)
            if self.receiver.resends:
                episodes = latest(episodes)
            episodes, dropped_over_capacity = limit_incidents(
                episodes, self._timing.capacity, (each.incident.key for each in self._in_flight)
            )
            # A beginning that finds no room tries again at every evaluation, and is counted once.
            fresh = [
                each for each in dropped_over_capacity if each.labels not in self._over_capacity or not each.is_open
            ]
            self._over_capacity = {each.labels for each in dropped_over_capacity if each.is_open}
            self._statistics.dropped_over_capacity(fresh)
            self._keep(episodes, evaluation.at, monotonic)

    def notification(self, at: float, monotonic: float) -> Notification | None:
        """What to send now, if anything; `finished` has to follow before there is another one."""
        with self._lock:
            due = self._due()
            if due is None or due > monotonic:
                return None
            self._in_flight = self._next(monotonic)
            seen_at = at if self._evaluated is None else self._evaluated.at
            return Notification(self._in_flight, seen_at + 4 * max(self._timing.resend, self._evaluation_interval))

    def finished(self, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        """What became of the parcel."""
        with self._lock:
            steps, self._in_flight = self._in_flight, ()
            if outcome.result is DeliveryResult.DELIVERED:
                self._delivered(steps, at, monotonic)
            elif self.receiver.resends and outcome.content_rejected:
                self._isolate_refused(steps, outcome, at, monotonic)
            elif outcome.result is DeliveryResult.DROPPED and not self.receiver.resends:
                self._refused(steps, outcome, at, monotonic)
            else:
                self._failed(steps, outcome, at, monotonic)

    def idle_for(self, monotonic: float) -> float | None:
        """Seconds until there is something to send, as things stand; None: until something happens."""
        with self._lock:
            due = self._due()
            return None if due is None else max(0.0, due - monotonic)

    def unsaved(self) -> Incidents | None:
        """What is to be saved; None when nothing has changed since."""
        with self._lock:
            return None if self._incidents == self._saved else self._incidents

    def saved(self, episodes: Incidents) -> None:
        """These are on disk."""
        with self._lock:
            self._saved = episodes
            if self._incidents == episodes:
                self._unsaved_since = None
            self._statistics.kept()

    def not_saved(self, reason: str, monotonic: float) -> None:
        """They are not; go on without."""
        with self._lock:
            self._statistics.save_failed(reason, monotonic)

    def receiver_status(self) -> ReceiverStatus:
        """How it stands."""
        with self._lock:
            account = self._statistics
            return ReceiverStatus(
                self.receiver.name,
                len(self._waiting()) + self._refused_firing(),
                dict(account.counts),
                account.delivered_at,
                account.problem,
                account.save_problem,
            )

    # From here on with the lock held.

    def _wanted(self, alert: Alert) -> bool:
        return alert.key.severity in self.receiver.severities

    def _note_evaluation_interval(self, evaluation: Evaluation) -> None:
        if self._evaluated is not None:
            self._evaluation_interval = max(0.0, evaluation.at - self._evaluated.at)
        self._evaluated = evaluation
        # Only what was judged anew is repeated: a dead evaluation must not keep the watchdog alive.
        self._resend_pending = True

    def _keep(self, episodes: Incidents, at: float, monotonic: float) -> None:
        retention = self._timing.retention if self.receiver.resends else 0.0
        self._incidents = remembered(episodes, at, retention)
        there = {each.labels for each in self._incidents}
        self._failures = {labels: count for labels, count in self._failures.items() if labels in there}
        self._batches.retain(there)
        self._statistics.retain(there)
        if self._incidents == self._saved:
            self._unsaved_since = None
        elif self._unsaved_since is None:
            self._unsaved_since = monotonic

    def _due(self) -> float | None:
        """When to send the next parcel, as a tick."""
        if self._in_flight:
            return None
        due = self._state_due() if self.receiver.resends else self._event_due()
        if due is None or self._unsaved_since is None or self._statistics.save_problem:
            return due
        return max(due, self._unsaved_since + self._timing.save_timeout)

    def _event_due(self) -> float | None:
        return self._backoff.until if pending_updates(self._incidents) else None

    def _state_due(self) -> float | None:
        if self._batches.is_split:
            return self._backoff.until
        dues = [due for due in (self._not_refused_due(), self._batches.retry_at()) if due is not None]
        return max(min(dues), self._backoff.until) if dues else None

    def _not_refused_due(self) -> float | None:
        """When to send everything but what was refused."""
        not_refused = self._batches.not_refused(state(self._incidents))
        if not not_refused:
            return None
        if self._backoff.failures or any(update.is_new for update in not_refused):
            return self._backoff.until
        return self._resend_at if self._resend_pending else None

    def _next(self, monotonic: float) -> Updates:
        if not self.receiver.resends:
            update = next_update(self._incidents, self._failures)
            return () if update is None else (update,)
        steps = state(self._incidents)
        if not self._batches.is_split:
            due = self._not_refused_due()
            is_due = due is not None and due <= monotonic
            self._batches.begin(self._batches.not_refused(steps) if is_due else (), monotonic)
            if is_due:
                self._resend_pending, self._resend_at = False, monotonic + self._timing.resend
        return self._batches.take(steps)

    def _waiting(self) -> Updates:
        if not self.receiver.resends:
            return pending_updates(self._incidents)
        # One that does not answer has to hear everything again, as far as anybody knows.
        steps = state(self._incidents)
        if self._backoff.failures:
            return steps
        return tuple(update for update in steps if update.is_new or update.incident.labels in self._batches.refused)

    def _refused_firing(self) -> int:
        """Alerts that fire and that the receiver refused to hear of: it does not know, and somebody should."""
        return sum(each.told is DeliveredState.REFUSED and each.is_open for each in self._incidents)

    def _delivered(self, steps: Updates, at: float, monotonic: float) -> None:
        fresh = tuple(update for update in steps if update.is_new)
        self._statistics.delivered(steps, fresh, at)
        self._clear_failures(steps)
        self._keep(told(self._incidents, {update.incident.key: update.new_state for update in steps}), at, monotonic)

    def _refused(self, steps: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        self._statistics.refused(steps, outcome.reason)
        self._clear_failures(steps)
        heard = {update.incident.key: _state_after_refusal(update) for update in steps}
        self._keep(told(self._incidents, heard), at, monotonic)

    def _clear_failures(self, steps: Updates) -> None:
        """The next one need not wait."""
        self._backoff = Backoff()
        self._batches.accepted(steps)
        for update in steps:
            self._failures.pop(update.incident.labels, None)

    def _isolate_refused(self, steps: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        """A receiver of states does not take something of this batch; the rest of it is not to wait for that."""
        self._backoff = Backoff()
        if len(steps) > 1:
            self._batches.halve(steps)
            return
        (update,) = steps
        self._batches.refuse(
            update, next_backoff(self._batches.backoff(update), outcome, monotonic, self._timing, self._jitter())
        )
        late = self._expired(steps, at)
        if late:
            self._statistics.refused(late, outcome.reason)
        else:
            self._statistics.alert_refused(update, outcome.reason, monotonic)
        self._keep(
            told(self._incidents, {update.incident.key: DeliveredState.REFUSED for update in late}), at, monotonic
        )

    def _failed(self, steps: Updates, outcome: DeliveryOutcome, at: float, monotonic: float) -> None:
        self._backoff = next_backoff(self._backoff, outcome, monotonic, self._timing, self._jitter())
        self._batches.abandon()
        for update in steps:
            labels = update.incident.labels
            self._failures[labels] = self._failures.get(labels, 0) + 1
        late = self._expired(steps, at) if outcome.result is DeliveryResult.DROPPED else ()
        again = tuple(update for update in steps if update not in late)
        self._statistics.failed(again, outcome.reason, len(self._waiting()), monotonic)
        self._statistics.refused(late, outcome.reason)
        self._keep(
            told(self._incidents, {update.incident.key: DeliveredState.REFUSED for update in late}), at, monotonic
        )

    def _expired(self, steps: Updates, at: float) -> Updates:
        """Where a receiver of states refuses them all: what was resolved long ago is not worth trying for ever."""
        by = at - self._timing.retention
        return tuple(each for each in steps if each.incident.ends_at is not None and each.incident.ends_at <= by)


def _state_after_refusal(update: Update) -> DeliveredState:
    """A beginning that was refused has no end to tell of."""
    return DeliveredState.REFUSED if update.new_state is DeliveredState.FIRING else DeliveredState.RESOLVED
