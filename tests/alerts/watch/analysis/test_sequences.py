"""Bounds of shares and rates, against values that SciPy 1.15 and mpmath computed from the distributions themselves.

The martingale is a ratio of two probabilities: of the data in the mixture and with the value. They are
`scipy.stats.betabinom` and `binom` for shares, `nbinom` and `poisson` for rates; the bounds were found with 50 digits
by mpmath, which integrated the likelihood over the prior.
"""

from __future__ import annotations

import math
import random

import pytest

from alerts.watch.analysis.sequences import (
    ConfidenceSequence,
    RateSequence,
    ShareSequence,
    at_least,
    at_most,
    detectable,
    excludes_limit,
    exposure_needed,
)

TEN_IN_FIVE_MINUTES = 10 / 300


@pytest.mark.parametrize(
    ("sequence", "events", "exposure", "evidence"),
    [
        (ShareSequence(0.015), 0, 275, 3.03379237625),
        (ShareSequence(0.05), 3, 120, -0.245547786392),
        (ShareSequence(0.015), 86, 43_200, 388.700728931),
        (ShareSequence(0.5), 7, 10, -0.58233281422),
        (RateSequence(TEN_IN_FIVE_MINUTES), 0, 3600, 117.257601533),
        (RateSequence(TEN_IN_FIVE_MINUTES), 288, 86_340, 1923.02287532),
        (RateSequence(1.0), 3, 10, 2.05222166907),
    ],
)
def test_the_martingale_against_the_limit(sequence: ConfidenceSequence, events, exposure, evidence):
    """Its logarithm: that of the probability in the mixture divided by the one with the limit."""
    found = sequence.mixture(events, exposure) - sequence.likelihood(events, exposure, sequence.limit)
    assert found == pytest.approx(evidence, rel=1e-10)


@pytest.mark.parametrize(
    ("sequence", "events", "exposure", "low", "high"),
    [
        (ShareSequence(0.015), 0, 275, 0.0, 0.0148636661981),
        (ShareSequence(0.05), 3, 120, 0.00253487260179, 0.0897016234807),
        (ShareSequence(0.5), 7, 10, 0.252412890085, 0.967484860212),
        (RateSequence(TEN_IN_FIVE_MINUTES), 0, 3600, 0.0, 0.00159392520564),
        (RateSequence(1.0), 3, 10, 0.0286583941989, 1.13138339996),
    ],
)
def test_the_bounds(sequence, events, exposure, low, high):
    """The values between them are those against which the martingale is below 20."""
    assert at_least(sequence, events, exposure) == pytest.approx(low, rel=1e-8)
    assert at_most(sequence, events, exposure) == pytest.approx(high, rel=1e-8)


def test_without_data_everything_is_possible():
    """A share up to 1, and any rate; no value above the limit would have been noticed."""
    assert (at_least(ShareSequence(0.05), 0, 0), at_most(ShareSequence(0.05), 0, 0)) == (0, 1)
    assert (at_least(RateSequence(1.0), 0, 0), at_most(RateSequence(1.0), 0, 0)) == (0, math.inf)
    assert detectable(ShareSequence(0.05), 0, 0.05) is None
    assert detectable(ShareSequence(0.05), 1, 0.05) is None


def test_when_all_or_none_of_the_trials_are_events():
    """The bound on the side of the observed share is that share."""
    assert at_most(ShareSequence(0.05), 30, 30) == pytest.approx(1.0)
    assert 0.4 < at_least(ShareSequence(0.05), 30, 30) < 1
    assert at_least(ShareSequence(0.05), 0, 30) == 0


@pytest.mark.parametrize(
    ("sequence", "events", "exposure"),
    [(ShareSequence(0.015), 1, 100), (ShareSequence(0.05), 0, 0), (RateSequence(1.0), 3, 5), (RateSequence(1.0), 0, 0)],
)
def test_with_the_exposure_needed_the_limit_is_excluded(sequence, events, exposure):
    """With the same frequency, and not with less."""
    needed = exposure_needed(sequence, events, exposure)
    assert needed is not None
    share = events / exposure if exposure else 0.0
    assert at_most(sequence, share * needed * 1.001, needed * 1.001) < sequence.limit
    assert at_most(sequence, share * needed * 0.999, needed * 0.999) > sequence.limit


def test_no_exposure_excludes_a_limit_that_is_reached():
    """As often as the limit, or more."""
    assert exposure_needed(ShareSequence(0.05), 5, 100) is None
    assert exposure_needed(RateSequence(1.0), 7, 5) is None


@pytest.mark.parametrize("sequence", [ShareSequence(0.05), RateSequence(1.0)])
def test_what_is_detectable_is_detected(sequence):
    """At the stated value 95 % of the samples exclude the limit from above, half way to it less than half."""
    rng, exposure = random.Random(7), 2000
    value = detectable(sequence, exposure, 0.0125)
    assert value is not None

    def share_found(true: float) -> float:
        spread = math.sqrt(true * (1 - true / sequence.largest) * exposure)
        drawn = [rng.gauss(true * exposure, spread) for _ in range(1000)]
        found = sum(
            each > sequence.limit * exposure and excludes_limit(sequence, each, exposure, 0.0125) for each in drawn
        )
        return float(found / 1000)

    assert share_found(value) > 0.92
    assert share_found((value + sequence.limit) / 2) < 0.5


def test_the_bounds_hold_at_every_look():
    """In 400 sequences of 1,000 trials, at most 5 % ever have bounds without the true share, at any of the looks."""
    rng, sequence, wrong = random.Random(3), ShareSequence(0.05), 0
    for _ in range(400):
        events, missed = 0, False
        for trials in range(1, 1001):
            events += rng.random() < 0.04
            if trials % 5 == 0:
                evidence = sequence.mixture(events, trials) - sequence.likelihood(events, trials, 0.04)
                missed = missed or evidence >= -math.log(0.05)
        wrong += missed
    assert wrong <= 20
