"""What the policy's expressions say at one moment: the step from scrapes to the state machine."""

import math
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from alerts.clock import Look
from alerts.evaluator import Finding, Findings, PreparedRule
from alerts.model import Outlet, Policy, RuleKey
from alerts.promql.engine import evaluate_vector
from alerts.promql.memory import Memory, needs
from alerts.promql.parse import parse
from alerts.promql.syntax import Call, Expression, walk
from alerts.promql.vectors import EvaluationError, Vector, collect, greatest, nameless

# How metrics are named whose values are times of day. Source: the conventions of Prometheus.
_TIME_OF_DAY = "_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression that made no sense for the series that there are; `what` is the signal or the rule."""

    what: str
    message: str


@dataclass(frozen=True, slots=True)
class _Signal:
    record: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class _Rule:
    prepared: PreparedRule
    expression: Expression
    by_clock: bool  # whether it depends on what time it is


class Questions:
    """The policy's expressions, ready to be asked.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has more in it than we can evaluate.
    """

    def __init__(self, policy: Policy) -> None:
        self._signals = tuple(_Signal(signal.record, parse(signal.expr)) for signal in policy.signals)
        by_clock = frozenset(_by_clock(self._signals))
        self._rules = tuple(
            _Rule(PreparedRule.of(rule), expression, _depends_on_clock(expression, by_clock))
            for rule in policy.rules
            if Outlet.SIDECAR in rule.outlets
            for expression in (parse(rule.expr),)
        )
        self.rules = tuple(rule.prepared for rule in self._rules)
        self._signals_by_clock = by_clock
        self._by_clock = frozenset(each.prepared.rule.key for each in self._rules if each.by_clock)

    def memory(self) -> Memory:
        """One that remembers what is asked for, and no more."""
        signals = (signal.expression for signal in self._signals)
        rules = (rule.expression for rule in self._rules)
        return Memory(needs((*signals, *rules)))

    def ask(self, memory: Memory, look: Look, fresh: AbstractSet[str]) -> tuple[Findings, tuple[Failure, ...]]:
        """What the expressions say at this time; signals are kept in the memory as series.

        Unknown is a rule of which a collector is not among the `fresh` ones, one that failed, and, while the clock is
        in doubt, one that compares with it. Shape: what was found, and what could not be asked.
        """
        at = look.at
        failures: list[Failure] = []
        signals = {name: value for name, value in self._ask_signals(memory, at, failures) if not math.isnan(value)}
        rules: dict[RuleKey, Finding] = {}
        for each in self._rules:
            rule = each.prepared.rule
            if set(rule.collectors) <= fresh and not (each.by_clock and look.in_doubt):
                rules[rule.key] = _evaluate(each.expression, memory, at, str(rule.key), failures)
        if look.in_doubt:
            signals = {name: value for name, value in signals.items() if name not in self._signals_by_clock}
        undeniable = self._by_clock if look.behind else frozenset()
        return Findings(rules, signals, undeniable), tuple(failures)

    def _ask_signals(self, memory: Memory, at: float, failures: list[Failure]) -> Iterator[tuple[str, float]]:
        """Each signal in its order, since later ones are made of earlier ones; the greatest of several outboxes."""
        for signal in self._signals:
            vector = _evaluate(signal.expression, memory, at, signal.record, failures) or {}
            samples = ((signal.record, labels, value) for labels, value in vector.items())
            memory.append(at, samples, source=signal.record)
            yield signal.record, greatest(vector.values())


def _evaluate(expression: Expression, memory: Memory, at: float, what: str, failures: list[Failure]) -> Vector | None:
    """Its samples without the name of a metric, as rules have them; None when it failed."""
    try:
        vector = evaluate_vector(expression, memory, at)
        return collect((nameless(labels), value) for labels, value in vector.items())
    except EvaluationError as error:
        failures.append(Failure(what, str(error)))
        return None


def _by_clock(signals: Iterable[_Signal]) -> Iterator[str]:
    found: set[str] = set()
    for signal in signals:
        if _depends_on_clock(signal.expression, found):
            found.add(signal.record)
            yield signal.record


def _depends_on_clock(expression: Expression, by_clock: AbstractSet[str]) -> bool:
    """Whether it says `time()`, has a time of day among its metrics, or is made of a signal that is so."""
    if any(isinstance(node, Call) and node.function == "time" for node in walk(expression)):
        return True
    metrics = needs([expression])
    return not by_clock.isdisjoint(metrics) or any(metric.endswith(_TIME_OF_DAY) for metric in metrics)
