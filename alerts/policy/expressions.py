"""Turns expressions of the policy into PromQL or MetricsQL: substitutes `$name`, expands `exact_increase`.

PromQL's own `increase` extrapolates to the edges of the window: ten in five minutes are 10.5 when samples come every
15 seconds. The result also differs between programs: windows are closed on the left in Prometheus 2 and open in
Prometheus 3; MetricsQL counts the first value of a new series and does not extrapolate. Comparisons with whole numbers
must have the same result everywhere. `exact_increase(series[window])` is therefore the difference of two samples: the
latest one, and the one in force at the start of the window, or the first one of a series that began later.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto

from alerts.policy.file import ExpressionParameter, SourceText
from alerts.policy.objective import bucket_label
from exporter.config import values
from exporter.config.settings import Amount
from exporter.config.values import format_duration
from exporter.core.problems import Problems, nearest

# Names that every expression can use; `objective` and `budget` are time and error budget of the latency objective.
JOB, THRESHOLD, OBJECTIVE, BUDGET = "job", "threshold", "objective", "budget"
_RESERVED = (JOB, THRESHOLD, OBJECTIVE, BUDGET)

_BUCKET = 'le="'
_REFERENCE = re.compile(rf"(?P<before>\[|\boffset |\b{_BUCKET})?\$(?P<name>\w*)")
_SHORTEST = 0.001  # seconds: the shortest duration in PromQL is 1ms


def substitute_parameters(expr: SourceText, amounts: Mapping[str, Amount], job: str, problems: Problems) -> str:
    """The expression with every reference replaced; unknown references are added to `problems`.

    After `[` and `offset` a duration is written as in PromQL, after `le="` as the bound of a bucket, anywhere else as a
    number of seconds.
    """

    def replacement(match: re.Match[str]) -> str:
        name, before = match["name"], match["before"] or ""
        if name == JOB:
            return before + job
        amount = amounts.get(name)
        if amount is None:
            _add_problem(f"unknown parameter ${name}{nearest(name, amounts)}", expr, problems)
            return before
        if before and not amount.is_time:
            _add_problem(f"${name} is not a duration, as {before.strip()} requires", expr, problems)
        if before == _BUCKET:
            return before + bucket_label(amount.value)
        return before + (format_duration(max(amount.value, _SHORTEST)) if before else f"{amount.value:.15g}")

    return _REFERENCE.sub(replacement, expr.text)


def _add_problem(message: str, expr: SourceText, problems: Problems) -> None:
    """Once per expression, which several severities may share."""
    if expr.place not in problems:
        problems.add(expr.place, message)


def references(exprs: Iterable[SourceText]) -> frozenset[str]:
    """The names to which these expressions refer."""
    return frozenset(match["name"] for expr in exprs for match in _REFERENCE.finditer(expr.text))


def check_unused_parameters(
    parameters: Iterable[ExpressionParameter], exprs: Iterable[SourceText], problems: Problems
) -> None:
    """Report every parameter that no expression uses, and every parameter with a reserved name."""
    used = references(exprs)
    for parameter in parameters:
        if parameter.name.text in _RESERVED:
            problems.add(parameter.name.place, "reserved name")
        elif parameter.name.text not in used:
            problems.add(parameter.name.place, "unused parameter")


class Dialect(Enum):
    """The language of the expressions. PromQL's are valid MetricsQL, too; MetricsQL's own are exact in more cases."""

    PROMQL = auto()
    METRICSQL = auto()


_CALL = re.compile(r"\bexact_increase\((?P<series>[^()\[\]]*)\[(?P<window>\w+)\]\)")


def expand_exact_increase(expr: str, interval: float, dialect: Dialect = Dialect.PROMQL) -> str:
    """The expression without `exact_increase`. `interval` is the scrape interval, seconds."""
    difference = _DIFFERENCE[dialect]
    return _CALL.sub(lambda found: difference(found["series"], found["window"], interval), expr)


def _metricsql_difference(series: str, window: str, _: float) -> str:
    """MetricsQL's `increase` is the difference, resets included, where the series is as old as the window.

    It counts the first value of a newer series; `increase_prometheus` does not, and needs two samples. They are joined
    by `or`: `default` leaves out the series that only its right side has, unless the left side is empty.
    """
    increase = f"increase({series}[{window}]) if {series} offset {window}"
    return f"(({increase}) or increase_prometheus({series}[{window}]) or 0 * {series})"


def _promql_difference(series: str, window: str, interval: float) -> str:
    """The difference; if the counter was reset within the window, the sum of the increases before and after."""
    least = f"min_over_time({series}[{window}])"
    before = f"{series} offset {window} <= {least} or {least}"
    grown = f"max_over_time({series}[{window}]) - ({before})"
    reset = f"(resets({series}[{window}]) > 0)"
    return f"(({grown} unless {reset}) or (({_increase_over_resets(series, window, interval)}) and {reset}))"


def _increase_over_resets(series: str, window: str, interval: float) -> str:
    """`increase`, rounded after removing half of the extrapolation, which is up to one interval in Prometheus.

    Up to eighteen in five minutes are then rounded to the right number. MetricsQL counts the first value of a series
    that began within the window: for such a series the count since its reset is used.
    """
    factor = max(0.5, 1 - interval / values.duration(window) / 2)
    return f"round(increase({series}[{window}]) * {factor:.6g}) and {series} offset {window} or {series} * 1"


_DIFFERENCE: Mapping[Dialect, Callable[[str, str, float], str]] = {
    Dialect.PROMQL: _promql_difference,
    Dialect.METRICSQL: _metricsql_difference,
}
