"""Every fault of the lab shows on /metrics, where an alert would look. Lab and exporter in this process, at speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporter.app.run import App
from exporter.config.settings import ApplicationSettings, Config, DatabaseSettings, SamplingSettings, WebSettings
from exporter.core.types import Address, Ratio, Seconds, Secret, Url
from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan
from tests.end_to_end.program import MetricsResponse, eventually, scrape

INTERVAL = 0.4
# How long a reading may outlive its collector: three intervals, and what a run takes on a busy machine.
LIFE = 3 * INTERVAL + 4

# Seconds that a job takes while its queue loses connections, at least.
SLOW = 5.0

PENDING = "outbox_pending_jobs"
OLDEST = "outbox_oldest_pending_timestamp_seconds"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(LabPlan(rate=20.0, max_poll_interval=1.0)) as lab:
        yield lab


@pytest.fixture(scope="module")
def look(lab: Lab) -> Iterator[Callable[[], MetricsResponse]]:
    """An exporter in front of the lab: what /metrics says now."""
    config = Config(
        # Three collectors wait for the locked table in each round, and it has to leave time for the others.
        database=DatabaseSettings(dsn=Secret(lab.dsn), lock_timeout=Seconds(0.05)),
        application=ApplicationSettings(url=Url(lab.application_url), timeout=Seconds(2)),
        sampling=SamplingSettings(interval=Seconds(INTERVAL), budget_ratio=Ratio(1), rows_per_second=1_000_000),
        web=WebSettings(listen=Address("127.0.0.1:0")),
    )
    app = App(lambda: config)
    app.start()
    try:
        yield lambda: scrape(app.url)
    finally:
        app.stop()


@pytest.fixture
def inject(lab: Lab, look: Callable[[], MetricsResponse]) -> Callable[[str], object]:
    """Lets a fault be for as long as its context lasts; the world is healthy before, and was as the context says."""

    @contextmanager
    def injected(name: str) -> Iterator[MetricsResponse]:
        healthy = eventually(lambda: now if is_healthy(now := look()) else None, seconds=30)
        assert healthy is not None
        lab.start_fault(name)
        try:
            yield healthy
        finally:
            lab.stop_fault(name)

    return injected


def is_healthy(now: MetricsResponse) -> bool:
    """Whether everything is sampled and nothing is stuck."""
    return (
        now.all_collectors_succeed
        and now.sum("outbox_app_up") == 4
        and now.get("outbox_app_healthy") == 1
        and now.sum(PENDING, state="exhausted") == 0
        and now.sum(PENDING) < 60
    )


def rises(look: Callable[[], MetricsResponse], name: str, by: float, **labels: str) -> None:
    """Waits until a sum has grown by so much."""
    before = look().sum(name, **labels)
    eventually(lambda: look().sum(name, **labels) >= before + by, seconds=30)


def slow_jobs(now: MetricsResponse) -> float:
    """How many jobs took longer than that since the exporter started; none while it is not known."""
    jobs, quick = "outbox_processing_time_seconds_count", "outbox_processing_time_seconds_bucket"
    return now.sum(jobs) - now.sum(quick, le=f"{SLOW}")


def test_every_fault_has_its_test():
    """A new fault needs a place in this file."""
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(FAULTS) <= tested


def test_processor_stalled(inject, look):
    """The oldest job stays the oldest, so its age grows with the clock; the backlog grows; the application is glad."""
    with inject("processor-stalled"):
        rises(look, PENDING, by=10, state="waiting")
        then = look()
        rises(look, PENDING, by=10, state="waiting")
        now = look()
        assert now.value(OLDEST, state="waiting") == then.value(OLDEST, state="waiting")
        assert now.value("outbox_processed_jobs_total") == then.value("outbox_processed_jobs_total")
        assert now.value("outbox_app_check", check="outbox_alive") == 1


def test_processor_crashed(inject, look):
    """The same, and the application says that its processor is not alive."""
    with inject("processor-crashed"):
        eventually(lambda: look().get("outbox_app_check", check="outbox_alive") == 0)
        rises(look, PENDING, by=10, state="waiting")
        assert look().value("outbox_app_healthy") == 0
        assert look().sum("outbox_app_up") == 4


def test_database_lock(inject, look):
    """What is read from the locked table vanishes after its time-to-live and comes back; the rest is not disturbed."""
    of_the_outbox = {
        PENDING,
        "outbox_head_blocked_jobs",
        "outbox_processed_jobs_total",
        "outbox_last_hour_processed_jobs",
    }
    events = "outbox_collector_last_success_timestamp_seconds"
    with inject("database-lock"):
        eventually(lambda: not of_the_outbox & look().series.keys(), seconds=LIFE)
        then = look()
        assert then.value("outbox_collector_success", collector="backlog") == 0
        assert then.value("outbox_collector_failures_total", collector="backlog", reason="lock") >= 1
        assert then.value("outbox_up") == 1
        assert "outbox_idempotency_keys" in then
        rises(look, events, by=1, collector="events")
        assert "outbox_last_hour_fsm_events" in look()
    eventually(lambda: of_the_outbox <= look().series.keys(), seconds=INTERVAL + 4)


def test_cleanup_dead(inject, look):
    """Expired keys of more than 26 hours are still there: every clean-up since then has failed."""
    oldest = "outbox_idempotency_oldest_expired_timestamp_seconds"
    with inject("cleanup-dead"):
        eventually(lambda: (look().get(oldest) or time.time()) < time.time() - 26 * 3600)
        assert look().value("outbox_idempotency_keys", state="expired") >= 500
    eventually(lambda: (look().get(oldest) or time.time()) > time.time() - 26 * 3600)


def test_application_down(inject, look):
    """No endpoint is up, for the reason `connection`; the database's numbers stay; later counters start anew."""
    name, reasons = "outbox_app_fsm_initializations_total", {"collector": "application", "reason": "connection"}
    eventually(lambda: look().sum(name) > 100)  # more than an application counts in its first moments
    with inject("application-down") as before:
        eventually(lambda: look().series["outbox_app_up"] and look().sum("outbox_app_up") == 0)
        eventually(lambda: name not in look(), seconds=LIFE)
        now = look()
        assert len(now.series["outbox_app_up"]) == 4
        assert now.value("outbox_collector_success", collector="application") == 0
        assert now.value("outbox_collector_failures_total", **reasons) >= 4
        assert now.value("outbox_up") == 1
        assert PENDING in now
    eventually(lambda: look().sum("outbox_app_up") == 4)
    assert look().sum(name) < before.sum(name)


def test_failing_initialisations(inject, look):
    """Only the application can tell: its failed ones are counted, far above the critical five per cent."""
    name = "outbox_app_fsm_initializations_total"
    with inject("failing-initialisations") as then:
        rises(look, name, by=5, result="failed")
        now = look()
        failed = now.value(name, result="failed") - then.value(name, result="failed")
        assert failed / (now.sum(name) - then.sum(name)) > 0.05
        assert now.value("outbox_app_fsm_failure_ratio") > then.value("outbox_app_fsm_failure_ratio")


def test_slow_processing(inject, look):
    """The processing time grows: in the histogram at once, in the hour's mean as the slow ones come in.

    Comes before the poison rows: they are handed over in the end, and their age makes for a mean of minutes.
    """
    mean = "outbox_last_hour_processing_time_avg_seconds"
    with inject("slow-processing") as before:
        assert before.value(mean, cohort="processed") < SLOW
        eventually(lambda: slow_jobs(look()) >= slow_jobs(before) + 5, seconds=40)
        eventually(lambda: look().sum(mean, cohort="processed") > before.value(mean, cohort="processed"))


def test_poison_rows(inject, look):
    """A hundred failing jobs at the head: it is blocked, and what is given up is called exhausted."""
    with inject("poison-rows") as before:
        eventually(lambda: look().get("outbox_head_blocked_jobs") == 100, seconds=30)
        eventually(lambda: look().sum(PENDING, state="exhausted") >= 100, seconds=30)
        now = look()
        assert now.value("outbox_queue_pending_jobs", queue="retired-queue") == 120
        assert now.value("outbox_last_hour_failure_ratio") > before.value("outbox_last_hour_failure_ratio") + 0.01
        rises(look, PENDING, by=10, state="waiting")
        assert look().value("outbox_processed_jobs_total") == now.value("outbox_processed_jobs_total")
