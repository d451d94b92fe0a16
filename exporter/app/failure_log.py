"""Logs changes of sampling: another server, failures, recoveries, intervals, values that become unknown or known.

A lasting failure is logged once an hour.
"""

import logging
import time
from threading import Lock

from exporter.core.logs import RepeatFilter, event
from exporter.metrics.readings import CollectorFailure, CollectorRun, DatabaseServer
from exporter.metrics.snapshot import CollectorState

logger = logging.getLogger(__name__)

# An interval that follows the cost of each run is a little different every time: it is logged when it is so many times
# longer or shorter than the last one logged.
INTERVAL_CHANGE = 2.0


class FailureLog:
    """Called with every finished run; logs changes. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._repeats = RepeatFilter()
        self._logged_intervals: dict[str, float] = {}
        self._server: str | None = None

    def finished(self, run: CollectorRun, interval: float, before: CollectorState) -> None:
        """Log another server, new failures, recoveries, and changes of the interval (in seconds)."""
        if run.outcome.server is not None:
            self._answered(run.outcome.server)
        for failure in run.outcome.failures:
            self._failed(run.collector, failure)
        if run.succeeded:
            self._succeeded(run, before)
            _log_unknown(run, before)
        self._interval(run, interval, before)

    def _answered(self, server: DatabaseServer) -> None:
        """Log which server answers, at first and when it changes: two that alternate are logged once an hour."""
        with self._lock:
            before, self._server = self._server, str(server)
            logged = (
                before != str(server) and self._repeats.suppressed("server", str(server), time.monotonic()) is not None
            )
        if logged:
            level = logging.WARNING if server.in_recovery else logging.INFO
            event(logger, level, "server answers", server=str(server), before=before or "none")

    def _failed(self, collector: str, failure: CollectorFailure) -> None:
        with self._lock:
            suppressed = self._repeats.suppressed(collector, failure.message, time.monotonic())
        if suppressed is None:
            return
        event(
            logger,
            logging.WARNING,
            "sample failed",
            collector=collector,
            reason=failure.reason.value,
            message=failure.message,
            suppressed=suppressed,
        )

    def _succeeded(self, run: CollectorRun, before: CollectorState) -> None:
        with self._lock:
            news = self._repeats.forget(run.collector)
        if news or before.success is None:
            text = "sampling again" if news else "first sample"
            event(logger, logging.INFO, text, collector=run.collector, seconds=round(run.duration, 3))

    def _interval(self, run: CollectorRun, interval: float, before: CollectorState) -> None:
        with self._lock:
            logged = self._logged_intervals.setdefault(run.collector, before.interval)
            if logged / INTERVAL_CHANGE < interval < logged * INTERVAL_CHANGE:
                return
            self._logged_intervals[run.collector] = interval
        cost = round(run.cost, 3)
        event(logger, logging.INFO, "interval changed", collector=run.collector, seconds=round(interval, 1), cost=cost)


def _log_unknown(run: CollectorRun, before: CollectorState) -> None:
    """Log metrics that have no value, when the reason is another one, and those that have a value again."""
    unknown, known = run.outcome.unknown, before.unknown.keys() - run.outcome.unknown.keys()
    for reason in dict.fromkeys(reason for metric, reason in unknown.items() if before.unknown.get(metric) != reason):
        metrics = ", ".join(metric.name for metric, because in unknown.items() if because == reason)
        event(logger, logging.INFO, "values unknown", collector=run.collector, metrics=metrics, reason=reason)
    if known:
        metrics = ", ".join(sorted(metric.name for metric in known))
        event(logger, logging.INFO, "values known again", collector=run.collector, metrics=metrics)
