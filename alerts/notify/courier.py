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
from alerts.notify.account import Account
from alerts.notify.batches import Batches
from alerts.notify.episodes import Episodes, Told, fitted, latest, observed, remembered, told
from alerts.notify.outcome import Backoff, Outcome, Result, backed_off
from alerts.notify.pace import Pace
from alerts.notify.receivers import Receiver
from alerts.notify.steps import Step, Steps, next_step, state, untold


@dataclass(frozen=True, slots=True)
class Parcel:
    """What to send now; what fires is to be believed until `valid_until` (Unix seconds)."""

    steps: Steps
    valid_until: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one receiver, for metrics and the status page.

    `waiting` counts what it has not accepted: untold, or refused and still firing, to be tried again after a restart.
    `problem` and `unkept` are sentences, empty when all is well: why the last attempt failed, and why nothing is kept
    on disk. `delivered_at` is Unix seconds.
    """

    receiver: str
    waiting: int
    counts: Mapping[Result, int]
    delivered_at: float | None
    problem: str
    unkept: str


class Courier:
    """One receiver's notifications. Safe for several threads; no call takes long.

    Units: `at` Unix seconds by the wall clock, `tick` seconds of the monotonic clock.
    """

    def __init__(self, receiver: Receiver, pace: Pace, jitter: Callable[[], float] = random.random) -> None:
        self.receiver = receiver
        self._pace = pace
        self._jitter = jitter
        self._lock = Lock()
        self._account = Account(receiver)
        self._episodes: Episodes = ()
        self._saved: Episodes = ()
        self._unsaved_since: float | None = None
        self._backoff = Backoff()
        self._failures: dict[Labels, int] = {}
        self._batches = Batches()
        self._turned_away: set[Labels] = set()
        self._on_its_way: Steps = ()
        self._evaluated: Evaluation | None = None
        self._between = 0.0  # seconds from one evaluation to the next
        self._to_repeat = False
        self._repeat_at = 0.0  # tick

    def begin(self, episodes: Episodes) -> None:
        """Go on with what was kept on disk."""
        with self._lock:
            self._episodes = self._saved = episodes

    def accept(self, evaluation: Evaluation, tick: float) -> None:
        """Take note of an evaluation."""
        with self._lock:
            self._take_time(evaluation)
            episodes = observed(self._episodes, evaluation, self._wanted, self._pace.patience)
            if self.receiver.repeats:
                episodes = latest(episodes)
            episodes, lost = fitted(episodes, self._pace.capacity, (each.episode.key for each in self._on_its_way))
            # A beginning that finds no room tries again at every evaluation, and is counted once.
            fresh = [each for each in lost if each.labels not in self._turned_away or not each.lasts]
            self._turned_away = {each.labels for each in lost if each.lasts}
            self._account.lost(fresh)
            self._keep(episodes, evaluation.at, tick)

    def parcel(self, at: float, tick: float) -> Parcel | None:
        """What to send now, if anything; `finished` has to follow before there is another one."""
        with self._lock:
            due = self._due()
            if due is None or due > tick:
                return None
            self._on_its_way = self._next(tick)
            seen_at = at if self._evaluated is None else self._evaluated.at
            return Parcel(self._on_its_way, seen_at + 4 * max(self._pace.resend, self._between))

    def finished(self, outcome: Outcome, at: float, tick: float) -> None:
        """What became of the parcel."""
        with self._lock:
            steps, self._on_its_way = self._on_its_way, ()
            if outcome.result is Result.DELIVERED:
                self._delivered(steps, at, tick)
            elif self.receiver.repeats and outcome.blames_content:
                self._find_refused(steps, outcome, at, tick)
            elif outcome.result is Result.DROPPED and not self.receiver.repeats:
                self._refused(steps, outcome, at, tick)
            else:
                self._failed(steps, outcome, at, tick)

    def idle_for(self, tick: float) -> float | None:
        """Seconds until there is something to send, as things stand; None: until something happens."""
        with self._lock:
            due = self._due()
            return None if due is None else max(0.0, due - tick)

    def unsaved(self) -> Episodes | None:
        """What is to be saved; None when nothing has changed since."""
        with self._lock:
            return None if self._episodes == self._saved else self._episodes

    def saved(self, episodes: Episodes) -> None:
        """These are on disk."""
        with self._lock:
            self._saved = episodes
            if self._episodes == episodes:
                self._unsaved_since = None
            self._account.kept()

    def not_saved(self, reason: str, tick: float) -> None:
        """They are not; go on without."""
        with self._lock:
            self._account.not_kept(reason, tick)

    def standing(self) -> Standing:
        """How it stands."""
        with self._lock:
            account = self._account
            return Standing(
                self.receiver.name,
                len(self._waiting()) + self._unwelcome(),
                dict(account.counts),
                account.delivered_at,
                account.problem,
                account.unkept,
            )

    # From here on with the lock held.

    def _wanted(self, alert: Alert) -> bool:
        return alert.key.severity in self.receiver.severities

    def _take_time(self, evaluation: Evaluation) -> None:
        if self._evaluated is not None:
            self._between = max(0.0, evaluation.at - self._evaluated.at)
        self._evaluated = evaluation
        # Only what was judged anew is repeated: a dead evaluation must not keep the watchdog alive.
        self._to_repeat = True

    def _keep(self, episodes: Episodes, at: float, tick: float) -> None:
        retention = self._pace.retention if self.receiver.repeats else 0.0
        self._episodes = remembered(episodes, at, retention)
        there = {each.labels for each in self._episodes}
        self._failures = {labels: count for labels, count in self._failures.items() if labels in there}
        self._batches.forget_all_but(there)
        self._account.forget_all_but(there)
        if self._episodes == self._saved:
            self._unsaved_since = None
        elif self._unsaved_since is None:
            self._unsaved_since = tick

    def _due(self) -> float | None:
        """When to send the next parcel, as a tick."""
        if self._on_its_way:
            return None
        due = self._state_due() if self.receiver.repeats else self._event_due()
        if due is None or self._unsaved_since is None or self._account.unkept:
            return due
        return max(due, self._unsaved_since + self._pace.save_patience)

    def _event_due(self) -> float | None:
        return self._backoff.until if untold(self._episodes) else None

    def _state_due(self) -> float | None:
        if self._batches.is_split:
            return self._backoff.until
        dues = [due for due in (self._welcome_due(), self._batches.retry_at()) if due is not None]
        return max(min(dues), self._backoff.until) if dues else None

    def _welcome_due(self) -> float | None:
        """When to send everything but what was refused."""
        welcome = self._batches.welcome(state(self._episodes))
        if not welcome:
            return None
        if self._backoff.failures or any(step.is_news for step in welcome):
            return self._backoff.until
        return self._repeat_at if self._to_repeat else None

    def _next(self, tick: float) -> Steps:
        if not self.receiver.repeats:
            step = next_step(self._episodes, self._failures)
            return () if step is None else (step,)
        steps = state(self._episodes)
        if not self._batches.is_split:
            due = self._welcome_due()
            is_due = due is not None and due <= tick
            self._batches.begin(self._batches.welcome(steps) if is_due else (), tick)
            if is_due:
                self._to_repeat, self._repeat_at = False, tick + self._pace.resend
        return self._batches.take(steps)

    def _waiting(self) -> Steps:
        if not self.receiver.repeats:
            return untold(self._episodes)
        # One that does not answer has to hear everything again, as far as anybody knows.
        steps = state(self._episodes)
        if self._backoff.failures:
            return steps
        return tuple(step for step in steps if step.is_news or step.episode.labels in self._batches.refused)

    def _unwelcome(self) -> int:
        """Alerts that fire and that the receiver refused to hear of: it does not know, and somebody should."""
        return sum(each.told is Told.REFUSED and each.lasts for each in self._episodes)

    def _delivered(self, steps: Steps, at: float, tick: float) -> None:
        fresh = tuple(step for step in steps if step.is_news)
        self._account.delivered(steps, fresh, at)
        self._answered(steps)
        self._keep(told(self._episodes, {step.episode.key: step.tells for step in steps}), at, tick)

    def _refused(self, steps: Steps, outcome: Outcome, at: float, tick: float) -> None:
        self._account.refused(steps, outcome.reason)
        self._answered(steps)
        heard = {step.episode.key: _when_refused(step) for step in steps}
        self._keep(told(self._episodes, heard), at, tick)

    def _answered(self, steps: Steps) -> None:
        """The next one need not wait."""
        self._backoff = Backoff()
        self._batches.accepted(steps)
        for step in steps:
            self._failures.pop(step.episode.labels, None)

    def _find_refused(self, steps: Steps, outcome: Outcome, at: float, tick: float) -> None:
        """A receiver of states does not take something of this batch; the rest of it is not to wait for that."""
        self._backoff = Backoff()
        if len(steps) > 1:
            self._batches.halve(steps)
            return
        (step,) = steps
        self._batches.refuse(step, backed_off(self._batches.backoff(step), outcome, tick, self._pace, self._jitter()))
        late = self._too_late(steps, at)
        if late:
            self._account.refused(late, outcome.reason)
        else:
            self._account.turned_down(step, outcome.reason, tick)
        self._keep(told(self._episodes, {step.episode.key: Told.REFUSED for step in late}), at, tick)

    def _failed(self, steps: Steps, outcome: Outcome, at: float, tick: float) -> None:
        self._backoff = backed_off(self._backoff, outcome, tick, self._pace, self._jitter())
        self._batches.break_off()
        for step in steps:
            labels = step.episode.labels
            self._failures[labels] = self._failures.get(labels, 0) + 1
        late = self._too_late(steps, at) if outcome.result is Result.DROPPED else ()
        again = tuple(step for step in steps if step not in late)
        self._account.failed(again, outcome.reason, len(self._waiting()), tick)
        self._account.refused(late, outcome.reason)
        self._keep(told(self._episodes, {step.episode.key: Told.REFUSED for step in late}), at, tick)

    def _too_late(self, steps: Steps, at: float) -> Steps:
        """Where a receiver of states refuses them all: what was resolved long ago is not worth trying for ever."""
        by = at - self._pace.retention
        return tuple(each for each in steps if each.episode.ends_at is not None and each.episode.ends_at <= by)


def _when_refused(step: Step) -> Told:
    """A beginning that was refused has no end to tell of."""
    return Told.REFUSED if step.tells is Told.FIRING else Told.RESOLVED
