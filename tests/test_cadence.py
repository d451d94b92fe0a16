"""How often a collector may run."""

import pytest

from exporter.cadence import next_interval
from exporter.config import Ratio, SamplingSettings, Seconds
from exporter.errors import Reason
from exporter.model import Failure, Outcome, Run

SETTINGS = SamplingSettings(interval=Seconds(15), budget_ratio=Ratio(0.01), max_interval=Seconds(600))


def run(duration: float, *reasons: Reason, rows: int = 0) -> Run:
    failures = tuple(Failure(reason, "why") for reason in reasons)
    return Run("backlog", Outcome(failures=failures, rows=rows), finished_at=0, finished=0, duration=duration)


@pytest.mark.parametrize(
    ("duration", "interval"),
    [(0, 15), (0.002, 15), (0.15, 15), (0.3, 30), (2, 200), (6, 600), (60, 600), (3600, 600)],
)
def test_a_run_may_cost_one_percent(duration, interval):
    """A run of d seconds is followed by the next after d / 1 %: not sooner than asked for, not later than allowed."""
    assert next_interval(15, run(duration), SETTINGS) == pytest.approx(interval)


@pytest.mark.parametrize("reason", [Reason.LOCK, Reason.CONNECTION])
def test_waiting_is_free(reason):
    """While a lock or the network makes us wait, the database does no work for us: come back at the base interval."""
    assert next_interval(15, run(5, reason), SETTINGS) == 15
    assert next_interval(300, run(5, reason), SETTINGS) == 15


@pytest.mark.parametrize("reason", [Reason.INTERNAL, Reason.RLS])
def test_other_failures_cost_what_they_took(reason):
    """A run that failed kept the database busy all the same."""
    assert next_interval(15, run(5, reason), SETTINGS) == pytest.approx(500)


def test_a_timeout_counts_twice():
    """A statement that ran into its timeout cost the database that long and told us nothing."""
    assert next_interval(15, run(2, Reason.TIMEOUT), SETTINGS) == pytest.approx(400)
    assert next_interval(15, run(5, Reason.TIMEOUT), SETTINGS) == 600


@pytest.mark.parametrize(("rows", "interval"), [(0, 15), (1_500, 15), (13_000, 104), (660_000, 600)])
def test_rows_are_bounded_too(rows, interval):
    """A question that decorates reads 125 rows per second on average, however fast the server is."""
    assert next_interval(15, run(0.01, rows=rows), SETTINGS) == pytest.approx(interval)


def test_an_interval_longer_than_the_longest_is_kept():
    """max_interval bounds the stretching, not what was asked for."""
    assert next_interval(900, run(60), SETTINGS) == 900


def test_a_cheap_run_brings_the_interval_back_at_once():
    """The interval has no memory."""
    assert next_interval(15, run(3), SETTINGS) == pytest.approx(300)
    assert next_interval(15, run(0.01), SETTINGS) == 15


def test_what_pages_may_overdraw_by_a_tenth():
    """A backlog of a million rows that takes 0.3 s to count is not older than 30 s."""
    assert next_interval(15, run(0.30), SETTINGS, pages=True) + 0.30 < 30
    assert next_interval(15, run(0.33), SETTINGS, pages=True) == pytest.approx(30)
    assert next_interval(15, run(0.36), SETTINGS) == pytest.approx(36)
    assert next_interval(15, run(0.01), SETTINGS, pages=True) == 15


def test_one_dear_run_of_what_pages_only_doubles_the_interval():
    """The first count of a long backlog finds a cold cache; if it is as dear again, the interval is doubled again."""
    intervals = [15.0]
    for duration in (3, 3, 3, 0.3):
        intervals.append(next_interval(15, run(duration), SETTINGS, pages=True, before=intervals[-1]))
    assert intervals == pytest.approx([15, 30, 60, 120, 0.3 / 0.011])
    assert next_interval(15, run(3), SETTINGS, before=15) == pytest.approx(300)
    assert next_interval(15, run(5, Reason.TIMEOUT), SETTINGS, pages=True, before=15) == pytest.approx(600)
