"""Confidence sequences: bounds of a share or of a rate that hold at every look at once, not only at a planned one.

A value is excluded when the mixture martingale against it exceeds 1/level. By Ville's inequality the true value is ever
excluded with a probability of at most the level, however often one looks. The mixture is conjugate, so both martingales
are exact and need the counts only. Sources: Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences" (arXiv 1810.08240), for the method; Lindon, Malek, "Anytime-valid inference for
multinomial count data" (arXiv 2011.03567), for shares; Lindon, Kallus, "Anytime-valid continuous-time confidence
processes for inhomogeneous Poisson processes" (arXiv 2410.09282), for rates.

The prior's mean is the limit that a check compares with: the bounds are narrow where they decide.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

# The probability of an error. That any check of a watch fails by chance: divided among its checks (a union bound).
# That the bounds of one check do not contain the true value: each check by itself. A watch passes only when all of its
# checks do, so it passes in spite of a true value beyond a limit with no higher probability.
ERROR = 0.05
_PRIOR_EVENTS = 0.5
# Bisection halves the error in each step: enough for a bound of 1e-9 to three digits.
_STEPS = 40
_MOST_EXPOSURE = 1e15


class ConfidenceSequence(Protocol):
    """The martingale of one kind of value. Units: `exposure` is what the value is multiplied with to expect events.

    Its logarithm against a value is `mixture` less `likelihood`.
    """

    @property
    def limit(self) -> float:
        """The limit of the check, in the value's unit."""

    @property
    def largest(self) -> float:
        """The largest possible value."""

    def mixture(self, events: float, exposure: float) -> float:
        """The logarithm of the mean likelihood of the data."""

    def likelihood(self, events: float, exposure: float, value: float) -> float:
        """The logarithm of the data's likelihood, but for the same constant."""


@dataclass(frozen=True, slots=True)
class ShareSequence:
    """Events among trials; the value is the probability of an event, 0 to 1. The mixture is beta-binomial."""

    limit: float
    largest: float = 1.0

    def mixture(self, events: float, exposure: float) -> float:
        """Of `events` in `exposure` trials."""
        a = _PRIOR_EVENTS
        b = a * (1 - self.limit) / self.limit
        return _log_beta(a + events, b + exposure - events) - _log_beta(a, b)

    def likelihood(self, events: float, exposure: float, value: float) -> float:
        """Of `events` in `exposure` trials with the probability `value`."""
        return _times_log(events, value) + _times_log(exposure - events, 1 - value)


@dataclass(frozen=True, slots=True)
class RateSequence:
    """Events in time; the value is events per second. The mixture is gamma-Poisson."""

    limit: float
    largest: float = math.inf

    def mixture(self, events: float, exposure: float) -> float:
        """Of `events` in `exposure` seconds."""
        a = _PRIOR_EVENTS
        b = a / self.limit
        return math.lgamma(a + events) - math.lgamma(a) + a * math.log(b) - (a + events) * math.log(b + exposure)

    def likelihood(self, events: float, exposure: float, value: float) -> float:
        """Of `events` in `exposure` seconds with the rate `value`."""
        return _times_log(events, value) - value * exposure


def excludes_limit(sequence: ConfidenceSequence, events: float, exposure: float, error: float = ERROR) -> bool:
    """Whether the limit is neither the true value nor between it and the observed one."""
    return _excludes(sequence, events, exposure, error)(sequence.limit)


def at_least(sequence: ConfidenceSequence, events: float, exposure: float, error: float = ERROR) -> float:
    """The lower bound."""
    if not events or not exposure:
        return 0.0
    excluded = _excludes(sequence, events, exposure, error)
    return _bisect(lambda value: not excluded(value), 0.0, events / exposure)


def at_most(sequence: ConfidenceSequence, events: float, exposure: float, error: float = ERROR) -> float:
    """The upper bound; infinite, or a share of 1, without data."""
    if not exposure:
        return sequence.largest
    value = events / exposure
    return _least(_excludes(sequence, events, exposure, error), value, 1 / exposure, sequence.largest)


def exposure_needed(sequence: ConfidenceSequence, events: float, exposure: float) -> float | None:
    """The exposure with which the upper bound is below the limit, if events go on as before; None if it never is."""
    value = events / exposure if exposure else 0.0
    if value >= sequence.limit:
        return None
    return _least(
        lambda size: excludes_limit(sequence, value * size, size), exposure, 1 / sequence.limit, _MOST_EXPOSURE
    )


def detectable(sequence: ConfidenceSequence, exposure: float, error: float) -> float | None:
    """The least true value that `exposure` shows to be above the limit; None when none does.

    With a probability of 95 %, by the normal approximation. `error` is that of a false FAIL.
    """
    if not exposure:
        return None
    limit, largest = sequence.limit, sequence.largest
    shown = _least(lambda value: excludes_limit(sequence, value * exposure, exposure, error), limit, limit, largest)
    value = shown + NormalDist().inv_cdf(1 - ERROR) * math.sqrt(shown * (1 - shown / largest) / exposure)
    return value if value < largest else None


def _excludes(sequence: ConfidenceSequence, events: float, exposure: float, error: float) -> Callable[[float], bool]:
    most = sequence.mixture(events, exposure) + math.log(error)
    return lambda value: sequence.likelihood(events, exposure, value) <= most


def _least(holds: Callable[[float], bool], low: float, step: float, largest: float) -> float:
    """The least number above `low` from which on a condition holds; `largest` if there is none below."""
    while (high := low + step) < largest and not holds(high):
        low, step = high, 2 * step
    high = min(high, largest)
    return _bisect(holds, low, high) if holds(high) else largest


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The least number between two from which on a condition holds. It does at `high`."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _times_log(count: float, value: float) -> float:
    if not count:
        return 0.0
    return count * math.log(value) if value > 0 else -math.inf


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
