"""Every fault of the lab changes the metrics that its alerts use. Lab and exporter run in this process."""

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
# Three intervals and an allowance for a busy machine, seconds: how long a reading may outlive its last sample.
READING_LIFETIME = 3 * INTERVAL + 4

# The shortest processing time while the queue loses connections, seconds.
SLOW = 5.0

PENDING = "outbox_pending_jobs"
OLDEST = "outbox_oldest_pending_timestamp_seconds"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(LabPlan(rate=20.0, max_poll_interval=1.0)) as lab:
        yield lab


@pytest.fixture(scope="module")
def scrape_exporter(lab: Lab) -> Iterator[Callable[[], MetricsResponse]]:
    """Scrapes an exporter that monitors the lab."""
    config = Config(
        # Three collectors wait for the locked table in each interval; the others need time as well.
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
def inject(lab: Lab, scrape_exporter: Callable[[], MetricsResponse]) -> Callable[[str], object]:
    """A context manager for a fault; it waits for a healthy lab first and yields the metrics of that moment."""

    @contextmanager
    def injected(name: str) -> Iterator[MetricsResponse]:
        healthy = eventually(lambda: now if is_healthy(now := scrape_exporter()) else None, seconds=30)
        assert healthy is not None
        lab.start_fault(name)
        try:
            yield healthy
        finally:
            lab.stop_fault(name)

    return injected


def is_healthy(now: MetricsResponse) -> bool:
    """Whether all collectors succeed and the backlog is small."""
    return (
        now.all_collectors_succeed
        and now.sum("outbox_app_up") == 4
        and now.get("outbox_app_healthy") == 1
        and now.sum(PENDING, state="exhausted") == 0
        and now.sum(PENDING) < 60
    )


def rises(scrape_exporter: Callable[[], MetricsResponse], name: str, by: float, **labels: str) -> None:
    """Waits until the sum of these series has grown by `by`."""
    before = scrape_exporter().sum(name, **labels)
    eventually(lambda: scrape_exporter().sum(name, **labels) >= before + by, seconds=30)


def slow_jobs(now: MetricsResponse) -> float:
    """The number of jobs that took longer than SLOW since the exporter started; 0 while it is unknown."""
    jobs, quick = "outbox_processing_time_seconds_count", "outbox_processing_time_seconds_bucket"
    return now.sum(jobs) - now.sum(quick, le=f"{SLOW}")


def test_every_fault_has_its_test():
    """A new fault needs a test in this file."""
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(FAULTS) <= tested


def test_processor_stalled(inject, scrape_exporter):
    """The oldest job stays the same and the backlog grows, while the application reports that it is healthy."""
    with inject("processor-stalled"):
        rises(scrape_exporter, PENDING, by=10, state="waiting")
        then = scrape_exporter()
        rises(scrape_exporter, PENDING, by=10, state="waiting")
        now = scrape_exporter()
        assert now.value(OLDEST, state="waiting") == then.value(OLDEST, state="waiting")
        assert now.value("outbox_processed_jobs_total") == then.value("outbox_processed_jobs_total")
        assert now.value("outbox_app_check", check="outbox_alive") == 1


def test_processor_crashed(inject, scrape_exporter):
    """The same, and the application reports that its processor is not alive."""
    with inject("processor-crashed"):
        eventually(lambda: scrape_exporter().get("outbox_app_check", check="outbox_alive") == 0)
        rises(scrape_exporter, PENDING, by=10, state="waiting")
        assert scrape_exporter().value("outbox_app_healthy") == 0
        assert scrape_exporter().sum("outbox_app_up") == 4


def test_database_lock(inject, scrape_exporter):
    """Readings of the locked table expire and return afterwards; the others stay."""
    of_the_outbox = {
        PENDING,
        "outbox_head_blocked_jobs",
        "outbox_processed_jobs_total",
        "outbox_last_hour_processed_jobs",
    }
    events = "outbox_collector_last_success_timestamp_seconds"
    with inject("database-lock"):
        eventually(lambda: not of_the_outbox & scrape_exporter().series.keys(), seconds=READING_LIFETIME)
        then = scrape_exporter()
        assert then.value("outbox_collector_success", collector="backlog") == 0
        assert then.value("outbox_collector_failures_total", collector="backlog", reason="lock") >= 1
        assert then.value("outbox_up") == 1
        assert "outbox_idempotency_keys" in then
        rises(scrape_exporter, events, by=1, collector="events")
        assert "outbox_last_hour_fsm_events" in scrape_exporter()
    eventually(lambda: of_the_outbox <= scrape_exporter().series.keys(), seconds=INTERVAL + 4)


def test_cleanup_dead(inject, scrape_exporter):
    """Expired keys of more than 26 hours are still there: every clean-up since then has failed."""
    oldest = "outbox_idempotency_oldest_expired_timestamp_seconds"
    with inject("cleanup-dead"):
        eventually(lambda: (scrape_exporter().get(oldest) or time.time()) < time.time() - 26 * 3600)
        assert scrape_exporter().value("outbox_idempotency_keys", state="expired") >= 500
    eventually(lambda: (scrape_exporter().get(oldest) or time.time()) > time.time() - 26 * 3600)


def test_application_down(inject, scrape_exporter):
    """No endpoint is up, with reason `connection`; readings of the database stay; later the counters restart."""
    name, reasons = "outbox_app_fsm_initializations_total", {"collector": "application", "reason": "connection"}
    eventually(lambda: scrape_exporter().sum(name) > 100)  # more than an application counts in its first moments
    with inject("application-down") as before:
        eventually(lambda: scrape_exporter().series["outbox_app_up"] and scrape_exporter().sum("outbox_app_up") == 0)
        eventually(lambda: name not in scrape_exporter(), seconds=READING_LIFETIME)
        now = scrape_exporter()
        assert len(now.series["outbox_app_up"]) == 4
        assert now.value("outbox_collector_success", collector="application") == 0
        assert now.value("outbox_collector_failures_total", **reasons) >= 4
        assert now.value("outbox_up") == 1
        assert PENDING in now
    eventually(lambda: scrape_exporter().sum("outbox_app_up") == 4)
    assert scrape_exporter().sum(name) < before.sum(name)


def test_failing_initialisations(inject, scrape_exporter):
    """The application counts its failed initialisations: far above the critical five per cent."""
    name = "outbox_app_fsm_initializations_total"
    with inject("failing-initialisations") as then:
        rises(scrape_exporter, name, by=5, result="failed")
        now = scrape_exporter()
        failed = now.value(name, result="failed") - then.value(name, result="failed")
        assert failed / (now.sum(name) - then.sum(name)) > 0.05
        assert now.value("outbox_app_fsm_failure_ratio") > then.value("outbox_app_fsm_failure_ratio")


def test_slow_processing(inject, scrape_exporter):
    """The processing time grows: in the histogram at once, in the mean of the last hour as slow jobs are processed.

    Runs before the fault poison-rows: its jobs are processed in the end, and their age makes a mean of minutes.
    """
    mean = "outbox_last_hour_processing_time_avg_seconds"
    with inject("slow-processing") as before:
        assert before.value(mean, cohort="processed") < SLOW
        eventually(lambda: slow_jobs(scrape_exporter()) >= slow_jobs(before) + 5, seconds=40)
        eventually(lambda: scrape_exporter().sum(mean, cohort="processed") > before.value(mean, cohort="processed"))


def test_poison_rows(inject, scrape_exporter):
    """A hundred failing jobs block the head; jobs without attempts left are exhausted."""
    with inject("poison-rows") as before:
        eventually(lambda: scrape_exporter().get("outbox_head_blocked_jobs") == 100, seconds=30)
        eventually(lambda: scrape_exporter().sum(PENDING, state="exhausted") >= 100, seconds=30)
        now = scrape_exporter()
        assert now.value("outbox_queue_pending_jobs", queue="retired-queue") == 120
        assert now.value("outbox_last_hour_failure_ratio") > before.value("outbox_last_hour_failure_ratio") + 0.01
        rises(scrape_exporter, PENDING, by=10, state="waiting")
        assert scrape_exporter().value("outbox_processed_jobs_total") == now.value("outbox_processed_jobs_total")
