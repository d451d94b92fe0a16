"""Incidents of one receiver, and the updates that it is to receive. Pure functions.

An incident is one firing of an alert, from its start to its end. Incidents are in the order in which they started, so
that the updates of one alert are sent in order. A receiver of events receives each update once; a receiver of states
receives the state of all alerts again and again, because it forgets alerts that it no longer receives. Units: times are
Unix seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alerts.model import Alert, Change, Evaluation, Labels, Severity

Incidents = tuple["Incident", ...]


class DeliveredState(StrEnum):
    """The last state of an incident that a receiver has accepted."""

    NOTHING = "nothing"
    FIRING = "firing"
    RESOLVED = "resolved"
    REFUSED = "refused"  # the receiver rejected it for good


_FINAL_STATES = (DeliveredState.RESOLVED, DeliveredState.REFUSED)


@dataclass(frozen=True, slots=True)
class Incident:
    """One firing of the alert with these labels; `ends_at` is None while it is open.

    `condition_since` is when its condition became true, before its for-duration; None when that is unknown.
    `annotations` are those of the last evaluation in which it fired. `absent_since` is the time of the first evaluation
    without the alert, though it was not resolved. They are ignored in comparisons. Times are Unix seconds.
    """

    labels: Labels
    starts_at: float
    ends_at: float | None = None
    delivered_state: DeliveredState = DeliveredState.NOTHING
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    absent_since: float | None = field(default=None, compare=False)
    condition_since: float | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[Labels, float]:
        """Identifies the incident among those of one receiver."""
        return self.labels, self.starts_at

    @property
    def severity(self) -> str:
        """The severity of the alert."""
        return dict(self.labels).get("severity", "")

    @property
    def alert(self) -> str:
        """The name of the alert."""
        return dict(self.labels).get("alertname", "")

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved yet."""
        return self.ends_at is None


def update_incidents(
    incidents: Incidents, evaluation: Evaluation, is_relevant: Callable[[Alert], bool], absence_timeout: float
) -> Incidents:
    """The incidents after an evaluation: some continue, some end, some start.

    A muted alert starts no incident; an incident whose alert is muted later continues. An incident ends when its alert
    is resolved. When its alert is missing, because the rules were reloaded or the exporter was restarted, it ends after
    `absence_timeout` seconds: the alert may return until then, without a second notification.
    """
    resolved = {each.alert.labels: each.at for each in evaluation.transitions if each.change is Change.RESOLVED}
    active = {alert.labels: alert for alert in evaluation.alerts}
    firing = {alert.labels: alert for alert in evaluation.firing}
    kept = []
    for incident in incidents:
        if not incident.is_open:
            kept.append(incident)
        elif incident.labels in resolved:
            kept.append(closed(incident, resolved[incident.labels]))
        elif incident.labels in firing:
            kept.append(replace(incident, annotations=firing[incident.labels].annotations, absent_since=None))
        elif incident.labels in active:
            kept.append(replace(incident, absent_since=None))
        else:
            kept.append(_mark_absent(incident, evaluation.at, absence_timeout))
    return (*kept, *_opened(kept, evaluation, is_relevant))


def closed(incident: Incident, at: float) -> Incident:
    """The incident with an end, in Unix seconds; never before its start, even if the clock was set back."""
    return replace(incident, ends_at=max(at, incident.starts_at))


def with_delivered_states(incidents: Incidents, states: Mapping[tuple[Labels, float], DeliveredState]) -> Incidents:
    """The incidents after a receiver accepted these states, by key of incident."""
    return tuple(replace(each, delivered_state=states[each.key]) if each.key in states else each for each in incidents)


def without_finished(incidents: Incidents, at: float, retention: float) -> Incidents:
    """Without incidents that ended more than `retention` seconds ago and need no further update."""
    return tuple(each for each in incidents if each.ends_at is None or not _is_finished(each, at - retention))


def latest_per_alert(incidents: Incidents) -> Incidents:
    """The last incident of each alert, for a receiver of states."""
    return tuple({each.labels: each for each in incidents}.values())


def limit_incidents(
    incidents: Incidents, capacity: int, in_flight: Iterable[tuple[Labels, float]]
) -> tuple[Incidents, Incidents]:
    """At most `capacity` incidents, to bound memory; and the dropped ones of which the receiver knows nothing.

    Dropped first are finished incidents; then ended ones of which nothing was sent, oldest first; then the newest open
    ones of which nothing was sent. Incidents that fire for the receiver are kept, so that it receives their end; so are
    those `in_flight`.
    """
    excess = len(incidents) - capacity
    if excess <= 0:
        return incidents, ()
    in_flight_keys = set(in_flight)
    idle = [each for each in incidents if each.key not in in_flight_keys]
    finished = [each for each in idle if not each.is_open and each.delivered_state in _FINAL_STATES]
    unsent = [each for each in idle if not each.is_open and each.delivered_state is DeliveredState.NOTHING]
    newest_first = [each for each in reversed(idle) if each.is_open and each.delivered_state is DeliveredState.NOTHING]
    gone = {each.key: each for each in (finished + unsent + newest_first)[:excess]}
    kept = tuple(each for each in incidents if each.key not in gone)
    return kept, tuple(each for each in gone.values() if each.delivered_state is DeliveredState.NOTHING)


def _mark_absent(incident: Incident, at: float, absence_timeout: float) -> Incident:
    since = at if incident.absent_since is None else incident.absent_since
    return closed(incident, at) if at - since >= absence_timeout else replace(incident, absent_since=since)


def _opened(known: list[Incident], evaluation: Evaluation, is_relevant: Callable[[Alert], bool]) -> list[Incident]:
    open_alerts = {each.labels for each in known if each.is_open}
    # Incidents of an alert do not overlap, even if the clock was set back.
    ends = {each.labels: each.ends_at for each in known if each.ends_at is not None}
    opened = []
    for alert in evaluation.firing:
        if alert.labels in open_alerts or alert.muted or not is_relevant(alert):
            continue
        since = evaluation.at if alert.firing_since is None else alert.firing_since
        starts_at = max(since, ends.get(alert.labels, since))
        incident = Incident(alert.labels, starts_at, annotations=alert.annotations, condition_since=alert.active_since)
        opened.append(incident)
    return opened


def _is_finished(incident: Incident, by: float) -> bool:
    return incident.delivered_state in _FINAL_STATES and incident.ends_at is not None and incident.ends_at <= by


@dataclass(frozen=True, slots=True)
class Update:
    """A change of an incident to send: to FIRING or RESOLVED."""

    incident: Incident
    new_state: DeliveredState

    @property
    def status(self) -> str:
        """The status in Alertmanager's terms: `firing` or `resolved`."""
        return self.new_state.value

    @property
    def is_new(self) -> bool:
        """Whether the receiver has not accepted it yet."""
        return self.incident.delivered_state is not self.new_state


Updates = tuple[Update, ...]


def pending_updates(incidents: Incidents) -> Updates:
    """The updates that a receiver of events has not accepted yet, in order per alert."""
    updates = []
    for incident in incidents:
        if incident.delivered_state is DeliveredState.NOTHING:
            updates.append(Update(incident, DeliveredState.FIRING))
        if not incident.is_open and incident.delivered_state in (DeliveredState.NOTHING, DeliveredState.FIRING):
            updates.append(Update(incident, DeliveredState.RESOLVED))
    return tuple(updates)


def next_update(incidents: Incidents, failures: Mapping[Labels, int]) -> Update | None:
    """The next update for a receiver of events: the first pending update of some alert.

    `failures` counts the failed attempts per alert: an update that fails goes to the end of the queue, so that it does
    not delay other alerts. Otherwise pages come first, then the oldest.
    """
    first: dict[Labels, Update] = {}
    for update in pending_updates(incidents):
        first.setdefault(update.incident.labels, update)

    def rank(update: Update) -> tuple[int, bool]:
        return failures.get(update.incident.labels, 0), update.incident.severity != Severity.PAGE

    return min(first.values(), key=rank, default=None)


def all_updates(incidents: Incidents) -> Updates:
    """The state of every incident, for a receiver of states."""
    return tuple(Update(each, DeliveredState.FIRING if each.is_open else DeliveredState.RESOLVED) for each in incidents)
