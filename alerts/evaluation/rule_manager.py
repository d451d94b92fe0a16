"""Judges the exporter's own samples by the policy, at its interval, in a thread that sampling never waits for.

It scrapes as Prometheus would, but without HTTP: what the exporter shows at a moment is assessed, and how alerts stand
is told to whoever listens.
"""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from alerts.evaluation.clock import MonitoredClock
from alerts.evaluation.rule_group import LIFE, RuleGroup
from alerts.evaluation.state_file import StateFile, StateFileError
from alerts.model import Change, Evaluation, Labels, Policy, RuleKey
from alerts.promql.storage import Sample
from exporter.core.logs import RepeatFilter, event
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

logger = logging.getLogger(__name__)

# Our series say that they were not scraped by anybody.
INSTANCE = "sidecar"
# What a scrape would add, or the process itself says.
_OWN_METRICS = ("up", "process_start_time_seconds")
# How long after a round of samples has begun it is judged, in intervals: when it is over, as a rule, so that alerts
# rest on what was seen a moment ago; and neither stands in the other's way, which costs a fifth of the judge's time.
EVALUATION_OFFSET = 0.1
# How much of the past a crash may cost, seconds, while somebody relies on it and while nobody does. What anybody was
# told is written at once.
SAVE_INTERVAL = 60.0
IDLE_SAVE_INTERVAL = 300.0
_NOTIFIED_CHANGES = (Change.FIRING, Change.RESOLVED)

# One sample as it is shown: name, labels in any order, value.
ExposedSample = tuple[str, Labels, float]
Listener = Callable[[Evaluation], None]


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """Where the judge gets to know things. `started_at` is when the process began, Unix seconds."""

    # Everything that the exporter shows now, as far as its name is wanted; what is not wanted may be left out.
    scrape: Callable[[Callable[[str], bool]], Iterable[ExposedSample]]
    # Names of the collectors with fresh results; None while not all have run, when nothing is known.
    fresh: Callable[[], AbstractSet[str] | None]
    started_at: float
    # Whether somebody is told what is found, or a verdict will rest on it: then every interval counts.
    has_consumers: Callable[[], bool] = lambda: True


class RuleManager:
    """Evaluates the policy every `interval` of it, once started, or every other one while nobody relies on it.

    Each of the `listeners` hears every evaluation, in the judge's thread: one that takes long delays the next. How
    alerts stand survives restarts in `state_dir`; where that cannot be written, it does not, and the log says so.
    `failures` counts what went wrong, by what it was. Raises: UnsupportedError, TemplateError from the constructor
    when the policy has more in it than can be evaluated here.
    """

    def __init__(
        self,
        policy: Policy,
        sources: RuleInputs,
        state_dir: Path,
        listeners: Sequence[Listener] = (),
        clock: MonitoredClock | None = None,
    ) -> None:
        self._interval = policy.interval
        self._sources = sources
        self._listeners = tuple(listeners)
        self._clock = clock or MonitoredClock()
        self._file = StateFile(state_dir)
        self._common: Labels = (("instance", INSTANCE), ("job", policy.job))
        self._rule_group = RuleGroup(policy)
        self._saved_at: float | None = None
        self._repeats = RepeatFilter()
        self._skipped_interval = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="judge", daemon=True)
        self._firing: frozenset[RuleKey] | None = None
        self._readings: tuple[Reading, ...] = ()
        self._evaluation: Evaluation | None = None
        self._expires = -math.inf  # by the monotonic clock
        self.failures: Counter[str] = Counter()

    def start(self) -> None:
        """Take up what was kept, and evaluate from one interval on, each time after the collectors' turn."""
        self._restore()
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Evaluate no more, and keep how alerts stand. Returns after `timeout` seconds even when a listener hangs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._evaluation is not None and not self._thread.is_alive():
            self._save(self._evaluation.at)

    @property
    def evaluation(self) -> Evaluation | None:
        """The latest; None before the first, and when it is too old to be believed."""
        return self._evaluation if self._clock.monotonic() <= self._expires else None

    def readings(self) -> tuple[Reading, ...]:
        """Which rules fire: one reading for each; none before the first evaluation, nor when it is too old.

        The same object until one changes, so that who shows them can tell.
        """
        return self._readings if self.evaluation is not None else ()

    def evaluate(self) -> Evaluation:
        """Evaluate now, in this thread, and tell the listeners. For who does not start it."""
        now = self._clock.now()
        samples, fresh = self._scrape()
        evaluation = self._rule_group.evaluate_samples(now, samples, fresh)
        for failure in self._rule_group.failures:
            self._failed("expression", failure.message, signal_or_rule=failure.what)
        self._update_readings(evaluation)
        self._evaluation, self._expires = evaluation, self._clock.monotonic() + LIFE * self._interval
        if self._is_worth_saving(evaluation):
            self._save(now.at)
        for listener in self._listeners:
            self._tell(listener, evaluation)
        return evaluation

    def _run(self) -> None:
        due = time.monotonic() + self._interval * (1 + EVALUATION_OFFSET)
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            try:
                if not self._skips_interval():
                    self.evaluate()
            except Exception as error:  # noqa: BLE001 - whatever happens, the next evaluation may do better
                self._failed("evaluation", repr(error), error)
            # What was missed is not made up for.
            due = max(due + self._interval, time.monotonic())

    def _skips_interval(self) -> bool:
        """Whether to leave this interval out: never two of them, nor the first."""
        self._skipped_interval = not self._skipped_interval and not self._sources.has_consumers()
        return self._skipped_interval

    def _scrape(self) -> tuple[list[Sample], AbstractSet[str] | None]:
        """What the exporter shows, and `up` as Prometheus would have it; nothing is known when that fails."""
        try:
            fresh = self._sources.fresh()
            return [*self._wanted(self._sources.scrape(self._rule_group.stores)), *self._own_samples(up=1.0)], fresh
        except Exception as error:  # noqa: BLE001 - as Prometheus: a scrape that fails is a fact, not an end
            self._failed("scrape", repr(error), error)
            return list(self._own_samples(up=0.0)), None

    def _wanted(self, exposed: Iterable[ExposedSample]) -> Iterator[Sample]:
        for name, labels, value in exposed:
            if name not in _OWN_METRICS and self._rule_group.stores(name):
                yield name, _completed(labels, self._common), value

    def _own_samples(self, *, up: float) -> Iterator[Sample]:
        own = zip(_OWN_METRICS, (up, self._sources.started_at), strict=True)
        return ((name, self._common, value) for name, value in own if self._rule_group.stores(name))

    def _update_readings(self, evaluation: Evaluation) -> None:
        firing = frozenset(alert.key for alert in evaluation.firing)
        if firing != self._firing:
            self._firing = firing
            self._readings = tuple(
                Reading(catalogue.ALERT_FIRING, float(key in firing), (key.alert, str(key.severity)))
                for key in self._rule_group.rules
            )

    def _is_worth_saving(self, evaluation: Evaluation) -> bool:
        if any(transition.change in _NOTIFIED_CHANGES for transition in evaluation.transitions):
            return True
        pause = SAVE_INTERVAL if self._sources.has_consumers() else IDLE_SAVE_INTERVAL
        return self._saved_at is None or not 0 <= evaluation.at - self._saved_at < pause

    def _tell(self, listener: Listener, evaluation: Evaluation) -> None:
        try:
            listener(evaluation)
        except Exception as error:  # noqa: BLE001 - one who cannot listen must not keep the others from hearing
            self._failed("listener", f"{listener}: {error!r}", error)

    def _save(self, at: float) -> None:
        self._saved_at = at
        kept = self._rule_group.keep(at)
        try:
            self._file.save(kept)
        except StateFileError as error:
            self._failed("state", str(error))

    def _restore(self) -> None:
        try:
            kept = self._file.load()
        except StateFileError as error:
            self._failed("state", f"{error}; alerts are judged afresh")
            return
        if kept is not None:
            self._rule_group.restore(kept, self._clock.wall())
            event(logger, logging.INFO, "alerts restored", alerts=len(kept.active_alerts))

    def _failed(self, what: str, message: str, error: BaseException | None = None, **fields: str) -> None:
        """Count it, and say so if it is news."""
        self.failures[what] += 1
        suppressed = self._repeats.suppressed(what, message, time.monotonic())
        if suppressed is not None:
            details = {"what": what, "message": message, "suppressed": suppressed, **fields}
            event(logger, logging.ERROR, "judging failed", exc_info=error or False, **details)


# The same few hundred at every scrape; the bound is for an application that never stops inventing names.
@lru_cache(maxsize=4096)
def _completed(labels: Labels, common: Labels) -> Labels:
    """As Prometheus keeps them: those of the scrape added, empty ones left out, sorted."""
    return tuple(sorted((label, text) for label, text in {**dict(labels), **dict(common)}.items() if text))
