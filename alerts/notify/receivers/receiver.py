"""The interface of receivers."""

from typing import Protocol

from alerts.model import Severity
from alerts.notify.message.incidents import Updates
from alerts.notify.receivers.post import Message


class Receiver(Protocol):
    """A receiver of notifications and its message format. Immutable.

    `resends` is true for a receiver of states, which receives all alerts repeatedly; a receiver of events receives each
    update once, one by one. `identity` distinguishes it from others, may contain its key, and is then as secret.
    `secrets` must not appear in logs, pages, metrics or files.
    """

    @property
    def name(self) -> str:
        """The name in metrics, logs and the name of the file: letters, digits, `-`."""

    @property
    def resends(self) -> bool:
        """Whether it receives states, not events."""

    @property
    def severities(self) -> frozenset[Severity]:
        """The severities that it receives."""

    @property
    def identity(self) -> str:
        """The destination: a receiver with another identity has received nothing yet."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that were used, including the URL where it contains a token."""

    @property
    def probe(self) -> Message:
        """A request without a notification, which checks that the receiver answers. Raises: SecretUnavailable."""

    def message(self, updates: Updates, valid_until: float) -> Message:
        """The request with these updates. Firing alerts are valid until `valid_until`, Unix seconds.

        Raises: SecretUnavailable.
        """
