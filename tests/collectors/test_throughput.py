"""The collector of created, processed and unaccounted jobs, without a database."""

from __future__ import annotations

from exporter.collectors.completions import Completions
from exporter.collectors.conservation import Conservation, PendingJobs
from exporter.collectors.throughput import ThroughputCollector
from exporter.metrics.label_limit import LabelLimit
from tests.collectors.fake_database import FakeClient, FakeIndexes, FakeSession, values
from tests.collectors.test_completions import answer


def test_created_and_unaccounted_jobs_are_unknown_without_a_backlog():
    """Processed ones are not. Both kinds of counters come with the first sample of the backlog."""
    conservation = Conservation()
    completions = Completions(LabelLimit(20), conservation)
    collector = ThroughputCollector(FakeClient(), FakeIndexes(), completions)
    session = FakeSession({"processed_since": answer()})
    counters = {"outbox_processed_jobs_total", "outbox_clock_skew_jobs_total"}
    assert {name for name, *_ in values(collector.read(session))} == counters
    conservation.record_pending(PendingJobs({"a": "q"}), is_current=False)
    session.answers["processed_since"] = answer(("b", 1))
    assert values(collector.read(session)) == {
        ("outbox_processed_jobs_total",): 1,
        ("outbox_clock_skew_jobs_total",): 0,
        ("outbox_queue_processed_jobs_total", "q"): 1,
        ("outbox_created_jobs_total",): 1,
        ("outbox_queue_created_jobs_total", "q"): 1,
        ("outbox_unaccounted_jobs_total", "removed"): 0,
        ("outbox_unaccounted_jobs_total", "uncounted"): 0,
        ("outbox_unaccounted_jobs_total", "doubled"): 0,
    }
