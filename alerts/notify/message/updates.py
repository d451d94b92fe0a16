"""What to tell a receiver next. Pure.

A receiver of events hears each step once, those of one alert in order. A receiver of states hears all of them again
and again: it forgets what it does not hear.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.model import Labels, Severity
from alerts.notify.message.incidents import DeliveredState, Incident, Incidents


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
