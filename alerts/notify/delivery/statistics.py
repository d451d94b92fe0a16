"""What became of the notifications for one receiver: counted, remembered for the status page, and logged as news."""

import logging
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from alerts.model import Labels
from alerts.notify.delivery.outcome import DeliveryResult
from alerts.notify.message.incidents import DeliveredState, Incident, Update, Updates
from alerts.notify.receivers.receiver import Receiver
from exporter.core.logs import RepeatFilter, event
from exporter.core.redaction import Redactor

logger = logging.getLogger(__name__)

FULL = "too many notifications are waiting"


class DeliveryStatistics:
    """Counts each notification once per attempt. For one thread at a time."""

    def __init__(self, receiver: Receiver) -> None:
        self.counts = dict.fromkeys(DeliveryResult, 0)
        self.delivered_at: float | None = None  # Unix seconds
        self._last_failure = ""  # why the last attempt failed; empty while it works
        self._refused_alerts: dict[Labels, str] = {}  # alerts that are refused while others arrive, each in a sentence
        self.save_problem = ""  # why nothing can be kept on disk; empty while it can
        self._name = receiver.name
        self._hide = Redactor(receiver.secrets).hide
        self._repeats = RepeatFilter()

    @property
    def problem(self) -> str:
        """Why something does not arrive, in a sentence; empty while everything does."""
        if self._last_failure or not self._refused_alerts:
            return self._last_failure
        first, more = next(iter(self._refused_alerts.values())), len(self._refused_alerts) - 1
        return first + (f"; and {more} more" if more else "")

    def delivered(self, steps: Updates, news: Updates, at: float) -> None:
        """They arrived; `news` are those that were not mere repetitions."""
        self.counts[DeliveryResult.DELIVERED] += len(steps)
        self.delivered_at, self._last_failure = at, ""
        self._clear_refusals(update.incident.labels for update in steps)
        if self._repeats.forget("failed"):
            event(logger, logging.INFO, "notifications arrive again", receiver=self._name)
        for update in news:
            self._log(logging.INFO, "notified", update)

    def failed(self, steps: Updates, reason: str, waiting: int, monotonic: float) -> None:
        """They did not arrive, or nobody knows, and will be sent again. What stays broken is logged once an hour."""
        self.counts[DeliveryResult.FAILED] += len(steps)
        self._last_failure = self._hide(reason)
        suppressed = self._repeats.suppressed("failed", self._last_failure, monotonic)
        if suppressed is not None:
            event(
                logger,
                logging.WARNING,
                "notification failed",
                receiver=self._name,
                reason=self._last_failure,
                waiting=waiting,
                suppressed=suppressed,
            )

    def refused(self, steps: Updates, reason: str) -> None:
        """The receiver does not want them."""
        self._last_failure = self._hide(reason)
        self._drop(steps, self._last_failure)

    def alert_refused(self, update: Update, reason: str, monotonic: float) -> None:
        """The receiver takes others, but not this one; it will be sent again. Logged once an hour."""
        self.counts[DeliveryResult.FAILED] += 1
        self._last_failure = ""
        reason, incident = self._hide(reason), update.incident
        self._refused_alerts[incident.labels] = f"{incident.alert} ({incident.severity}) is refused: {reason}"
        suppressed = self._repeats.suppressed(_refusal(incident.labels), reason, monotonic)
        if suppressed is not None:
            self._log(logging.WARNING, "notification refused", update, reason=reason, suppressed=suppressed)

    def retain(self, there: AbstractSet[Labels]) -> None:
        """Other alerts do not exist any more."""
        self._clear_refusals(self._refused_alerts.keys() - there)

    def dropped_over_capacity(self, episodes: Iterable[Incident]) -> None:
        """There was no room for them: their beginning and, where they are over, their end."""
        for incident in episodes:
            ends = () if incident.is_open else (Update(incident, DeliveredState.RESOLVED),)
            self._drop((Update(incident, DeliveredState.FIRING), *ends), FULL)

    def kept(self) -> None:
        """What is waiting is safe on disk."""
        self.save_problem = ""
        if self._repeats.forget("unkept"):
            event(logger, logging.INFO, "notifications are kept on disk again", receiver=self._name)

    def save_failed(self, reason: str, monotonic: float) -> None:
        """It is not: it goes on in memory, and a restart would lose it."""
        self.save_problem = reason
        suppressed = self._repeats.suppressed("unkept", reason, monotonic)
        if suppressed is not None:
            text = "notifications are kept in memory only"
            event(logger, logging.WARNING, text, receiver=self._name, reason=reason, suppressed=suppressed)

    def _drop(self, steps: Updates, reason: str) -> None:
        self.counts[DeliveryResult.DROPPED] += len(steps)
        for update in steps:
            self._log(logging.ERROR, "notification dropped", update, reason=reason)

    def _clear_refusals(self, alerts: Iterable[Labels]) -> None:
        for labels in alerts:
            if self._refused_alerts.pop(labels, None) is not None:
                self._repeats.forget(_refusal(labels))

    def _log(self, level: int, text: str, update: Update, **more: str | int) -> None:
        event(
            logger,
            level,
            text,
            exc_info=False,
            receiver=self._name,
            alert=update.incident.alert,
            severity=update.incident.severity,
            status=update.status,
            **more,
        )


def _refusal(labels: Labels) -> str:
    return f"refused {labels}"
