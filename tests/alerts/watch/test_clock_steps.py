"""Clock steps and daylight saving time: durations do not change, and no verdict is wrong."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.checks.sources import AGES
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Verdict
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, during, result, showing


def verdict_on(history: list[Tick]) -> Judgement:
    return evaluate_watch(fixtures.watch(), history, fixtures.START + DAY, DAY, final=True)


def stepped(history: list[Tick], at: float, seconds: float) -> list[Tick]:
    """The wall clock is set by so much from some time on: every age by it is off by that, whatever is true."""
    changed = []
    for tick in history:
        if tick.elapsed <= at:
            changed.append(tick)
            continue
        first = not changed or changed[-1].elapsed <= at
        ages = {name: tick.values[name] + seconds for name in tick.values if name in AGES}
        step = tick.step + (seconds if first else 0.0)
        changed.append(replace(tick, at=tick.at + seconds, values={**tick.values, **ages}, step=step))
    return changed


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_stepped_and_set_right_again_a_clean_day_passes(seconds):
    """Four minutes later: both steps are recorded, and readings of the wrong clock decide nothing."""
    history = stepped(stepped(fixtures.ticks(), 6 * HOUR, seconds), 6 * HOUR + 240, -seconds)
    judgement = verdict_on(history)
    assert judgement.verdict is Verdict.PASS, judgement.reasons
    assert [each.seconds for each in judgement.clock_steps] == [seconds, -seconds]
    assert judgement.gaps == ()


@pytest.mark.parametrize("at", [HOUR, 16.5 * HOUR, 17 * HOUR, 23 * HOUR])
@pytest.mark.parametrize("seconds", [HOUR, -HOUR, 10 * DAY, -10 * DAY])
def test_stepped_for_good_no_clean_day_fails(at, seconds):
    """The right time is unknown: results that depend on it may stay open, and nothing fails."""
    judgement = verdict_on(stepped(fixtures.ticks(), at, seconds))
    assert judgement.verdict is not Verdict.FAIL, judgement.reasons


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_stepped_in_the_middle_of_a_stall_it_is_no_pass(seconds):
    """The oldest job is half an hour old for half an hour, whatever the wall clock is."""
    stalled = during(fixtures.ticks(), 6 * HOUR, 6.5 * HOUR, showing(oldest_open_age_seconds=1800.0))
    judgement = verdict_on(stepped(stalled, 6.1 * HOUR, seconds))
    assert judgement.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)


def test_an_impossible_age_after_a_step_back_is_ignored():
    """By a clock that is an hour behind, jobs would come from the future: so it was right before."""
    judgement = verdict_on(stepped(fixtures.ticks(), 6 * HOUR, -HOUR))
    assert result(judgement, "oldest_job").verdict is Verdict.PASS


def test_alerts_caused_by_the_clock_do_not_fail():
    """By a clock an hour ahead every job is an hour old, and the exporter's own alerts follow it in the end."""
    history = stepped(fixtures.ticks(), 6 * HOUR, HOUR)
    fires = lambda tick: replace(tick, firing=("OutboxStalled/page",))  # noqa: E731
    judgement = verdict_on(during(history, 7 * HOUR, 8 * HOUR, fires))
    assert result(judgement, "pages").verdict is Verdict.INCONCLUSIVE
    assert judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_summer_time_changes_nothing(zone):
    """A day with 23 or 25 hours of local time is evaluated as any other: times are UTC."""
    # 2026-03-28 12:00 UTC; Berlin's clocks go forward in the night.
    spring = 1_774_699_200.0
    watch = fixtures.watch(started_at=spring)
    history = [fixtures.tick(tick.elapsed, at=spring + tick.elapsed) for tick in fixtures.ticks()]
    here = evaluate_watch(watch, history, spring + DAY, DAY, final=True)
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        assert evaluate_watch(watch, history, spring + DAY, DAY, final=True) == here
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
    assert here.verdict is Verdict.PASS
