"""Evidence that events are more frequent than a limit allows, at any time and since any time.

Each observation is a bet: `events` where at most `expected` are expected multiply the wealth by
1 - stake + stake * events / expected. Under the limit its mean is at most 1, whatever the distribution of the events
is and however they depend on each other within one observation. Wealth comes in over the watch, half of it at the
begin, so that a rise is noticed whenever it begins; all of it is 1. By Ville's inequality, a watch whose limit is kept
at every observation ever has the wealth 1/error with a probability of at most `error`. Sources: Waudby-Smith, Ramdas,
"Estimating means of bounded random variables by betting" (arXiv 2010.09686), for the bets; Shin, Ramdas, Rinaldo,
"E-detectors" (arXiv 2203.03532), for the sum over times of begin.

What was not observed leaves two bounds of the wealth, as it does of durations (`coverage.py`): the lower one without
it, the upper one as if it had been the worst. So missing data never hides a rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

# Parts of the wealth: small ones win where a few more events occur than expected, large ones in an outage.
_STAKES = (0.005, 0.015, 0.05, 0.15, 0.45, 0.9)
_AT_BEGIN = 0.5
# Wealth has a maximum, so that what is certain is uncertain again after so many observations without an event.
_MEMORY = 4
# In wealths that are certain.
_HIGHEST = tuple((1 - stake) ** -_MEMORY for stake in _STAKES)

_NONE = (0.0,) * len(_STAKES)


@dataclass(slots=True)
class Evidence:
    """The wealth of one check. `error`: the probability of a false proof. `duration`: that of the watch, seconds."""

    error: float
    duration: float
    _income: float = _AT_BEGIN
    _elapsed: float = 0.0
    _least: Sequence[float] = _NONE
    _most: Sequence[float] = _NONE
    _highest: Sequence[float] = field(init=False)

    def __post_init__(self) -> None:
        self._highest = [each / self.error for each in _HIGHEST]

    @property
    def is_certain(self) -> bool:
        """Whether the observations prove that the limit was exceeded up to now."""
        return max(self._least) >= 1 / self.error

    @property
    def is_possible(self) -> bool:
        """Whether they would, with the worst values where none were observed."""
        return max(self._most) >= 1 / self.error

    def observe(self, elapsed: float, events: float, expected: float, *, complete: bool = True) -> None:
        """Add an observation up to `elapsed` seconds. Not `complete`: in one, where there would have been several."""
        if expected <= 0:
            return
        income, ratio, is_same = self._take_income(elapsed), events / expected, self._most is self._least
        self._least = self._after(self._least, income, ratio)
        if not complete:
            self._most = self._highest if events else [wealth + income for wealth in self._most]
        else:
            self._most = self._least if is_same else self._after(self._most, income, ratio)

    def lose(self, elapsed: float) -> None:
        """Observations up to `elapsed` seconds are lost."""
        self._take_income(elapsed)
        self._least, self._most = _NONE, self._highest

    def _take_income(self, elapsed: float) -> float:
        """The wealth that has come in for each stake."""
        until = max(min(elapsed, self.duration), self._elapsed)
        income = self._income + (1 - _AT_BEGIN) * (until - self._elapsed) / self.duration
        self._income, self._elapsed = 0.0, until
        return income / len(_STAKES)

    def _after(self, wealth: Sequence[float], income: float, ratio: float) -> Sequence[float]:
        more = ratio - 1
        return [
            won if (won := (each + income) * (1 + stake * more)) < highest else highest
            for each, stake, highest in zip(wealth, _STAKES, self._highest, strict=True)
        ]
