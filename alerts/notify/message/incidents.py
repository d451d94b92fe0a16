"""What a receiver is to hear: one episode for each time that an alert fires, from its beginning to its end.

Pure: every function takes episodes and gives new ones. They stand in the order in which they began, so that those of
one alert are told in order. Times are Unix seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alerts.model import Alert, Change, Evaluation, Labels, Severity

Incidents = tuple["Incident", ...]


class DeliveredState(StrEnum):
    """The last thing that a receiver has heard of an episode."""

    NOTHING = "nothing"
    FIRING = "firing"
    RESOLVED = "resolved"
    REFUSED = "refused"  # it does not want to hear of it


@dataclass(frozen=True, slots=True)
class Incident:
    """One firing of the alert with these labels; `ends_at` is None while it lasts.

    `annotations` are those of the last evaluation in which it fired, `absent_since` is the time of the first in which
    it was neither firing nor pending, although nobody said that it was resolved. Neither makes an episode another.
    """

    labels: Labels
    starts_at: float
    ends_at: float | None = None
    told: DeliveredState = DeliveredState.NOTHING
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    absent_since: float | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[Labels, float]:
        """Names it among those of one receiver."""
        return self.labels, self.starts_at

    @property
    def severity(self) -> str:
        """The label of that name."""
        return dict(self.labels).get("severity", "")

    @property
    def alert(self) -> str:
        """The name of the alert."""
        return dict(self.labels).get("alertname", "")

    @property
    def is_open(self) -> bool:
        """True until it is resolved."""
        return self.ends_at is None


def update_incidents(
    episodes: Incidents, evaluation: Evaluation, wanted: Callable[[Alert], bool], absence_timeout: float
) -> Incidents:
    """The episodes after this evaluation: some go on, some end, some begin.

    A muted alert begins none; one that is muted later goes on. An episode ends when its alert is resolved. One whose
    alert is not there at all, because the rules were read anew or the exporter was restarted, ends when that has
    lasted for `patience` seconds: until then it may turn up again, and nobody is told twice.
    """
    resolved = {each.alert.labels: each.at for each in evaluation.transitions if each.change is Change.RESOLVED}
    active = {alert.labels: alert for alert in evaluation.alerts}
    firing = {alert.labels: alert for alert in evaluation.firing}
    kept = []
    for incident in episodes:
        if not incident.is_open:
            kept.append(incident)
        elif incident.labels in resolved:
            kept.append(ended(incident, resolved[incident.labels]))
        elif incident.labels in firing:
            kept.append(replace(incident, annotations=firing[incident.labels].annotations, absent_since=None))
        elif incident.labels in active:
            kept.append(replace(incident, absent_since=None))
        else:
            kept.append(_mark_absent(incident, evaluation.at, absence_timeout))
    return (*kept, *_opened(kept, evaluation, wanted))


def ended(incident: Incident, at: float) -> Incident:
    """The episode, over. A clock set back must not make it end before it began: receivers refuse that."""
    return replace(incident, ends_at=max(at, incident.starts_at))


def told(episodes: Incidents, heard: Mapping[tuple[Labels, float], DeliveredState]) -> Incidents:
    """The episodes after a receiver has heard this of some of them, by key."""
    return tuple(replace(each, told=heard[each.key]) if each.key in heard else each for each in episodes)


def remembered(episodes: Incidents, at: float, retention: float) -> Incidents:
    """Without those that are over and need not be told any more, `retention` seconds after their end."""
    return tuple(each for each in episodes if each.ends_at is None or not _done(each, at - retention))


def latest(episodes: Incidents) -> Incidents:
    """The last episode of each alert: for a receiver that knows states and not their history."""
    return tuple({each.labels: each for each in episodes}.values())


def limit_incidents(
    episodes: Incidents, capacity: int, busy: Iterable[tuple[Labels, float]]
) -> tuple[Incidents, Incidents]:
    """At most `capacity` episodes, and those that somebody should have heard of: nothing may grow for ever.

    The first to go are those that are over and told; then those that are over before anybody heard of them, the oldest
    first; then those that begin. What a receiver knows to be firing never goes, or it would not learn the end. Neither
    does what it hears just now.
    """
    excess = len(episodes) - capacity
    if excess <= 0:
        return episodes, ()
    heard_now = set(busy)
    idle = [each for each in episodes if each.key not in heard_now]
    done = [
        each for each in idle if not each.is_open and each.told in (DeliveredState.RESOLVED, DeliveredState.REFUSED)
    ]
    over = [each for each in idle if not each.is_open and each.told is DeliveredState.NOTHING]
    newest_first = [each for each in reversed(idle) if each.is_open and each.told is DeliveredState.NOTHING]
    gone = {each.key: each for each in (done + over + newest_first)[:excess]}
    kept = tuple(each for each in episodes if each.key not in gone)
    return kept, tuple(each for each in gone.values() if each.told is DeliveredState.NOTHING)


def _mark_absent(incident: Incident, at: float, absence_timeout: float) -> Incident:
    since = at if incident.absent_since is None else incident.absent_since
    return ended(incident, at) if at - since >= absence_timeout else replace(incident, absent_since=since)


def _opened(known: list[Incident], evaluation: Evaluation, wanted: Callable[[Alert], bool]) -> list[Incident]:
    going_on = {each.labels for each in known if each.is_open}
    # Not before the end of the last one, whatever the clock says: an alert's episodes do not overlap.
    ends = {each.labels: each.ends_at for each in known if each.ends_at is not None}
    begun = []
    for alert in evaluation.firing:
        if alert.labels in going_on or alert.muted or not wanted(alert):
            continue
        since = evaluation.at if alert.firing_since is None else alert.firing_since
        starts_at = max(since, ends.get(alert.labels, since))
        begun.append(Incident(alert.labels, starts_at, annotations=alert.annotations))
    return begun


def _done(incident: Incident, by: float) -> bool:
    heard = incident.told in (DeliveredState.RESOLVED, DeliveredState.REFUSED)
    return heard and incident.ends_at is not None and incident.ends_at <= by


@dataclass(frozen=True, slots=True)
class Update:
    """One thing to tell of an episode: FIRING or RESOLVED."""

    incident: Incident
    new_state: DeliveredState

    @property
    def status(self) -> str:
        """As Alertmanager calls it: `firing` or `resolved`."""
        return self.new_state.value

    @property
    def is_new(self) -> bool:
        """Whether the receiver does not know it yet."""
        return self.incident.told is not self.new_state


Updates = tuple[Update, ...]


def pending_updates(episodes: Incidents) -> Updates:
    """All that a receiver of events has not heard yet, those of one alert in order."""
    steps = []
    for incident in episodes:
        if incident.told is DeliveredState.NOTHING:
            steps.append(Update(incident, DeliveredState.FIRING))
        if not incident.is_open and incident.told in (DeliveredState.NOTHING, DeliveredState.FIRING):
            steps.append(Update(incident, DeliveredState.RESOLVED))
    return tuple(steps)


def next_update(episodes: Incidents, failures: Mapping[Labels, int]) -> Update | None:
    """What a receiver of events is to hear next, the first untold step of some alert.

    `failures` counts for each alert how often its next step has failed: an event that a receiver chokes on goes to
    the end of the queue and holds up nobody else's. Among equals pages go first, then the oldest.
    """
    first: dict[Labels, Update] = {}
    for update in pending_updates(episodes):
        first.setdefault(update.incident.labels, update)

    def rank(update: Update) -> tuple[int, bool]:
        return failures.get(update.incident.labels, 0), update.incident.severity != Severity.PAGE

    return min(first.values(), key=rank, default=None)


def state(episodes: Incidents) -> Updates:
    """Everything that a receiver of states is to know."""
    return tuple(Update(each, DeliveredState.FIRING if each.is_open else DeliveredState.RESOLVED) for each in episodes)


def news(episodes: Incidents) -> Updates:
    """The part of `state` that it does not know yet."""
    return tuple(update for update in state(episodes) if update.is_new)
