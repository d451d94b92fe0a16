"""Writes `exact_increase(series[window])` of the policy as PromQL: by how much a counter grew, as a whole number.

PromQL's own `increase` extrapolates to the edges of the window: ten in five minutes are 10.5 when samples come every
15 seconds. It depends on the program, too: windows are closed on the left in Prometheus 2 and open in Prometheus 3,
and MetricsQL counts the first value of a new series and does not extrapolate. What is compared with whole numbers has
to be the same everywhere, so this is the difference of two samples: the latest, and the one that stood when the window
began. Where a series has begun since, its first sample takes the place of the latter.
"""

import re
from typing import Final

from exporter.config import values

NAME: Final = "exact_increase"

_CALL = re.compile(rf"\b{NAME}\((?P<series>[^()\[\]]*)\[(?P<window>\w+)\]\)")


def expand_exact_increase(expr: str, interval: float) -> str:
    """The expression in PromQL alone. `interval` is that of the scrapes, seconds."""
    return _CALL.sub(lambda found: _difference(found["series"], found["window"], interval), expr)


def _difference(series: str, window: str, interval: float) -> str:
    """The difference; where the counter was reset within the window, what came before and after the reset."""
    least = f"min_over_time({series}[{window}])"
    before = f"{series} offset {window} <= {least} or {least}"
    grown = f"max_over_time({series}[{window}]) - ({before})"
    reset = f"(resets({series}[{window}]) > 0)"
    return f"(({grown} unless {reset}) or (({_added_up(series, window, interval)}) and {reset}))"


def _added_up(series: str, window: str, interval: float) -> str:
    """`increase` adds up, in Prometheus times what it extrapolates: by nothing, or by up to an interval.

    Half of that is taken back, so that up to eighteen in five minutes are rounded to the right number. MetricsQL
    counts the first value of a series that was not there when the window began: of such a one it is known what it has
    counted since its reset.
    """
    share = max(0.5, 1 - interval / values.duration(window) / 2)
    return f"round(increase({series}[{window}]) * {share:.6g}) and {series} offset {window} or {series} * 1"
