"""Delivery statistics of one receiver: counters, the last problem for the status page, log messages."""

import logging
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from alerts.model import DRILL, Labels, Severity
from alerts.notify.delivery.outcome import DeliveryResult
from alerts.notify.message.incidents import DeliveredState, Incident, Update, Updates
from alerts.notify.receivers.receiver import Receiver
from exporter.core.logs import RepeatFilter, event, hide
from exporter.core.redaction import Redactor

logger = logging.getLogger(__name__)

FULL = "too many notifications are waiting"


class DeliveryStatistics:
    """Counts each update once per attempt. Not safe for several threads at once.

    Units: `monotonic` seconds of the monotonic clock.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.counts = dict.fromkeys(DeliveryResult, 0)
        self.delivered_at: float | None = None  # Unix seconds
        self.alert_delay: float | None = None  # seconds; of the latest alert that was accepted
        self._last_failure = ""  # why the last attempt failed; empty after a success
        self._refused_alerts: dict[Labels, str] = {}  # the reason per alert that is refused while others are accepted
        self.save_problem = ""  # why incidents cannot be saved; empty when they are
        self._name = receiver.name
        self._receiver = receiver
        self._repeats = RepeatFilter()

    @property
    def problem(self) -> str:
        """Why updates are not accepted, in a sentence; empty when all are."""
        if self._last_failure or not self._refused_alerts:
            return self._last_failure
        first, more = next(iter(self._refused_alerts.values())), len(self._refused_alerts) - 1
        return first + (f"; and {more} more" if more else "")

    def delivered(self, updates: Updates, new: Updates, at: float) -> None:
        """The receiver accepted these updates at `at`, Unix seconds; `new` are those that were not resent."""
        self.counts[DeliveryResult.DELIVERED] += len(updates)
        self.delivered_at, self._last_failure = at, ""
        self.alert_delay = max((at - since for since in _begun(new)), default=self.alert_delay)
        self._clear_refusals(update.incident.labels for update in updates)
        if self._repeats.forget("failed"):
            event(logger, logging.INFO, "notifications are accepted again", receiver=self._name)
        for update in new:
            self._log(logging.INFO, "notified", update)

    def failed(self, updates: Updates, reason: str, waiting: int, monotonic: float) -> None:
        """The attempt failed and will be retried. A repeated failure is logged once an hour."""
        self.counts[DeliveryResult.FAILED] += len(updates)
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

    def refused(self, updates: Updates, reason: str) -> None:
        """The receiver refused these updates for good."""
        self._last_failure = self._hide(reason)
        self._drop(updates, self._last_failure)

    def alert_refused(self, update: Update, reason: str, monotonic: float) -> None:
        """The receiver refuses this alert but accepts others; it will be retried. Logged once an hour."""
        self.counts[DeliveryResult.FAILED] += 1
        self._last_failure = ""
        reason, incident = self._hide(reason), update.incident
        self._refused_alerts[incident.labels] = f"{incident.alert} ({incident.severity}) is refused: {reason}"
        suppressed = self._repeats.suppressed(_refusal(incident.labels), reason, monotonic)
        if suppressed is not None:
            self._log(logging.WARNING, "notification refused", update, reason=reason, suppressed=suppressed)

    def retain(self, alerts: AbstractSet[Labels]) -> None:
        """Forget the refusals of all other alerts."""
        self._clear_refusals(self._refused_alerts.keys() - alerts)

    def dropped_over_capacity(self, incidents: Iterable[Incident]) -> None:
        """These incidents were dropped over capacity: their start and, if they ended, their end."""
        for incident in incidents:
            ends = () if incident.is_open else (Update(incident, DeliveredState.RESOLVED),)
            self._drop((Update(incident, DeliveredState.FIRING), *ends), FULL)

    def saved(self) -> None:
        """The incidents are on disk."""
        self.save_problem = ""
        if self._repeats.forget("save"):
            event(logger, logging.INFO, "notifications are saved again", receiver=self._name)

    def save_failed(self, reason: str, monotonic: float) -> None:
        """The incidents could not be saved, so that a restart would lose them."""
        self.save_problem = reason
        suppressed = self._repeats.suppressed("save", reason, monotonic)
        if suppressed is not None:
            text = "notifications cannot be saved"
            event(logger, logging.WARNING, text, receiver=self._name, reason=reason, suppressed=suppressed)

    def _hide(self, text: str) -> str:
        """The text of a receiver, which may repeat its secrets; those of now, as they may have changed."""
        return hide(Redactor(self._receiver.secrets).hide(text))

    def _drop(self, updates: Updates, reason: str) -> None:
        self.counts[DeliveryResult.DROPPED] += len(updates)
        for update in updates:
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


def _begun(new: Updates) -> Iterator[float]:
    """When the conditions of the alerts among these updates began, Unix seconds; without the watchdog and drills."""
    for update in new:
        incident = update.incident
        is_alert = incident.severity != Severity.NONE and incident.alert != DRILL
        if is_alert and update.new_state is DeliveredState.FIRING and incident.condition_since is not None:
            yield incident.condition_since


def _refusal(labels: Labels) -> str:
    return f"refused {labels}"
