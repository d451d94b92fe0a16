"""All histories of a few ticks: what is missing never turns FAIL into PASS, more failures never improve a verdict.

At each tick the truth is good (no job of 100 is slow) or bad (all are), and it is seen or not: the tick has no values,
it is missing and the counters bridge the gap, or it is missing and the exporter has restarted, so that its counts are
lost. The real evaluation judges each history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import product

import pytest

from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.model.check import Budget
from alerts.watch.model.result import CheckResult
from alerts.watch.model.tick import Cause, CollectorProblem, Tick
from alerts.watch.model.watch import Verdict, Watch
from tests.alerts.watch import fixtures

INTERVAL = 60.0
SIGNAL = "outbox:processing_time_p95_seconds"
SERIES = ('outbox_processing_time_seconds_bucket{le="60"}', "outbox_processing_time_seconds_count")
# From the worst to the best.
ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


class Sight(Enum):
    """Whether a tick was seen."""

    SEEN = "seen"
    BLIND = "blind"
    MISSING = "missing"
    LOST = "lost"


@dataclass(frozen=True, order=True)
class Step:
    """One tick of the model."""

    bad: bool
    sight: str = Sight.SEEN.value


History = tuple[Step, ...]


@cache
def watch(size: int) -> Watch:
    """Of one check that may be breached for one interval. The first tick is good, and the base of the counters."""
    made = fixtures.watch()
    check = next(each for each in made.checks if each.name == "processing_time")
    check = replace(check, budget=Budget(INTERVAL, INTERVAL), conditions=check.conditions[:1])
    return replace(made, checks=(check,), sources={}, duration=(size + 1) * INTERVAL, interval=INTERVAL)


def ticks(history: History) -> Iterator[Tick]:
    jobs = slow = 0
    run, before = 1, Cause.EXPORTER_STALLED
    for number, step in enumerate((Step(bad=False), *history), start=1):
        jobs, slow = jobs + 100, slow + 100 * step.bad
        at = number * INTERVAL
        if step.sight == Sight.LOST.value:
            run, jobs, slow = run + 1, 0, 0
        if step.sight in (Sight.LOST.value, Sight.MISSING.value):
            before = Cause.EXPORTER_DOWN
            continue
        values = {SIGNAL: 100.0 if step.bad else 1.0, SERIES[0]: float(jobs - slow), SERIES[1]: float(jobs)}
        tick = Tick(fixtures.START + at, at, run, INTERVAL, values, before=before)
        if step.sight == Sight.BLIND.value:
            tick = replace(tick, values={}, problems=(CollectorProblem("throughput", Cause.LOCK, stale=True),))
        yield tick
        before = Cause.EXPORTER_STALLED


def judged(history: History) -> CheckResult:
    made = watch(len(history))
    judgement = evaluate_watch(made, ticks(history), made.started_at + made.duration, made.duration, final=True)
    (result,) = judgement.results
    assert judgement.verdict is result.verdict
    return result


@cache
def results(size: int, *sights: Sight) -> Mapping[History, CheckResult]:
    """Of all histories, in an order in which those with more seen come first."""
    steps = [Step(bad, sight.value) for bad, sight in product((False, True), (Sight.SEEN, *sights))]
    histories = sorted(product(steps, repeat=size), key=lambda history: sum(each.sight != "seen" for each in history))
    return {history: judged(history) for history in histories}


MODELS = [(5, Sight.BLIND, Sight.LOST), (4, Sight.BLIND, Sight.MISSING, Sight.LOST)]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_model_has_every_verdict(model):
    """Seen or not; a history that was seen completely is decided or has too many failures for a PASS."""
    found = results(*model)
    for seen in (True, False):
        verdicts = {result.verdict for history, result in found.items() if is_seen(history) is seen}
        assert verdicts == set(Verdict)


def is_seen(history: History) -> bool:
    return all(step.sight == Sight.SEEN.value for step in history)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_blindness_never_turns_fail_into_pass(model):
    """Nor PASS into FAIL: whatever else could have been seen."""
    found = results(*model)
    possible: dict[History, set[Verdict | None]] = {}
    for history, result in found.items():
        possible[history] = {result.verdict}.union(
            *(
                possible[(*history[:place], replace(step, sight=Sight.SEEN.value), *history[place + 1 :])]
                for place, step in enumerate(history)
                if step.sight != Sight.SEEN.value
            )
        )
        if result.verdict is not Verdict.INCONCLUSIVE:
            assert {Verdict.PASS, Verdict.FAIL} - possible[history], history


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_more_failures_never_improve_a_verdict(model):
    """At any tick, seen or not."""
    found = results(*model)
    for history, result in found.items():
        for place, step in enumerate(history):
            if not step.bad:
                worse = found[(*history[:place], replace(step, bad=True), *history[place + 1 :])]
                assert rank(worse) <= rank(result), history


def rank(result: CheckResult) -> int:
    assert result.verdict is not None
    return ORDER.index(result.verdict)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_no_pass_with_a_bound_above_the_limit(model):
    """The bound is that of all counted jobs, and a PASS has no more breached and unknown time than is allowed."""
    passed = {history: each for history, each in results(*model).items() if each.verdict is Verdict.PASS}
    assert passed
    for history, result in passed.items():
        assert result.estimate is not None
        assert result.estimate.at_most < 0.05, history
        assert result.estimate.events / result.estimate.exposure < result.estimate.at_most
        assert result.breached + result.coverage.unseen <= INTERVAL, history


def test_the_verdict_on_what_was_seen_completely():
    """By the definition of the wealth. A fifth of the jobs and more are slow wherever one tick is bad: no PASS."""
    for history, result in results(*MODELS[0]).items():
        if is_seen(history):
            assert result.breached == breached(history), history
            expected = Verdict.FAIL if breached(history) > INTERVAL else Verdict.INCONCLUSIVE
            assert result.verdict is (expected if any(step.bad for step in history) else Verdict.PASS), history


def breached(history: History) -> float:
    """Seconds in bad ticks at which a stake has 20 times its wealth: one of a history comes in over time, half at once.

    Of 100 jobs, 5 may be slow: a bad tick has 20 times as many, a good one none. Four good ticks end what is certain.
    """
    size, seconds = len(history) + 1, 0.0
    wealth = dict.fromkeys((0.005, 0.015, 0.05, 0.15, 0.45, 0.9), 0.5 / 6 + 0.5 / 6 / size)
    for step in history:
        for stake, before in wealth.items():
            won = (before + 0.5 / 6 / size) * (1 + 19 * stake if step.bad else 1 - stake)
            wealth[stake] = min(won, 20 / (1 - stake) ** 4)
        seconds += INTERVAL * (step.bad and max(wealth.values()) >= 20)
    return seconds
