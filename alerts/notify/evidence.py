"""Evidence for notifications: gathered when the first one of an incident is to be sent, and added to its annotations.

A notification waits for its evidence for a limited time, and is sent without it when it is late. A receiver of states
gets late evidence with the next request.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from time import monotonic

from alerts.model import DRILL, Labels, Severity
from alerts.notify.message.incidents import DeliveredState, Incident, Update, Updates

ANNOTATION = "evidence"
# How long a notification may wait for its evidence, seconds.
TIME_LIMIT = 1.0
# Incidents whose evidence is kept: more than there are rules.
CAPACITY = 200

_SEVERITIES = (Severity.PAGE.value, Severity.TICKET.value)


@dataclass(slots=True)
class _Gathering:
    """The evidence of one incident. `started` is in seconds of the monotonic clock."""

    started: float
    done: Event = field(default_factory=Event)
    text: str = ""


class EvidenceStore:
    """The evidence of the open incidents, for the delivery workers of all receivers.

    `gather` returns the evidence about an alert, by its name; it may block. `run` has it called in a thread that may
    read the database. Safe to use from any thread.
    """

    def __init__(
        self,
        gather: Callable[[str], str],
        run: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._gather = gather
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._gatherings: dict[tuple[Labels, float], _Gathering] = {}
        self._is_closed = False

    def annotate(self, updates: Updates) -> Updates:
        """The updates, those of firing alerts with their evidence. Returns within TIME_LIMIT."""
        started = {update.incident.key: self._start(update.incident) for update in updates if _has_evidence(update)}
        return tuple(self._annotated(update, started.get(update.incident.key)) for update in updates)

    def close(self) -> None:
        """Have no notification wait any more."""
        with self._lock:
            self._is_closed = True
            for gathering in self._gatherings.values():
                gathering.done.set()

    def _start(self, incident: Incident) -> _Gathering:
        with self._lock:
            known = self._gatherings.get(incident.key)
            if known is not None:
                return known
            gathering = self._gatherings[incident.key] = _Gathering(self._clock())
            while len(self._gatherings) > CAPACITY:
                del self._gatherings[next(iter(self._gatherings))]
            if self._is_closed:
                gathering.done.set()
                return gathering
        self._run(lambda: self._finish(gathering, incident.alert))
        return gathering

    def _finish(self, gathering: _Gathering, alert: str) -> None:
        try:
            gathering.text = self._gather(alert)
        finally:
            gathering.done.set()

    def _annotated(self, update: Update, gathering: _Gathering | None) -> Update:
        if gathering is None:
            return update
        gathering.done.wait(max(0.0, gathering.started + TIME_LIMIT - self._clock()))
        if not gathering.text:
            return update
        annotations = {**update.incident.annotations, ANNOTATION: gathering.text}
        return replace(update, incident=replace(update.incident, annotations=annotations))


def _has_evidence(update: Update) -> bool:
    incident = update.incident
    return update.new_state is DeliveredState.FIRING and incident.severity in _SEVERITIES and incident.alert != DRILL
