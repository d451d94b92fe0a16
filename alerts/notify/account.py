"""What became of the notifications for one receiver: counted, remembered for the status page, and logged as news."""

import logging
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from alerts.model import Labels
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
        self._trouble = ""  # why the last attempt failed; empty while it works
        self._turned_down: dict[Labels, str] = {}  # alerts that are refused while others arrive, each in a sentence
        self.unkept = ""  # why nothing can be kept on disk; empty while it can
        self._name = receiver.name
        self._hide = Redactor(receiver.secrets).hide
        self._repeats = Repeats()

    @property
    def problem(self) -> str:
        """Why something does not arrive, in a sentence; empty while everything does."""
        if self._trouble or not self._turned_down:
            return self._trouble
        first, more = next(iter(self._turned_down.values())), len(self._turned_down) - 1
        return first + (f"; and {more} more" if more else "")

    def delivered(self, steps: Steps, news: Steps, at: float) -> None:
        """They arrived; `news` are those that were not mere repetitions."""
        self.counts[Result.DELIVERED] += len(steps)
        self.delivered_at, self._trouble = at, ""
        self._welcome(step.episode.labels for step in steps)
        if self._repeats.forget("failed"):
            event(logger, logging.INFO, "notifications arrive again", receiver=self._name)
        for step in news:
            self._log(logging.INFO, "notified", step)

    def failed(self, steps: Steps, reason: str, waiting: int, tick: float) -> None:
        """They did not arrive, or nobody knows, and will be sent again. What stays broken is logged once an hour."""
        self.counts[Result.FAILED] += len(steps)
        self._trouble = self._hide(reason)
        suppressed = self._repeats.suppressed("failed", self._trouble, tick)
        if suppressed is not None:
            event(
                logger,
                logging.WARNING,
                "notification failed",
                receiver=self._name,
                reason=self._trouble,
                waiting=waiting,
                suppressed=suppressed,
            )

    def refused(self, steps: Steps, reason: str) -> None:
        """The receiver does not want them."""
        self._trouble = self._hide(reason)
        self._drop(steps, self._trouble)

    def turned_down(self, step: Step, reason: str, tick: float) -> None:
        """The receiver takes others, but not this one; it will be sent again. Logged once an hour."""
        self.counts[Result.FAILED] += 1
        self._trouble = ""
        reason, episode = self._hide(reason), step.episode
        self._turned_down[episode.labels] = f"{episode.alert} ({episode.severity}) is refused: {reason}"
        suppressed = self._repeats.suppressed(_refusal(episode.labels), reason, tick)
        if suppressed is not None:
            self._log(logging.WARNING, "notification refused", step, reason=reason, suppressed=suppressed)

    def forget_all_but(self, there: AbstractSet[Labels]) -> None:
        """Other alerts do not exist any more."""
        self._welcome(self._turned_down.keys() - there)

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

    def _welcome(self, alerts: Iterable[Labels]) -> None:
        for labels in alerts:
            if self._turned_down.pop(labels, None) is not None:
                self._repeats.forget(_refusal(labels))

    def _log(self, level: int, text: str, step: Step, **more: str | int) -> None:
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


def _refusal(labels: Labels) -> str:
    return f"refused {labels}"
