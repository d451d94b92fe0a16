"""The batches of alerts in requests to a receiver of states.

All alerts are sent in one request as long as the receiver accepts it. A request that is refused for its content is
halved until the refused alerts are found. Those are then sent one by one, each at its own retry times, so that the
other alerts are not delayed. Not safe for several threads at once. Units: `monotonic` seconds of the monotonic clock.
"""

from collections.abc import Set as AbstractSet

from alerts.model import Labels
from alerts.notify.delivery.outcome import Backoff
from alerts.notify.message.incidents import Update, Updates

Batch = frozenset[Labels]


class Batches:
    """Splits the alerts into batches. Alerts are identified by their labels."""

    def __init__(self) -> None:
        self._rest: list[Batch] = []  # the batches of this round that are still to be sent
        self._refused: dict[Labels, Backoff] = {}

    @property
    def is_split(self) -> bool:
        """Whether the round has batches left."""
        return bool(self._rest)

    @property
    def refused(self) -> AbstractSet[Labels]:
        """Alerts whose last attempt, alone in a request, was refused."""
        return self._refused.keys()

    def not_refused(self, updates: Updates) -> Updates:
        """The updates of alerts that were not refused."""
        return tuple(update for update in updates if update.incident.labels not in self._refused)

    def retry_at(self) -> float | None:
        """When the next refused alert is due; None without refused alerts."""
        return min((each.until for each in self._refused.values()), default=None)

    def begin(self, not_refused: Updates, monotonic: float) -> None:
        """Start a round: these updates together, then each refused alert that is due, alone."""
        due = [labels for labels, backoff in self._refused.items() if backoff.until <= monotonic]
        self._rest = [each for each in (_labels_of(not_refused), *(frozenset((labels,)) for labels in due)) if each]

    def take(self, updates: Updates) -> Updates:
        """The next batch, with the current updates of its alerts."""
        if not self._rest:
            return ()
        batch = self._rest.pop(0)
        return tuple(update for update in updates if update.incident.labels in batch)

    def halve(self, updates: Updates) -> None:
        """The content of this batch of two or more alerts was refused: send each half next."""
        middle = len(updates) // 2
        self._rest[:0] = [_labels_of(updates[:middle]), _labels_of(updates[middle:])]

    def backoff(self, update: Update) -> Backoff:
        """The current backoff of this alert."""
        return self._refused.get(update.incident.labels, Backoff())

    def refuse(self, update: Update, backoff: Backoff) -> None:
        """The alert was refused alone in a request."""
        self._refused[update.incident.labels] = backoff

    def accepted(self, updates: Updates) -> None:
        """The receiver accepted these updates."""
        for update in updates:
            self._refused.pop(update.incident.labels, None)

    def abandon(self) -> None:
        """The request failed: the next round starts anew."""
        self._rest = []

    def retain(self, alerts: AbstractSet[Labels]) -> None:
        """Forget all other alerts."""
        self._refused = {labels: each for labels, each in self._refused.items() if labels in alerts}
        self._rest = [left for batch in self._rest if (left := batch & alerts)]


def _labels_of(updates: Updates) -> Batch:
    return frozenset(update.incident.labels for update in updates)
