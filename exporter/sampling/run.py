"""One run of a collector, without a schedule."""

import logging
import time
from dataclasses import dataclass

from exporter.collectors import Collector
from exporter.core.errors import Reason, SampleError
from exporter.core.logs import event, hide
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, CollectorRun
from exporter.metrics.snapshot import CollectorState, CollectorTarget

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledCollector:
    """A collector and its base interval, seconds. `critical`: alerts of severity page rest on it."""

    collector: Collector
    target: CollectorTarget
    interval: float
    critical: bool = False

    @property
    def executor(self) -> str:
        """The thread that it runs in: all collectors that need the one connection share one."""
        return "application" if self.target is CollectorTarget.APPLICATION else "database"

    @property
    def state(self) -> CollectorState:
        """Its state before the first run."""
        return CollectorState(self.collector.name, self.target, self.interval)


def run_once(collector: Collector) -> CollectorRun:
    """Let a collector run. The one place that catches every exception: a bug is a failed sample too."""
    started = time.monotonic()
    try:
        outcome = collector.collect()
    except SampleError as error:
        outcome = CollectorOutcome(failures=(CollectorFailure(error.reason, hide(str(error))),))
    except Exception as error:  # noqa: BLE001 - counted, shown and logged with its traceback
        event(logger, logging.ERROR, "collector raised", exc_info=True, collector=collector.name)
        outcome = CollectorOutcome(
            failures=(CollectorFailure(Reason.INTERNAL, f"{type(error).__name__}: see the log"),)
        )
    finished = time.monotonic()
    return CollectorRun(collector.name, outcome, time.time(), finished, finished - started)
