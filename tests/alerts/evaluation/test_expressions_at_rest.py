"""Properties of expressions without evaluating them, on which the checks of rules rely."""

from __future__ import annotations

import pytest

from alerts.promql.parse import parse
from tests.alerts.expressions import compares, is_counter, labels, sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", None),
        ("time()", None),
        ("vector(1)", set()),
        ("outbox_pending_jobs", {"job", "instance", "pod", "state"}),
        ("sum without (state) (outbox_pending_jobs)", {"job", "instance", "pod"}),
        ("sum by (state) (outbox_pending_jobs)", {"state"}),
        ("outbox:backlog_jobs", {"job"}),
        ("rate(outbox_processing_time_seconds_bucket[5m])", {"job", "instance", "pod", "le"}),
        ("histogram_quantile(0.5, rate(outbox_processing_time_seconds_bucket[5m]))", {"job", "instance", "pod"}),
        ('absent(up{job="x"})', {"job"}),
        ("outbox_up * ignoring (job) outbox_up", {"instance", "pod"}),
        ("outbox_pending_jobs unless on (job) outbox_up", {"job", "instance", "pod", "state"}),
        ("outbox_pending_jobs / ignoring (state) group_left outbox_up", {"job", "instance", "pod", "state"}),
        ("1 - outbox_up", {"job", "instance", "pod"}),
        ("-outbox:backlog_jobs", {"job"}),
    ],
)
def test_labels_are_known(text, expected):
    """Those that the result would have."""
    assert labels(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("outbox_up", False),
        ("outbox_up == 0", True),
        ("outbox_up == bool 0", False),
        ("outbox_up == 0 or outbox_up", False),
        ("outbox_up == 0 or absent(outbox_up)", True),
        ("outbox_up unless outbox_up == 0", False),
        ("outbox_up == 0 unless outbox_up", True),
        ("outbox_up + 1", False),
    ],
)
def test_comparisons_are_found(text, expected):
    """An alert that compares nothing is always on."""
    assert compares(parse(text)) is expected


def test_counters_are_known():
    """By their kind, histograms' parts among them."""
    assert is_counter("outbox_processed_jobs_total")
    assert is_counter("outbox_processing_time_seconds_bucket")
    assert not is_counter("outbox_up")
    assert not is_counter("outbox:backlog_jobs")


def test_sources_are_required_metrics():
    """Signals are replaced by their expressions, and `unless` parts are left out."""
    found = sources(parse("(outbox:drain_time_seconds > 9) unless (outbox:maintenance_active == 1)"))
    assert {selector.metric for selector in found} == {"outbox_pending_jobs", "outbox_processed_jobs_total"}
