"""The sentences about the frequency of a check's outcomes, with their bounds at 95 % confidence."""

import math
from collections.abc import Callable

from alerts.watch.model.check import Outcomes
from alerts.watch.model.result import Estimate
from exporter.core.humanize import count, duration, percent

Rounding = Callable[[float], float]


def excluded(outcomes: Outcomes, estimate: Estimate) -> str:
    """PASS: the upper bound, and the least frequency beyond the limit that the watch would have proved."""
    seen = estimate.detectable
    power = "" if seen is None else f"; {_frequency(outcomes, seen, math.ceil)} would have been seen"
    return f"At most {_at_most(outcomes, estimate)}{power}."


def proved(outcomes: Outcomes, estimate: Estimate) -> str:
    """FAIL: the lower bound of the whole watch, which includes better times."""
    value = _frequency(outcomes, estimate.at_least, math.floor)
    return f"In the whole watch at least {value} at 95 % ({_counted(outcomes, estimate)})."


def not_excluded(outcomes: Outcomes, estimate: Estimate, *, final: bool) -> str:
    """INCONCLUSIVE, or not decided yet: the upper bound is not below the limit."""
    limit = _frequency(outcomes, estimate.limit, round)
    bound = f"at most {_at_most(outcomes, estimate)}"
    if estimate.needed is None:
        return f"{limit} {'is not excluded' if final else 'is not excluded yet'}: {bound}."
    what = outcomes.what if outcomes.trials else "time"
    more = count(math.ceil(estimate.needed)) if outcomes.trials else duration(estimate.needed)
    needed = f"about {more} more {'would have been' if final else 'are'} needed"
    return f"Not enough {what}{'' if final else ' yet'} to exclude {limit}: {bound}; {needed}."


def _at_most(outcomes: Outcomes, estimate: Estimate) -> str:
    return f"{_frequency(outcomes, estimate.at_most, math.ceil)} at 95 % ({_counted(outcomes, estimate)})"


def _counted(outcomes: Outcomes, estimate: Estimate) -> str:
    events = count(estimate.events)
    if outcomes.trials:
        return f"{events} of {count(estimate.exposure)} {outcomes.what} {outcomes.event}"
    return f"{events} {outcomes.what} in {duration(estimate.exposure)}"


def _frequency(outcomes: Outcomes, value: float, rounded: Rounding) -> str:
    """A share in per cent, or how many events there are in the duration of a rate; a bound is not rounded inwards."""
    if outcomes.trials:
        return percent(rounded(round(value * 1000, 6)) / 1000)
    if not math.isfinite(value):
        return "any number"
    return f"{rounded(round(value * outcomes.per * 10, 6)) / 10:g} in {duration(outcomes.per)}"
