"""The raw series that a watch stores, and the ages of their samples."""

import pytest

from alerts.watch.checks.series import age_of, collector_of_metric


@pytest.mark.parametrize(
    ("series", "age"),
    [
        ("outbox_processed_jobs_total", "sample_age:throughput"),
        ('outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}', "sample_age:events"),
        ("outbox_app_processed_jobs_total", "sample_age:application"),
        ('outbox_pending_jobs{state="waiting"}', ""),
    ],
)
def test_counters_have_the_age_of_their_sample(series, age):
    """By their collector; gauges have none."""
    assert age_of(series) == age


def test_each_metric_of_an_outbox_has_a_collector():
    """The exporter's own metrics have none."""
    found = collector_of_metric()
    assert found["outbox_pending_jobs"] == "backlog"
    assert "outbox_exporter_build_info" not in found
