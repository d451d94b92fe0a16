"""Which alerts travel together to a receiver of states.

All in one request, as long as it takes them. A request that is refused for its content is halved until the alerts that
it does not take are found: these are sent one by one from then on, each at its own retry times, and the others are not
held up. Not thread-safe; units: ticks are seconds of the monotonic clock.
"""

from collections.abc import Set as AbstractSet

from alerts.model import Labels
from alerts.notify.delivery.outcome import Backoff
from alerts.notify.message.incidents import Update, Updates

Batch = frozenset[Labels]


class Batches:
    """The split of all alerts into batches. Alerts are named by their labels."""

    def __init__(self) -> None:
        self._rest: list[Batch] = []  # parts of batches that were begun, still to be sent
        self._refused: dict[Labels, Backoff] = {}

    @property
    def is_split(self) -> bool:
        """Whether a batch that was begun has parts left."""
        return bool(self._rest)

    @property
    def refused(self) -> AbstractSet[Labels]:
        """Alerts whose last attempt was refused although they were alone."""
        return self._refused.keys()

    def not_refused(self, steps: Updates) -> Updates:
        """Those that were not refused."""
        return tuple(update for update in steps if update.incident.labels not in self._refused)

    def retry_at(self) -> float | None:
        """The tick from which a refused alert is due; None while none is refused."""
        return min((each.until for each in self._refused.values()), default=None)

    def begin(self, not_refused: Updates, monotonic: float) -> None:
        """Start a round: these together, then each refused alert that is due by itself."""
        due = [labels for labels, backoff in self._refused.items() if backoff.until <= monotonic]
        self._rest = [each for each in (_names(not_refused), *(frozenset((labels,)) for labels in due)) if each]

    def take(self, steps: Updates) -> Updates:
        """The next batch, as its alerts stand now."""
        if not self._rest:
            return ()
        batch = self._rest.pop(0)
        return tuple(update for update in steps if update.incident.labels in batch)

    def halve(self, steps: Updates) -> None:
        """The content of this batch, two alerts at least, was refused: send each half before anything else."""
        middle = len(steps) // 2
        self._rest[:0] = [_names(steps[:middle]), _names(steps[middle:])]

    def backoff(self, update: Update) -> Backoff:
        """How long this alert is left alone so far."""
        return self._refused.get(update.incident.labels, Backoff())

    def refuse(self, update: Update, backoff: Backoff) -> None:
        """It was alone, and refused."""
        self._refused[update.incident.labels] = backoff

    def accepted(self, steps: Updates) -> None:
        """They arrived."""
        for update in steps:
            self._refused.pop(update.incident.labels, None)

    def abandon(self) -> None:
        """The receiver does not answer as it should: the next round begins from the start."""
        self._rest = []

    def retain(self, there: AbstractSet[Labels]) -> None:
        """Other alerts do not exist any more."""
        self._refused = {labels: each for labels, each in self._refused.items() if labels in there}
        self._rest = [left for batch in self._rest if (left := batch & there)]


def _names(steps: Updates) -> Batch:
    return frozenset(update.incident.labels for update in steps)
