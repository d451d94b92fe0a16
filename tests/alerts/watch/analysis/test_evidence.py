"""The wealth of bets: by its definition, on simulated observations, and with missing ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from alerts.watch.analysis.evidence import Evidence

STAKES = (0.005, 0.015, 0.05, 0.15, 0.45, 0.9)


def certain_at(ratios: Sequence[float], error: float) -> int | None:
    """The first observation at which it is certain, by the definition: a sum over all times of begin.

    Half of the wealth begins at once, and half in equal parts with the observations, of which each is one second.
    """
    for until in range(1, len(ratios) + 1):
        for stake in STAKES:
            wealth = 0.0
            for begin in range(until):
                product = (0.5 if begin == 0 else 0.0) + 0.5 / len(ratios)
                for ratio in ratios[begin:until]:
                    product *= 1 - stake + stake * ratio
                wealth += product / 6
            if wealth >= 1 / error:
                return until
    return None


@pytest.mark.parametrize("seed", range(30))
def test_it_is_certain_when_the_definition_says_so(seed):
    """At the same observation, for rises at random times."""
    rng = random.Random(seed)
    begin, size = rng.randrange(40), rng.choice((1.5, 3, 10))
    ratios = [rng.expovariate(1 / (size if number >= begin else 0.8)) for number in range(60)]
    evidence, found = Evidence(0.05, 60), None
    for number, ratio in enumerate(ratios, start=1):
        evidence.observe(number, ratio, 1.0)
        if evidence.is_certain and found is None:
            found = number
    assert found == certain_at(ratios, 0.05)


def test_at_the_limit_it_is_seldom_ever_certain():
    """In 500 days of Poisson counts, and as many of counts that come in tens: 5 % at most."""
    for batch in (1, 10):
        rng, certain = random.Random(batch), 0
        for _ in range(500):
            evidence, was_certain = Evidence(0.05, 200), False
            for second in range(1, 201):
                # 20 in ten trials of 10 % each: the mean is the limit, whatever the batch.
                events = batch * sum(rng.random() < 0.1 for _ in range(20 // batch))
                evidence.observe(second, events, 2.0)
                was_certain = was_certain or evidence.is_certain
            certain += was_certain
        assert certain <= 25


@pytest.mark.parametrize("ratio", [1.5, 2.0, 20.0])
def test_a_rise_is_found_and_forgotten(ratio):
    """It stays certain while it lasts, and not longer than a few observations after its end."""
    evidence = Evidence(0.05, 2000)
    for second in range(1, 1001):
        evidence.observe(second, 10 * ratio, 10)
    assert evidence.is_certain
    for second in range(1001, 1006):
        evidence.observe(second, 0, 10)
    assert not evidence.is_certain
    assert not evidence.is_possible


def test_lost_observations_are_possible_ones():
    """They may have been the worst, until a few good ones follow; what was certain before is not any more."""
    evidence = Evidence(0.05, 100)
    for second in range(1, 6):
        evidence.observe(second, 100, 10)
    assert evidence.is_certain
    evidence.lose(6)
    assert (evidence.is_certain, evidence.is_possible) == (False, True)
    for second in range(7, 12):
        evidence.observe(second, 0, 10)
    assert not evidence.is_possible


def test_observations_in_one():
    """Without an event there was no rise; with events they may have come together, at the end."""
    evidence = Evidence(0.05, 100)
    evidence.observe(10, 0, 100, complete=False)
    assert not evidence.is_possible
    evidence.observe(20, 1, 100, complete=False)
    assert (evidence.is_certain, evidence.is_possible) == (False, True)


def test_nothing_expected_is_no_observation():
    """Without trials there is nothing to bet on; the wealth of that time comes in with the next one."""
    silent, busy = Evidence(0.05, 100), Evidence(0.05, 100)
    for second in range(1, 50):
        silent.observe(second, 0, 0)
    for each in (silent, busy):
        each.observe(50, 25, 1)
        each.observe(51, 1, 1)
    assert silent == busy


@pytest.mark.parametrize("seed", range(50))
def test_the_bounds_contain_the_complete_wealth(seed):
    """With any observations missing: nothing certain is impossible without them, nothing impossible is certain."""
    rng = random.Random(seed)
    whole, partial = Evidence(0.05, 40), Evidence(0.05, 40)
    for second in range(1, 41):
        events, lost = rng.choice((0, 0, 1, 5, 10)), rng.random() < 0.2
        whole.observe(second, events, 1.0)
        if lost:
            partial.lose(second)
        else:
            partial.observe(second, events, 1.0)
        assert partial.is_possible >= whole.is_certain >= partial.is_certain
