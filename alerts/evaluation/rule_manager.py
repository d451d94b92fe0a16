"""The rule manager: evaluates the policy on the exporter's own samples at every interval, in a thread of its own.

It takes the same samples as a Prometheus scrape, without HTTP, and passes each evaluation to its listeners.
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
from alerts.evaluation.rule_group import RuleGroup
from alerts.evaluation.state_file import FILE, StateFile, StateFileError
from alerts.evaluation.state_machine import muted_by
from alerts.model import Change, Evaluation, Labels, Policy, Rule, RuleKey, SampleBlock
from alerts.promql.storage import Sample
from exporter.core.file_lock import DirectoryInUse, FileLock
from exporter.core.logs import RepeatFilter, event
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import EXPIRY_INTERVALS

logger = logging.getLogger(__name__)

# The label `instance` of the exporter's own samples, which no Prometheus scraped.
INSTANCE = "sidecar"
# Metrics that a scrape or the process itself adds.
_OWN_METRICS = ("up", "process_start_time_seconds")
# The delay of an evaluation after a sampling run has begun, in intervals. The run is usually over by then, so that the
# samples are recent; running both at once takes a fifth more processor time for the evaluation.
EVALUATION_OFFSET = 0.1
# How often the state is saved, seconds, with and without consumers. Alerts that begin or stop firing are saved at once.
SAVE_INTERVAL = 60.0
IDLE_SAVE_INTERVAL = 300.0
_NOTIFIED_CHANGES = (Change.FIRING, Change.RESOLVED)

# One sample as it is exposed: name, labels in any order, value.
ExposedSample = tuple[str, Labels, float]
Listener = Callable[[Evaluation], None]


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """The inputs of the rule manager. `started_at` is the start of the process, Unix seconds."""

    # The samples that are exposed now. The argument tells whether a metric is needed; others may be left out.
    scrape: Callable[[Callable[[str], bool]], Iterable[ExposedSample]]
    # The names of collectors with fresh results; None until all collectors have run.
    fresh: Callable[[], AbstractSet[str] | None]
    started_at: float
    # Whether alerts are sent to a receiver or a watch is open: then rules are evaluated at every interval.
    has_consumers: Callable[[], bool] = lambda: True


class RuleManager:
    """Evaluates the policy at every interval once started, or at every second one while nothing consumes the alerts.

    Each listener is called with every evaluation, in the thread of the rule manager: a slow listener delays the next
    evaluation. Alerts survive restarts in `state_dir`, unless another exporter uses it; `state_problem` is why the last
    attempt to store them failed, empty after a success. `failures` counts failures by kind.
    Raises: UnsupportedError, TemplateError from the constructor when the policy has an expression or a text that is not
    supported here.
    """

    def __init__(
        self,
        policy: Policy,
        inputs: RuleInputs,
        state_dir: Path,
        listeners: Sequence[Listener] = (),
        clock: MonitoredClock | None = None,
    ) -> None:
        self._interval = policy.interval
        self._inputs = inputs
        self._listeners = tuple(listeners)
        self._clock = clock or MonitoredClock()
        self._file = StateFile(state_dir)
        self._lock = FileLock(state_dir / f"{FILE}.lock")
        self._common: Labels = (("instance", INSTANCE), ("job", policy.job))
        self._rule_group = RuleGroup(policy)
        self._saved_at: float | None = None
        self.state_problem = ""
        self._repeats = RepeatFilter()
        self._skipped_interval = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rule-manager", daemon=True)
        self._firing: frozenset[tuple[RuleKey, bool]] | None = None
        self._readings: tuple[Reading, ...] = ()
        self._evaluation: Evaluation | None = None
        self._expires = -math.inf  # seconds of the monotonic clock
        self.failures: Counter[str] = Counter()

    def start(self) -> None:
        """Restore the saved state and start the thread. The first evaluation follows after one interval."""
        self._restore()
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Stop evaluating and save the state. Returns within `timeout` seconds even when a listener hangs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if not self._thread.is_alive():
            if self._evaluation is not None:
                self._save(self._evaluation.at)
            self._lock.release()

    @property
    def evaluation(self) -> Evaluation | None:
        """The latest evaluation; None before the first, and when it is older than three intervals."""
        return self._evaluation if self._clock.monotonic() <= self._expires else None

    def readings(self) -> tuple[Reading, ...]:
        """One reading per rule, 1 when it fires, and one per muted alert; none without an evaluation.

        The same object is returned until one of them changes, so that callers can cache what they make of it.
        """
        return self._readings if self.evaluation is not None else ()

    def take_samples(self) -> SampleBlock | None:
        """The samples since the last call, for the history. Call it in a listener, or after `stop`."""
        in_use = self._thread.is_alive() and threading.current_thread() is not self._thread
        return None if in_use else self._rule_group.take_samples()

    def rule(self, key: RuleKey) -> Rule:
        """The rule of an alert. Raises: KeyError."""
        return self._rule_group.rule(key)

    def evaluate(self) -> Evaluation:
        """Evaluate now, in the calling thread, and call the listeners. For callers that do not start the thread."""
        now = self._clock.now()
        samples, fresh = self._scrape()
        evaluation = self._rule_group.evaluate(now, samples, fresh)
        for failure in self._rule_group.failures:
            self._failed("expression", failure.message, signal_or_rule=failure.name)
        self._update_readings(evaluation)
        self._evaluation, self._expires = evaluation, self._clock.monotonic() + EXPIRY_INTERVALS * self._interval
        if self._is_save_due(evaluation):
            self._save(now.at)
        for listener in self._listeners:
            self._notify_listener(listener, evaluation)
        return evaluation

    def _run(self) -> None:
        due = time.monotonic() + self._interval * (1 + EVALUATION_OFFSET)
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            try:
                if not self._skips_interval():
                    self.evaluate()
            except Exception as error:  # noqa: BLE001 - the next evaluation may succeed
                self._failed("evaluation", repr(error), error)
            # Missed evaluations are not repeated.
            due = max(due + self._interval, time.monotonic())

    def _skips_interval(self) -> bool:
        """Whether to skip this interval: never two in a row, and never the first."""
        self._skipped_interval = not self._skipped_interval and not self._inputs.has_consumers()
        return self._skipped_interval

    def _scrape(self) -> tuple[list[Sample], AbstractSet[str] | None]:
        """The exposed samples, with `up` as Prometheus sets it; only `up` 0 when that fails."""
        try:
            fresh = self._inputs.fresh()
            exposed = self._inputs.scrape(self._rule_group.stores)
            samples = [
                (name, _completed(labels, self._common), value)
                for name, labels, value in exposed
                if name not in _OWN_METRICS
            ]
            return [*samples, *self._own_samples(up=1.0)], fresh
        except Exception as error:  # noqa: BLE001 - as in Prometheus, a failed scrape is a sample
            self._failed("scrape", repr(error), error)
            return list(self._own_samples(up=0.0)), None

    def _own_samples(self, *, up: float) -> Iterator[Sample]:
        own = zip(_OWN_METRICS, (up, self._inputs.started_at), strict=True)
        return ((name, self._common, value) for name, value in own if self._rule_group.stores(name))

    def _update_readings(self, evaluation: Evaluation) -> None:
        firing = frozenset((alert.key, alert.muted) for alert in evaluation.firing)
        if firing != self._firing:
            self._firing = firing
            self._readings = (*self._firing_readings(evaluation), *self._muted_readings(evaluation))

    def _firing_readings(self, evaluation: Evaluation) -> Iterator[Reading]:
        firing = {alert.key for alert in evaluation.firing}
        for key in self._rule_group.rules:
            yield Reading(catalogue.ALERT_FIRING, float(key in firing), (key.alert, str(key.severity)))

    def _muted_readings(self, evaluation: Evaluation) -> Iterator[Reading]:
        """One for each rule whose firing alerts are all muted: of several outboxes, one may not be."""
        loud = {alert.key for alert in evaluation.firing if not alert.muted}
        muted = {alert.key: alert for alert in evaluation.firing if alert.key not in loud}
        for key, alert in muted.items():
            cause = muted_by(alert, self.rule(key), evaluation.firing)
            if cause is not None:
                yield Reading(catalogue.ALERT_MUTED, 1.0, (key.alert, str(key.severity), cause.alert))

    def _is_save_due(self, evaluation: Evaluation) -> bool:
        if any(transition.change in _NOTIFIED_CHANGES for transition in evaluation.transitions):
            return True
        interval = SAVE_INTERVAL if self._inputs.has_consumers() else IDLE_SAVE_INTERVAL
        return self._saved_at is None or not 0 <= evaluation.at - self._saved_at < interval

    def _notify_listener(self, listener: Listener, evaluation: Evaluation) -> None:
        try:
            listener(evaluation)
        except Exception as error:  # noqa: BLE001 - the other listeners must still be called
            self._failed("listener", f"{listener}: {error!r}", error)

    def _save(self, at: float) -> None:
        self._saved_at = at
        try:
            self._lock.acquire()
            self._file.save(self._rule_group.state(at))
        except (DirectoryInUse, StateFileError) as error:
            self.state_problem = str(error)
            self._failed("state", self.state_problem)
        else:
            self.state_problem = ""

    def _restore(self) -> None:
        try:
            self._lock.acquire()
            saved = self._file.load()
        except (DirectoryInUse, StateFileError) as error:
            self.state_problem = str(error)
            self._failed("state", f"{self.state_problem}; all alerts start as inactive")
            return
        if saved is not None:
            self._rule_group.restore(saved, self._clock.wall())
            event(logger, logging.INFO, "alerts restored", alerts=len(saved.active_alerts))

    def _failed(self, kind: str, message: str, error: BaseException | None = None, **fields: str) -> None:
        """Count a failure, and log it unless it repeats."""
        self.failures[kind] += 1
        suppressed = self._repeats.suppressed(kind, message, time.monotonic())
        if suppressed is not None:
            details = {"kind": kind, "message": message, "suppressed": suppressed, **fields}
            event(logger, logging.ERROR, "rule evaluation failed", exc_info=error or False, **details)


# A few hundred label sets recur at every scrape; the bound limits memory when label values keep changing.
@lru_cache(maxsize=4096)
def _completed(labels: Labels, common: Labels) -> Labels:
    """The labels as Prometheus stores them: with those of the scrape, its own of the same name renamed, sorted."""
    scraped = dict(common)
    own = {f"exported_{label}" if label in scraped else label: text for label, text in labels}
    return tuple(sorted((label, text) for label, text in {**own, **scraped}.items() if text))
