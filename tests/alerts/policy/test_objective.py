"""The latency objective can be measured by a bucket of the histogram."""

from __future__ import annotations

import math

import pytest

from alerts.policy.objective import bound_error, bucket_label, least_bound


@pytest.mark.parametrize("seconds", [0.1, 30, 60, 21600])
def test_bounds(seconds):
    """Each bound is an objective that can be measured."""
    assert bound_error(seconds) is None


@pytest.mark.parametrize("seconds", [0.05, 45, 59.999, 86400])
def test_other_times(seconds):
    """The message lists what can be measured."""
    assert bound_error(seconds) == (
        "expected an upper bound of a bucket of outbox_processing_time_seconds: 100ms, 250ms, 500ms, 1s, 2s500ms, 5s, "
        "10s, 15s, 30s, 1m, 2m30s, 5m, 15m, 1h, 6h"
    )


@pytest.mark.parametrize(("seconds", "bound"), [(60, 60), (12.6, 15), (0.001, 0.1), (30_000, math.inf)])
def test_the_least_bound(seconds, bound):
    """A scaled objective is rounded up."""
    assert least_bound(seconds) == bound


@pytest.mark.parametrize(
    ("bound", "label"), [(60, "60.0"), (0.1, "0.1"), (2.5, "2.5"), (21600, "21600.0"), (math.inf, "+Inf")]
)
def test_the_label(bound, label):
    """As it is exposed."""
    assert bucket_label(bound) == label
