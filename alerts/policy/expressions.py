"""Completes an expression of the policy: `$name` becomes a duration's text, seconds, a number, or the job's name."""

import re
from collections.abc import Iterable, Mapping

from alerts.policy.file import ExpressionParameter, SourceText
from exporter.config.settings import Amount
from exporter.config.values import format_duration
from exporter.core.problems import Problems, nearest

# What the policy gives by itself.
JOB, THRESHOLD = "job", "threshold"

_REFERENCE = re.compile(r"(?P<before>\[|\boffset )?\$(?P<name>\w*)")
_SHORTEST = 0.001  # PromQL knows no shorter duration than 1ms


def substitute_parameters(expr: SourceText, amounts: Mapping[str, Amount], job: str, problems: Problems) -> str:
    """The expression with every reference replaced; those to nothing are noted in `problems`.

    Behind `[` and `offset` stands a duration as PromQL writes it, anywhere else a number: seconds for times.
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
            _add_problem(f"${name} is no duration, and {before.strip()} takes one", expr, problems)
        return before + (format_duration(max(amount.value, _SHORTEST)) if before else f"{amount.value:.15g}")

    return _REFERENCE.sub(replacement, expr.text)


def _add_problem(message: str, expr: SourceText, problems: Problems) -> None:
    """Once for each expression, however many severities have it."""
    if expr.place not in problems:
        problems.add(expr.place, message)


def references(exprs: Iterable[SourceText]) -> frozenset[str]:
    """The names that these expressions refer to."""
    return frozenset(match["name"] for expr in exprs for match in _REFERENCE.finditer(expr.text))


def check_unused_parameters(
    parameters: Iterable[ExpressionParameter], exprs: Iterable[SourceText], problems: Problems
) -> None:
    """Note every parameter that no expression takes, or that has the name of what is always there."""
    used = references(exprs)
    for parameter in parameters:
        if parameter.name.text in (JOB, THRESHOLD):
            problems.add(parameter.name.place, "the policy itself gives this name a meaning")
        elif parameter.name.text not in used:
            problems.add(parameter.name.place, "unused: no expression of this entry has it")
