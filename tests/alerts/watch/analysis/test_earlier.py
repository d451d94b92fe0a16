"""The comparison of a watch with an earlier one, or with the day before."""

import pytest

from alerts.watch.analysis.archive import latest, ticks_of
from alerts.watch.analysis.comparison import DayComparison, Direction
from alerts.watch.analysis.earlier import compare_with_earlier
from alerts.watch.model.watch import WatchState
from tests.alerts.watch.analysis.test_archive import watched
from tests.alerts.watch.scenario import WatchScenario, states_of


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def comparison_of(scenario: WatchScenario) -> DayComparison | None:
    """That of the latest watch."""
    with scenario.read() as opened:
        watch = latest(opened)
        assert watch is not None
        return compare_with_earlier(opened, watch, ticks_of(opened, watch))


def test_a_first_watch_has_nothing_to_be_compared_with(scenario):
    """No earlier day was recorded."""
    scenario.evaluate()
    watched(scenario)
    assert comparison_of(scenario) is None


def test_a_later_watch_is_compared_with_the_latest_that_passed(scenario):
    """Not with the one that failed in between."""
    scenario.evaluate()
    watched(scenario)
    watched(scenario, backlog=2000)
    watched(scenario, backlog=50)
    assert states_of(scenario.watches()) == [WatchState.PASSED, WatchState.FAILED, WatchState.PASSED]
    comparison = comparison_of(scenario)
    assert comparison is not None
    assert comparison.against.startswith("watch 1 (PASS, 2025-11-18 ")
    backlog = next(each for each in comparison.signals if each.signal == "outbox:backlog_jobs")
    assert (backlog.direction, backlog.median, backlog.median_before) == (Direction.WORSE, 50, 5)


def test_a_first_watch_is_compared_with_the_day_before(scenario):
    """As far as the exporter was there."""
    scenario.evaluate(30 * 60)
    watched(scenario, backlog=50)
    comparison = comparison_of(scenario)
    assert comparison is not None
    assert comparison.against == "the day before"
    assert any(each.direction is Direction.WORSE for each in comparison.signals)
