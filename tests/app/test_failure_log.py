"""The log of samples: news once, recoveries, changes of cadence, and no storm whatever happens a thousand times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.app.failure_log import FailureLog
from exporter.core.errors import Reason
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, CollectorRun, DatabaseServer
from exporter.metrics.snapshot import CollectorState, CollectorTarget

BASE = 15.0


class Log(logging.Handler):
    """The fields of every event, with its text as `event`."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = getattr(record, "fields", {})
        self.events.append({"event": record.getMessage(), "level": record.levelname, **fields})

    @property
    def texts(self) -> list[str]:
        """The log lines, in order."""
        return [event["event"] for event in self.events]


@pytest.fixture
def log() -> Iterator[Log]:
    handler, logger = Log(), logging.getLogger("exporter.app.failure_log")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


class Collector:
    """A collector whose runs are reported one after the other."""

    def __init__(self, failure_log: FailureLog, name: str = "backlog") -> None:
        self._reporter = failure_log
        self._state = CollectorState(name, CollectorTarget.DATABASE, BASE)

    def run(
        self,
        *failures: CollectorFailure,
        interval: float = BASE,
        duration: float = 0.01,
        server: DatabaseServer | None = None,
        unknown: str = "",
    ) -> None:
        """One run that failed in these ways, or did not, answered by that server."""
        reasons = dict.fromkeys((catalogue.LAST_HOUR_PROCESSED, catalogue.LAST_HOUR_FAILURE_RATIO), unknown)
        outcome = CollectorOutcome(failures=failures, server=server, unknown=reasons if unknown else {})
        run = CollectorRun(self._state.name, outcome, 1_763_000_000.0, 100.0, duration)
        before, self._state = self._state, self._state.after(run, interval)
        self._reporter.finished(run, interval, before)


LOCKED = CollectorFailure(Reason.LOCK, "job_outbox is locked")


def test_only_the_first_success_is_logged(log):
    """One line reports success, with its duration; a thousand more successes log nothing."""
    collector = Collector(FailureLog())
    for _ in range(1000):
        collector.run(duration=0.0123)
    assert log.events == [{"event": "first sample", "level": "INFO", "collector": "backlog", "seconds": 0.012}]


def test_a_lasting_failure_is_logged_once(log):
    """A thousand failing runs with the same message are one line."""
    collector = Collector(FailureLog())
    for _ in range(1000):
        collector.run(LOCKED)
    assert log.events == [
        {
            "event": "sample failed",
            "level": "WARNING",
            "collector": "backlog",
            "reason": "lock",
            "message": "job_outbox is locked",
            "suppressed": 0,
        }
    ]


def test_changing_messages_are_limited_too(log):
    """Messages that change each time would be logged each time: at most ten an hour. A port is ignored."""
    collector = Collector(FailureLog())
    for number in range(1000):
        collector.run(CollectorFailure(Reason.CONNECTION, f"connection x{number} refused"))
    assert len(log.events) == 10
    collector = Collector(FailureLog())
    for port in range(30_000, 31_000):
        collector.run(CollectorFailure(Reason.CONNECTION, f"connection from port {port} refused"))
    assert len(log.events) == 11


def test_one_collector_does_not_silence_another(log):
    """Each has its own news."""
    failure_log = FailureLog()
    for name in ("backlog", "events"):
        for _ in range(100):
            Collector(failure_log, name).run(LOCKED)
    assert [event["collector"] for event in log.events] == ["backlog", "events"]


def test_each_failure_of_a_run_is_logged(log):
    """Four endpoints may fail in four ways at once."""
    collector = Collector(FailureLog())
    for _ in range(100):
        collector.run(
            CollectorFailure(Reason.HTTP, "getFSM: 500"), CollectorFailure(Reason.PAYLOAD, "getOutbox: not JSON")
        )
    assert [event["reason"] for event in log.events] == ["http", "payload"]


def test_a_recovery_is_logged_and_so_is_the_next_failure(log):
    """Down, up, down: three lines, and one at the very first success."""
    collector = Collector(FailureLog())
    for failing in (False, True, True, False, False, True, True):
        collector.run(*([LOCKED] if failing else []))
    assert log.texts == ["first sample", "sample failed", "sampling again", "sample failed"]


def test_a_recovery_after_a_failed_start(log):
    """Started before its database: it logs the failure, then the recovery."""
    collector = Collector(FailureLog())
    collector.run(LOCKED)
    collector.run()
    assert log.texts == ["sample failed", "sampling again"]


def test_a_longer_interval_is_logged_with_its_cost_and_so_is_its_end(log):
    """Why a collector is run less often is worth a line."""
    collector = Collector(FailureLog())
    collector.run()
    collector.run(interval=60.0, duration=0.6)
    collector.run(interval=BASE)
    assert log.events[1:] == [
        {"event": "interval changed", "level": "INFO", "collector": "backlog", "seconds": 60.0, "cost": 0.6},
        {"event": "interval changed", "level": "INFO", "collector": "backlog", "seconds": 15.0, "cost": 0.01},
    ]


def test_small_changes_of_the_interval_are_not_logged(log):
    """Every run costs a little more or less than the last: a thousand of them are one line."""
    collector = Collector(FailureLog())
    for run in range(1000):
        collector.run(interval=100.0 + run % 50, duration=1.0 + run % 50 / 100)
    assert log.texts == ["first sample", "interval changed"]


def test_a_slowly_growing_interval_is_logged_each_time_it_has_doubled(log):
    """From 15 s to 10 min in small steps: five lines."""
    collector = Collector(FailureLog())
    for interval in range(15, 601):
        collector.run(interval=float(interval))
    assert [event["seconds"] for event in log.events[1:]] == [30, 60, 120, 240, 480]


def test_another_server_is_logged(log):
    """Once, whichever collector finds it first; a lag that changes is none, and two that take turns are no storm."""
    failure_log = FailureLog()
    collectors = Collector(failure_log), Collector(failure_log, "events")
    primary, standby = (
        DatabaseServer(in_recovery=False, address="a:1"),
        DatabaseServer(in_recovery=True, address="b:1", lag=0.5),
    )
    for server in (primary, standby, DatabaseServer(in_recovery=True, address="b:1", lag=0.7)):
        for collector in collectors:
            collector.run(server=server)
    logged = [
        (event["level"], event["server"], event["before"]) for event in log.events if event["event"] == "server answers"
    ]
    assert logged == [("INFO", "primary a:1", "none"), ("WARNING", "standby b:1", "primary a:1")]
    for _ in range(100):
        collectors[0].run(server=primary)
        collectors[1].run(server=standby)
    assert log.texts.count("server answers") == 2


def test_values_that_become_unknown_are_logged_once_for_each_reason(log):
    """And once when they are known again; a failed sample between changes nothing."""
    collector = Collector(FailureLog())
    collector.run(unknown="too young")
    for _ in range(3):
        collector.run(unknown="rows were deleted")
        collector.run(LOCKED)
    collector.run()
    collector.run()
    metrics = "outbox_last_hour_processed_jobs, outbox_last_hour_failure_ratio"
    found = [event for event in log.events if event["event"].startswith("values")]
    assert [(event["event"], event.get("reason")) for event in found] == [
        ("values unknown", "too young"),
        ("values unknown", "rows were deleted"),
        ("values known again", None),
    ]
    assert {event["metrics"] for event in found[:2]} == {metrics}
    assert found[2]["metrics"] == "outbox_last_hour_failure_ratio, outbox_last_hour_processed_jobs"
    assert {event["level"] for event in found} == {"INFO"}
