"""The readings of an application's answer."""

from __future__ import annotations

from exporter.metrics.catalogue import APP_CHECK, APP_HEALTHY
from exporter.metrics.readings import Reading
from tests.alerts.diagnosis.sources_of import answered


def test_values_of_one_metric():
    """By label values; none for a metric without readings."""
    found = answered(Reading(APP_CHECK, 1, ("outbox_alive",)), Reading(APP_CHECK, 0, ("queue_depth_ok",)))
    assert found.values(APP_CHECK) == {("outbox_alive",): 1, ("queue_depth_ok",): 0}
    assert found.values(APP_HEALTHY) == {}
