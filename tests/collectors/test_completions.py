"""Processed jobs are counted once, with their processing times, by whichever collector reads; without a database."""

from __future__ import annotations

import pytest

from exporter.collectors.completions import Completions, ProcessedTotals
from exporter.collectors.conservation import Conservation, PendingJobs
from exporter.collectors.throughput import ThroughputCollector
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import Distribution
from tests.collectors.fake_database import NOW, FakeClient, FakeIndexes, FakeSession, values

BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 150, 300, 900, 3600, 21600)


def histogram(totals: ProcessedTotals) -> Distribution:
    (found,) = (reading for reading in totals.readings(0) if isinstance(reading, Distribution))
    return found


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.1, 0), (0.1001, 1), (0.25, 1), (1, 3), (1.0001, 4), (60, 9), (60.5, 10), (21600, 14), (21601, 15)],
)
def test_a_value_on_a_bound_is_in_the_bucket_of_that_bound(seconds, bucket):
    """As Prometheus defines `le`: less than or equal."""
    totals = ProcessedTotals()
    totals.add("q", seconds)
    found = histogram(totals)
    assert found.bounds == BOUNDS
    assert [index for index, count in enumerate(found.counts) if count] == [bucket]
    assert found.total == seconds


def test_a_negative_processing_time_is_zero_and_a_sign_of_clock_skew():
    """Those found skewed elsewhere are added; a time that is not known is in no bucket, and its job is counted."""
    totals = ProcessedTotals()
    for queue, seconds in (("a", -5.0), ("a", -0.5), ("a", 2.0), ("b", None)):
        totals.add(queue, seconds)
    assert values(totals.readings(10)) == {
        ("outbox_processed_jobs_total",): 4,
        ("outbox_clock_skew_jobs_total",): 12,
        ("outbox_queue_processed_jobs_total", "a"): 3,
        ("outbox_queue_processed_jobs_total", "b"): 1,
    }
    assert histogram(totals).total == 2.0
    assert sum(histogram(totals).counts) == 3
    assert totals.jobs == 4


def answer(*jobs: tuple[str, float]) -> dict[str, object]:
    """The rows of the statement: ids and how many seconds ago each was processed, none of them outside the window."""
    return {
        "settled_jobs": 0,
        "settled_micros": 0,
        "ids": [name for name, _ in jobs],
        "ats": [NOW - age for _, age in jobs],
        "queues": ["q"] * len(jobs),
        "seconds": [1.5] * len(jobs),
    }


def throughput(conservation: Conservation) -> ThroughputCollector:
    return ThroughputCollector(FakeClient(), FakeIndexes(), Completions(LabelLimit(20), conservation))


def record(conservation: Conservation, *pending: str) -> None:
    conservation.record_pending(PendingJobs(dict.fromkeys(pending, "q")), is_current=False)


def test_jobs_of_the_first_sample_are_not_new():
    """Later ones are, once."""
    session = FakeSession({"processed_since": answer(("a", 5))})
    collector = throughput(Conservation())
    assert values(collector.read(session))["outbox_processed_jobs_total",] == 0
    session.answers["processed_since"] = answer(("a", 5), ("b", 1))
    assert values(collector.read(session))["outbox_processed_jobs_total",] == 1
    assert values(collector.read(session))["outbox_processed_jobs_total",] == 1
    (first, *_) = session.parameters("processed_since")
    assert first["latest"] == NOW + 86_400
    assert NOW - 615 < float(str(first["since"])) <= NOW - 600


def test_a_job_that_left_the_backlog_uncounted_is_looked_up():
    """One that is gone was removed; a standby proves nothing."""
    conservation = Conservation()
    session = FakeSession({"processed_since": answer(), "departed": []})
    collector = throughput(conservation)
    record(conservation, "gone")
    collector.read(session)
    record(conservation)
    found = values(collector.read(session))
    assert session.parameters("departed") == [{"ids": ["gone"]}]
    assert found["outbox_unaccounted_jobs_total", "removed"] == 1
    assert found["outbox_unaccounted_jobs_total", "uncounted"] == 0
    # Searches for backdated jobs begin beyond the settling window.
    assert 600 <= conservation.balance._depths[-1] < 616
    standby = FakeSession({"processed_since": answer()}, standby=True)
    assert ("outbox_unaccounted_jobs_total", "removed") not in values(collector.read(standby))


class Processed:
    """A server with these jobs, by id and when each was processed; the settled ones in sums."""

    def __init__(self, **jobs: float) -> None:
        self.jobs = jobs
        self.conservation = Conservation()
        self.session = FakeSession({"processed_since": self.answer, "departed": []})
        self._collector = throughput(self.conservation)

    def answer(self, *, since: float, until: float, **_: object) -> dict[str, object]:
        settled = [at for at in self.jobs.values() if since <= at < until]
        listed = [(name, self.session.now - at) for name, at in self.jobs.items() if at >= until]
        micros = sum(round((at - since) * 1_000_000) for at in settled)
        found = {"settled_jobs": len(settled), "settled_micros": micros}
        return answer(*listed) | {"ats": [self.session.now - age for _, age in listed]} | found

    def sample(self, now: float) -> tuple[float, int]:
        """How many jobs are counted so far, and how often this sample has read jobs."""
        self.session.now = now
        before = len(self.session.asked)
        found = values(self._collector.read(self.session))
        return found["outbox_processed_jobs_total",], len(self.session.asked) - before


def test_a_late_job_that_was_pending_is_counted_by_the_next_sample():
    """Its departure has the settled window checked, although nothing has changed there for a minute."""
    server = Processed(a=NOW - 200)
    assert [server.sample(NOW + after) for after in (0, 60, 75)] == [(0, 1), (0, 1), (0, 1)]
    record(server.conservation, "late")
    assert server.sample(NOW + 90) == (0, 1)
    record(server.conservation)
    server.jobs["late"] = NOW - 100
    assert server.sample(NOW + 105) == (1, 3)  # once without the window, with it, and all of it
    readings = values(server.conservation.readings())
    assert readings["outbox_unaccounted_jobs_total", "removed"] == 0
    assert readings["outbox_unaccounted_jobs_total", "uncounted"] == 0


def test_a_late_job_that_was_never_seen_pending_is_counted_by_the_next_check():
    """Once; from then on each sample checks, until nothing has changed for a while."""
    server = Processed(a=NOW - 200)
    for after in (0, 60, 75):
        server.sample(NOW + after)
    server.jobs["late"] = NOW - 100
    assert [server.sample(NOW + after) for after in (90, 105, 120, 135)] == [(0, 1), (0, 1), (0, 1), (1, 2)]
    server.jobs["later"] = NOW - 90
    assert [server.sample(NOW + after) for after in (150, 165)] == [(2, 2), (2, 1)]


def test_the_ids_of_unaccounted_jobs_are_logged(caplog):
    """Ten at most, and once; the metric has no id."""
    server = Processed()
    record(server.conservation, *map(str, range(10, 40)))
    server.sample(NOW)
    record(server.conservation, "39")
    for _ in range(2):
        server.sample(NOW + 15)
    (logged,) = caplog.records
    assert logged.getMessage() == "jobs unaccounted"
    assert logged.__dict__["fields"] == {
        "kind": "removed",
        "jobs": 29,
        "ids": "10 11 12 13 14 15 16 17 18 19",
    }


def test_a_job_that_is_opened_again_is_counted_again():
    """As created and as processed, also when the settled window is not read."""
    server = Processed(a=NOW - 200)
    for after in (0, 60, 75):
        server.sample(NOW + after)
    completions: Completions = server._collector._completions
    completions.reopen(["a", "unknown"])
    server.jobs["a"] = NOW + 80
    assert server.sample(NOW + 90) == (1, 1)


def test_a_failed_reading_is_not_current():
    """Nor is one that never began."""
    session = FakeSession({"processed_since": answer()})
    completions = Completions(LabelLimit(20), Conservation())
    assert not completions.is_current
    completions.read(session)
    assert completions.is_current
    with pytest.raises(KeyError):
        completions.read(FakeSession({}))
    assert not completions.is_current
