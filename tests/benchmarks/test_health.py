"""The runs of collectors, from successive scrapes."""

from collections.abc import Iterable, Iterator

import pytest

from benchmarks.health import CollectorHealth, CollectorHistory
from benchmarks.scrape import ScrapedSample


def scrape(
    runs: int,
    duration: float | None,
    interval: float = 15.0,
    success: float | None = None,
    failures: Iterable[tuple[str, int]] = (),
) -> Iterator[ScrapedSample]:
    labels = {"collector": "events"}
    yield ScrapedSample("outbox_collector_runs_total", labels, runs)
    yield ScrapedSample("outbox_collector_interval_seconds", labels, interval)
    if duration is not None:
        yield ScrapedSample("outbox_collector_duration_seconds", labels, duration)
    if success is not None:
        yield ScrapedSample("outbox_collector_last_success_timestamp_seconds", labels, success)
    for reason, count in failures:
        yield ScrapedSample("outbox_collector_failures_total", {**labels, "reason": reason}, count)
    yield ScrapedSample("outbox_up", {}, 1)


def followed(*scrapes: tuple[float, Iterable[ScrapedSample]]) -> CollectorHealth:
    history = CollectorHistory(1000)
    for now, lines in scrapes:
        history.add(lines, now)
    (health,) = history.health()
    return health


def test_a_run_is_counted_once():
    """Its duration is in each scrape until the next run, and is added once."""
    health = followed(
        (1001, scrape(1, 2.0, success=1001)), (1002, scrape(1, 2.0, success=1001)), (1016, scrape(2, 0.5, success=1016))
    )
    assert (health.runs, health.spent, health.longest) == (2, 2.5, 2.0)
    assert health.share(100) == pytest.approx(0.025)


def test_the_oldest_value_counts_from_the_beginning():
    """Before the first success the value is as old as the exporter; afterwards as old as that success."""
    assert followed((1004, scrape(0, None))).oldest == 4
    assert followed((1004, scrape(0, None)), (1040, scrape(1, 1.0, success=1010))).oldest == 30


def test_failures_of_all_reasons_count_together():
    """A timeout and a lock are two failures; the longest interval is kept."""
    health = followed(
        (1001, scrape(3, 5.0, interval=500, failures=[("timeout", 1), ("lock", 1)])),
        (1002, scrape(3, 5.0, interval=15, failures=[("timeout", 1), ("lock", 1)])),
    )
    assert (health.failures, health.interval) == (2, 500)
