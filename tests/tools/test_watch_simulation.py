"""The simulation of days, a small share of it: days are reproducible, and none of the healthy ones fails."""

from __future__ import annotations

import json
import random

import pytest

from alerts.watch.model.watch import Verdict
from tools import watch_simulation
from tools.watch_simulation import FAULTS, HEALTHY, SHAPES, USUAL, Day, evaluate, healthy_days, watch_of

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
    counts = day(shape)._counts(random.Random(1))
    assert counts.tried[-1] - counts.tried[360] == pytest.approx(trials, rel=0.02)


def test_rates_are_those_of_the_day():
    """2 of 1,000 initialisations fail; and from the begin of a fault 8 %."""
    counts = day(fault=FAULTS["8 % fail"], begin=12 * HOUR)._counts(random.Random(1))
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
        resets += sum(
            after.values[SUCCEEDED] < before.values[SUCCEEDED] for before, after in zip(ticks, ticks[1:], strict=False)
        )
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
        counts = [sum(each.values[name] for name in (SUCCEEDED, FAILED)) for each in window if each]
        if len(counts) == 6 and window[-1].run == tick.run and counts == sorted(counts, reverse=True):
            assert tick.values[ATTEMPTS] == counts[0] - counts[-1]
            compared += 1
    assert compared > 1000


def test_no_healthy_day_fails():
    """Two of each kind with each shape."""
    watch = watch_of(60.0)
    found = [evaluate(each, watch) for each in healthy_days(40, 2, 60.0)]
    assert [each for each in found if each.verdict == Verdict.FAIL] == []
    usual = [each for each in found if each.kind == "usual"]
    assert {each.verdict for each in usual} == {Verdict.PASS}


def test_ticks_of_a_minute_find_the_same_as_of_15_seconds():
    """A fault of the same size at the same time: as soon, but for the time of a few ticks."""
    for kind in ("all fail for 20 min", "20 % are slow for 2 h"):
        found = []
        for interval in (15.0, 60.0):
            made = Day(0, 1, interval, "steady", kind, USUAL, FAULTS[kind], 2 * HOUR)
            found.append(evaluate(made, watch_of(interval)).seconds)
        assert None not in found
        assert abs(found[0] - found[1]) <= 600


def test_faults_are_never_passed():
    """Each fault with little traffic: FAIL, or INCONCLUSIVE."""
    watch = watch_of(60.0)
    for kind, fault in FAULTS.items():
        found = evaluate(Day(0, 1, 60.0, "low", kind, USUAL, fault, 2 * HOUR), watch)
        assert found.verdict != Verdict.PASS, kind
        assert (found.seconds is None) == (found.verdict != Verdict.FAIL)


def test_the_output(capsys):
    """A table, or one JSON object for each day."""
    assert watch_simulation.main(["--days", "5", "--interval", "60"]) == 0
    table = capsys.readouterr().out
    assert "| all healthy days | 5 | 0.00% |" in table
    assert watch_simulation.main(["--days", "2", "--interval", "60", "--raw"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["usual", "half of the limits"]
