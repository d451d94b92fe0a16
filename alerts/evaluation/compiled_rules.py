"""What the policy's expressions say at one moment: the step from scrapes to the state machine."""

import math
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.state_machine import AlertingRule, RuleResults, RuleSamples
from alerts.model import Outlet, Policy, RuleKey
from alerts.promql.engine import prepare
from alerts.promql.parse import parse
from alerts.promql.storage import Storage, required_history
from alerts.promql.syntax_tree import Call, Expression, RangeSelector, VectorSelector, walk
from alerts.promql.vectors import EvaluationError, Vector, collect, greatest, without_metric_name

# How metrics are named whose values are times of day. Source: the conventions of Prometheus.
_TIME_OF_DAY = "_timestamp_seconds"
_TIME_FUNCTIONS = ("time", "timestamp")


@dataclass(frozen=True, slots=True)
class EvaluationFailure:
    """An expression that made no sense for the series that there are; `what` is the signal or the rule."""

    what: str
    message: str


# What an expression says at a time, Unix seconds. Raises: EvaluationError.
_CompiledExpression = Callable[[float], Vector]


@dataclass(frozen=True, slots=True)
class _Signal:
    record: str
    question: _CompiledExpression


@dataclass(frozen=True, slots=True)
class _Rule:
    prepared: AlertingRule
    question: _CompiledExpression
    collectors: frozenset[str]
    by_clock: bool  # whether it depends on what time it is


class CompiledRules:
    """The policy's expressions, ready to be asked. `memory` remembers what they ask for, and no more.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has more in it than we can evaluate.
    """

    def __init__(self, policy: Policy) -> None:
        signals = {signal.record: parse(signal.expr) for signal in policy.signals}
        rules = [(rule, parse(rule.expr)) for rule in policy.rules if Outlet.SIDECAR in rule.outlets]
        by_clock = frozenset(_by_clock(signals))
        self.memory = Storage(required_history((*signals.values(), *(expression for _, expression in rules))))
        self._signals = tuple(_Signal(record, self._question(each)) for record, each in signals.items())
        self._rules = tuple(
            _Rule(
                AlertingRule.of(rule),
                self._question(expression),
                frozenset(rule.collectors),
                _depends_on_clock(expression, by_clock),
            )
            for rule, expression in rules
        )
        self.rules = tuple(rule.prepared for rule in self._rules)
        self._signals_by_clock = by_clock
        self._by_clock = frozenset(each.prepared.rule.key for each in self._rules if each.by_clock)

    def ask(self, now: ClockReading, fresh: AbstractSet[str]) -> tuple[RuleResults, tuple[EvaluationFailure, ...]]:
        """What the expressions say at this time; signals are kept in the memory as series.

        Unknown is a rule of which a collector is not among the `fresh` ones, one that failed, and, while the clock is
        in doubt, one that compares with it. Shape: what was found, and what could not be asked.
        """
        at = now.at
        failures: list[EvaluationFailure] = []
        signals = {name: value for name, value in self._ask_signals(at, failures) if not math.isnan(value)}
        rules: dict[RuleKey, RuleSamples] = {}
        for each in self._rules:
            rule = each.prepared.rule
            if each.collectors <= fresh and not (each.by_clock and now.uncertain):
                rules[rule.key] = _answer(each.question, at, str(rule.key), failures)
        if now.uncertain:
            signals = {name: value for name, value in signals.items() if name not in self._signals_by_clock}
        positive_only = self._by_clock if now.set_back else frozenset()
        return RuleResults(rules, signals, positive_only), tuple(failures)

    def _question(self, expression: Expression) -> _CompiledExpression:
        question = prepare(expression, self.memory)
        if _depends_on_time(expression):
            return question
        return _reuse_unchanged(question, self.memory.news(required_history([expression])))

    def _ask_signals(self, at: float, failures: list[EvaluationFailure]) -> Iterator[tuple[str, float]]:
        """Each signal in its order, since later ones are made of earlier ones; the greatest of several outboxes."""
        for signal in self._signals:
            vector = _answer(signal.question, at, signal.record, failures) or {}
            samples = [(signal.record, labels, value) for labels, value in vector.items()]
            self.memory.append(at, samples, source=signal.record)
            yield signal.record, greatest(vector.values())


def _answer(question: _CompiledExpression, at: float, what: str, failures: list[EvaluationFailure]) -> Vector | None:
    """Its samples without the name of a metric, as rules have them; None when it failed."""
    try:
        vector = question(at)
        return vector and collect((without_metric_name(labels), value) for labels, value in vector.items())
    except EvaluationError as error:
        failures.append(EvaluationFailure(what, str(error)))
        return None


def _reuse_unchanged(question: _CompiledExpression, news: Callable[[], int]) -> _CompiledExpression:
    """The same question: what was said last is said again as long as there is no news of what it is made of."""
    heard, said = -1, Vector()

    def ask(at: float) -> Vector:
        nonlocal heard, said
        now = news()
        if now != heard:
            said = question(at)
            heard = now
        return said

    return ask


def _depends_on_time(expression: Expression) -> bool:
    """Whether it says something else as time goes by, though no metric does."""
    return any(
        isinstance(node, RangeSelector)
        or (isinstance(node, VectorSelector) and node.offset != 0)
        or (isinstance(node, Call) and node.function in _TIME_FUNCTIONS)
        for node in walk(expression)
    )


def _by_clock(signals: Mapping[str, Expression]) -> Iterator[str]:
    found: set[str] = set()
    for record, expression in signals.items():
        if _depends_on_clock(expression, found):
            found.add(record)
            yield record


def _depends_on_clock(expression: Expression, by_clock: AbstractSet[str]) -> bool:
    """Whether it says `time()`, has a time of day among its metrics, or is made of a signal that is so."""
    if any(isinstance(node, Call) and node.function == "time" for node in walk(expression)):
        return True
    metrics = required_history([expression])
    return not by_clock.isdisjoint(metrics) or any(metric.endswith(_TIME_OF_DAY) for metric in metrics)
