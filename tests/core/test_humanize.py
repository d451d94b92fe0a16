"""Humanized numbers."""

import math

import pytest

from exporter.core import humanize

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0003, "< 1 ms"),
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.9, "59 min 59 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations(seconds, text):
    assert humanize.duration(seconds) == text


@pytest.mark.parametrize(("ratio", "text"), [(0, "0.0 %"), (0.0001, "< 0.1 %"), (0.002, "0.2 %"), (1, "100.0 %")])
def test_percent(ratio, text):
    assert humanize.percent(ratio) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(1, "100 %"), (1.2, "100 %"), (0.99999, "99.9 %"), (0.5, "50.0 %"), (0, "0.0 %")]
)
def test_coverage_is_complete_only_without_gaps(ratio, text):
    """It is not rounded up to 100 %."""
    assert humanize.coverage(ratio) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "seconds", "0 s"),
        (0.042, "seconds", "42 ms"),
        (90, "seconds", "1 min 30 s"),
        (300, "seconds", "5 min"),
        (93600, "seconds", "1 d 2 h"),
        (38 * DAY, "seconds", "38 d"),
        (0.05, "ratio", "5.0 %"),
        (0.1234, "ratio", "12.3 %"),
        (1200, "jobs", "1,200"),
        (2.5, "jobs", "2.5"),
        (0, "boolean", "no"),
        (1, "boolean", "yes"),
        (0.5, "boolean", "0.5"),
        (math.inf, "seconds", "∞"),
    ],
)
def test_humanized_values(value, unit, text):
    assert humanize.format_value(value, unit) == text


def test_moments_are_in_utc():
    assert humanize.moment(1_000_000) == "1970-01-12 13:46 UTC"
