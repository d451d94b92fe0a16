"""What the three kinds of receivers have in common."""

from typing import Protocol

from alerts.model import Severity
from alerts.notify.message.incidents import Updates
from alerts.notify.receivers.post import Message


class Receiver(Protocol):
    """Whom to tell, and in which words. Immutable.

    `repeats` is true for a receiver of states, which hears everything again and again; one of events hears each step
    once, one by one. `identity` is what makes it this one and no other, if only by its key, and as secret as that.
    `secrets` must appear in no log, page, metric or file.
    """

    @property
    def name(self) -> str:
        """As in metrics and logs, and in the name of the file: letters, digits, `-`."""

    @property
    def resends(self) -> bool:
        """Whether it hears states or events."""

    @property
    def severities(self) -> frozenset[Severity]:
        """What it hears of."""

    @property
    def identity(self) -> str:
        """Where notifications end up: another one has heard nothing of what this one was told."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, the address among them where it holds a token."""

    @property
    def probe(self) -> Message:
        """A request that tells it nothing, and shows whether it is there."""

    def message(self, steps: Updates, valid_until: float) -> Message:
        """These steps in its own words; what fires is to be believed until then (Unix seconds)."""
