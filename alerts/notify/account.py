"""What became of the notifications for one receiver: counted, remembered for the status page, and logged as news."""

import logging
from collections.abc import Iterable

from alerts.notify.episodes import Episode, Told
from alerts.notify.outcome import Result
from alerts.notify.receivers import Receiver
from alerts.notify.steps import Step, Steps
from exporter.logs import Repeats, event
from exporter.redaction import Redactor

logger = logging.getLogger(__name__)

FULL = "too many notifications are waiting"


class Account:
    """Counts each notification once per attempt. For one thread at a time."""

    def __init__(self, receiver: Receiver) -> None:
        self.counts = dict.fromkeys(Result, 0)
        self.delivered_at: float | None = None  # Unix seconds
        self.problem = ""  # why the last attempt failed; empty while it works
        self.unkept = ""  # why nothing can be kept on disk; empty while it can
        self._name = receiver.name
        self._hide = Redactor(receiver.secrets).hide
        self._repeats = Repeats()

    def delivered(self, steps: Steps, news: Steps, at: float) -> None:
        """They arrived; `news` are those that were not mere repetitions."""
        self.counts[Result.DELIVERED] += len(steps)
        self.delivered_at, self.problem = at, ""
        if self._repeats.forget("failed"):
            event(logger, logging.INFO, "notifications arrive again", receiver=self._name)
        for step in news:
            self._log(logging.INFO, "notified", step)

    def failed(self, steps: Steps, reason: str, waiting: int, tick: float) -> None:
        """They did not arrive, or nobody knows, and will be sent again. What stays broken is logged once an hour."""
        self.counts[Result.FAILED] += len(steps)
        self.problem = self._hide(reason)
        suppressed = self._repeats.suppressed("failed", self.problem, tick)
        if suppressed is not None:
            event(
                logger,
                logging.WARNING,
                "notification failed",
                receiver=self._name,
                reason=self.problem,
                waiting=waiting,
                suppressed=suppressed,
            )

    def refused(self, steps: Steps, reason: str) -> None:
        """The receiver does not want them."""
        self.problem = self._hide(reason)
        self._drop(steps, self.problem)

    def lost(self, episodes: Iterable[Episode]) -> None:
        """There was no room for them: their beginning and, where they are over, their end."""
        for episode in episodes:
            ends = () if episode.lasts else (Step(episode, Told.RESOLVED),)
            self._drop((Step(episode, Told.FIRING), *ends), FULL)

    def kept(self) -> None:
        """What is waiting is safe on disk."""
        self.unkept = ""
        if self._repeats.forget("unkept"):
            event(logger, logging.INFO, "notifications are kept on disk again", receiver=self._name)

    def not_kept(self, reason: str, tick: float) -> None:
        """It is not: it goes on in memory, and a restart would lose it."""
        self.unkept = reason
        suppressed = self._repeats.suppressed("unkept", reason, tick)
        if suppressed is not None:
            text = "notifications are kept in memory only"
            event(logger, logging.WARNING, text, receiver=self._name, reason=reason, suppressed=suppressed)

    def _drop(self, steps: Steps, reason: str) -> None:
        self.counts[Result.DROPPED] += len(steps)
        for step in steps:
            self._log(logging.ERROR, "notification dropped", step, reason=reason)

    def _log(self, level: int, text: str, step: Step, reason: str | None = None) -> None:
        more = {} if reason is None else {"reason": reason}
        event(
            logger,
            level,
            text,
            exc_info=False,
            receiver=self._name,
            alert=step.episode.alert,
            severity=step.episode.severity,
            status=step.status,
            **more,
        )
