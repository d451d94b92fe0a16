"""Simulated days: reproducible, with the stated traffic, rates and restarts, and the signals that the rules compute."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tools.simulated_days import FAULTS, HEALTHY, SHAPES, USUAL, Day, faulty_days, healthy_days

HOUR, DAY = 3600.0, 86_400.0
ATTEMPTS = "outbox:fsm_attempts:increase5m"
SUCCEEDED = 'outbox_app_fsm_initializations_total{result="succeeded"}'
FAILED = 'outbox_app_fsm_initializations_total{result="failed"}'


def day(shape: str = "steady", kind: str = "usual", *, number: int = 0, **more: object) -> Day:
    return Day(number, 1, 60.0, shape, kind, HEALTHY.get(kind, USUAL), **more)  # type: ignore[arg-type] # fields by name


def test_a_day_is_reproducible():
    """The same number and seed give the same ticks; another number gives others."""
    assert list(day().ticks()) == list(day().ticks())
    assert list(day().ticks()) != list(day(number=1).ticks())


def test_healthy_days_have_every_kind_with_every_shape():
    """In turn: the first twenty days have each pair once."""
    assert {(each.kind, each.shape) for each in healthy_days(20, 1, 60.0)} == {
        (kind, shape) for kind in HEALTHY for shape in SHAPES
    }


@pytest.mark.parametrize(("shape", "trials"), [("steady", 86_400), ("idle nights", 86_400), ("low", 5760)])
def test_traffic(shape, trials):
    """Trials of a day with a full traffic, and with nights in which there are none."""
    counts = day(shape).counts(random.Random(1))
    assert counts.tried[-1] - counts.tried[360] == pytest.approx(trials, rel=0.02)


def test_rates_are_those_of_the_day():
    """2 of 1,000 initialisations fail; and from the begin of a fault 8 %."""
    counts = day(fault=FAULTS["8 % fail"], begin=12 * HOUR).counts(random.Random(1))
    before = (counts.failed[1080] - counts.failed[360]) / (counts.tried[1080] - counts.tried[360])
    after = (counts.failed[-1] - counts.failed[1080]) / (counts.tried[-1] - counts.tried[1080])
    assert before == pytest.approx(0.002, rel=0.3)
    assert after == pytest.approx(0.08, rel=0.05)


def test_restarts_make_gaps_and_resets():
    """Among ten days there are both. The application's counters continue in a gap, unless it restarts, too."""
    gaps = resets = 0
    for number in range(10):
        ticks = list(day(number=number).ticks())
        gaps += max(tick.run for tick in ticks) - 1
        resets += sum(after.values[SUCCEEDED] < before.values[SUCCEEDED] for before, after in pairwise(ticks))
    assert gaps
    assert resets


def test_signals_are_those_of_the_rules():
    """Of five minutes, and absent when nothing was attempted."""
    ticks = {tick.elapsed: tick for tick in day("idle nights", "half of the limits", number=3).ticks()}
    idle = [tick for tick in ticks.values() if not tick.values[ATTEMPTS]]
    assert idle
    assert not any("outbox:fsm_failure_ratio:5m" in tick.values for tick in idle)
    compared = 0
    for tick in ticks.values():
        window = [ticks.get(tick.elapsed - seconds) for seconds in range(0, 301, 60)]
        counts = [each.values[SUCCEEDED] + each.values[FAILED] for each in window if each and each.run == tick.run]
        if len(counts) == 6 and counts == sorted(counts, reverse=True):
            assert tick.values[ATTEMPTS] == counts[0] - counts[-1]
            compared += 1
    assert compared > 1000


def test_outages_are_short():
    """Of two days with outages, none has one of more than three minutes in which everything fails."""
    for number in (0, 1):
        counts = day(kind="outages within the budgets", number=number).counts(random.Random(number))
        tried = [after - before for before, after in pairwise(counts.tried)]
        failed = [after - before for before, after in pairwise(counts.failed)]
        bad = sum(all_of == some_of and all_of > 0 for all_of, some_of in zip(tried, failed, strict=True))
        assert 2 <= bad <= 8


def test_faults_begin_in_the_first_half():
    """Each fault, with each shape of traffic."""
    found = list(faulty_days(2, 1, 60.0))
    assert {(each.kind, each.shape) for each in found} == {(kind, shape) for kind in FAULTS for shape in SHAPES}
    assert all(HOUR <= each.begin <= DAY / 2 for each in found)
