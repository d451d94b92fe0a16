"""A rule group: compiled expressions of the policy over stored samples, and the alerts they lead to. No I/O."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, replace

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.state_file import SavedState
from alerts.evaluation.state_machine import (
    ActiveAlerts,
    AlertingRule,
    EvaluationTime,
    RuleResults,
    RuleSamples,
    update_alerts,
)
from alerts.model import Evaluation, Outlet, Policy, Rule, RuleKey, SampleBlock
from alerts.promql.engine import Engine
from alerts.promql.parse import UnsupportedError, parse
from alerts.promql.sample_block import block_of
from alerts.promql.storage import Sample, Storage, milliseconds, required_history
from alerts.promql.syntax_tree import Expression, FunctionCall, walk
from alerts.promql.vectors import EvaluationError, Vector, collect, greatest, without_metric_name
from exporter.metrics.snapshot import EXPIRY_INTERVALS

# How often samples beyond the retention are dropped, seconds.
TRUNCATE_INTERVAL = 60.0

# The suffix of metrics whose values are times of day. Source: Prometheus' naming conventions.
_TIME_OF_DAY = "_timestamp_seconds"

# Evaluates an expression at a time, Unix seconds. Raises: EvaluationError.
_CompiledExpression = Callable[[float], Vector]


@dataclass(frozen=True, slots=True)
class EvaluationFailure:
    """An expression that is invalid for the series that exist; `name` is that of the signal or the rule."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    rule: AlertingRule
    expression: _CompiledExpression
    clock_dependent: bool  # compares with the time of day

    @property
    def key(self) -> RuleKey:
        return self.rule.rule.key


class CompiledRules:
    """Compiled signals and rules of a policy. `storage` keeps the samples that they need.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has an expression or a text that is
    not supported here.
    """

    def __init__(self, policy: Policy) -> None:
        own = (signal for signal in policy.signals if Outlet.SIDECAR in signal.outlets)
        signals = {signal.record: parse(signal.expr) for signal in own}
        rules = [(rule, parse(rule.expr)) for rule in policy.rules if Outlet.SIDECAR in rule.outlets]
        expressions = (*signals.values(), *(expression for _, expression in rules))
        # Also what the rules for Prometheus alone read: the history of samples has it.
        self.storage = Storage.for_expressions((*expressions, *_evaluated_elsewhere(policy)))
        self._engine = Engine(self.storage, expressions)
        self._signals = {record: self._engine.compile(expression) for record, expression in signals.items()}
        self._clock_signals = frozenset(_clock_dependent_signals(signals))
        self._rules = tuple(
            _CompiledRule(
                AlertingRule.of(rule),
                self._engine.compile(expression),
                _is_clock_dependent(expression, self._clock_signals),
            )
            for rule, expression in rules
        )
        self.rules = tuple(each.rule for each in self._rules)
        self.by_key = {each.key: each.rule for each in self._rules}
        self._clock_rules = frozenset(each.key for each in self._rules if each.clock_dependent)

    def evaluate(self, now: ClockReading, fresh: frozenset[str]) -> tuple[RuleResults, tuple[EvaluationFailure, ...]]:
        """Evaluate all expressions on the stored samples; signals are stored as series.

        A rule has no result when one of its collectors is not among the `fresh` ones, when its expression fails, and,
        while the clock is uncertain, when it compares with the time of day.
        Shape: the results, and the expressions that failed.
        """
        self._engine.start_evaluation()
        failures: list[EvaluationFailure] = []
        signals = {name: value for name, value in self._evaluate_signals(now.at, failures) if not math.isnan(value)}
        rules: dict[RuleKey, RuleSamples] = {}
        for each in self._rules:
            if fresh.issuperset(each.rule.rule.collectors) and not (each.clock_dependent and now.uncertain):
                rules[each.key] = _samples(each.expression, now.at, str(each.key), failures)
        if now.uncertain:
            signals = {name: value for name, value in signals.items() if name not in self._clock_signals}
        positive_only = self._clock_rules if now.set_back else frozenset()
        return RuleResults(rules, signals, positive_only), tuple(failures)

    def _evaluate_signals(self, at: float, failures: list[EvaluationFailure]) -> Iterator[tuple[str, float]]:
        """Each signal in order, since later signals use earlier ones; the greatest value of several outboxes."""
        for record, expression in self._signals.items():
            vector = _samples(expression, at, record, failures) or {}
            self.storage.append(at, [(record, labels, value) for labels, value in vector.items()], source=record)
            yield record, greatest(vector.values())


def _evaluated_elsewhere(policy: Policy) -> Iterator[Expression]:
    """The rules for Prometheus alone, as far as they can be parsed: its whole language is not supported here."""
    for rule in policy.rules:
        if Outlet.SIDECAR not in rule.outlets:
            with suppress(UnsupportedError):
                yield parse(rule.expr)


def _samples(expression: _CompiledExpression, at: float, name: str, failures: list[EvaluationFailure]) -> Vector | None:
    """The samples of an expression without metric names; None when it failed."""
    try:
        vector = expression(at)
        return vector and collect((without_metric_name(labels), value) for labels, value in vector.items())
    except EvaluationError as error:
        failures.append(EvaluationFailure(name, str(error)))
        return None


def _clock_dependent_signals(signals: Mapping[str, Expression]) -> Iterator[str]:
    found: set[str] = set()
    for record, expression in signals.items():
        if _is_clock_dependent(expression, found):
            found.add(record)
            yield record


def _is_clock_dependent(expression: Expression, clock_signals: AbstractSet[str]) -> bool:
    """Whether it calls `time()`, selects a metric whose value is a time of day, or a signal that does so."""
    if any(isinstance(node, FunctionCall) and node.function == "time" for node in walk(expression)):
        return True
    metrics = required_history([expression])
    return not clock_signals.isdisjoint(metrics) or any(metric.endswith(_TIME_OF_DAY) for metric in metrics)


class RuleGroup:
    """The signals and rules of one policy, with their samples and alerts. Not safe for several threads at once.

    Raises: UnsupportedError, TemplateError from the constructor when the policy has an expression or a text that is
    not supported here.
    """

    def __init__(self, policy: Policy) -> None:
        self._compiled_rules = CompiledRules(policy)
        self._interval = policy.interval
        self._storage = self._compiled_rules.storage
        self._truncated_at = -math.inf
        self._signals = frozenset(signal.record for signal in policy.signals)
        self._taken = -1  # the time of the latest sample that was taken, Unix milliseconds
        self._active_alerts: ActiveAlerts = {}
        self.failures: tuple[EvaluationFailure, ...] = ()

    @property
    def rules(self) -> tuple[RuleKey, ...]:
        """The rules that are evaluated here."""
        return tuple(each.rule.key for each in self._compiled_rules.rules)

    def rule(self, key: RuleKey) -> Rule:
        """The rule of an alert. Raises: KeyError."""
        return self._compiled_rules.by_key[key].rule

    def stores(self, metric: str) -> bool:
        """Whether samples of this metric are used."""
        return self._storage.stores(metric)

    def evaluate(self, now: ClockReading, samples: Iterable[Sample], fresh: AbstractSet[str] | None) -> Evaluation:
        """Store these samples, scraped now, and evaluate the rules.

        `fresh` names the collectors with fresh results; None, while that is not known yet, makes all rules unknown.
        Afterwards `failures` has the expressions that failed; their rules are unknown.
        """
        if now.stepped:
            self._storage.shift(now.stepped)
            self._taken += milliseconds(now.stepped)
        self._storage.append(now.at, samples)
        if not 0 <= now.at - self._truncated_at < TRUNCATE_INTERVAL:
            self._storage.truncate()
            self._truncated_at = now.at
        results, self.failures = self._compiled_rules.evaluate(now, frozenset(fresh or ()))
        if fresh is None:
            results = replace(results, rules={})
        # Time without evaluations does not count towards durations.
        time = EvaluationTime(now.at, min(now.elapsed, EXPIRY_INTERVALS * self._interval))
        evaluation, self._active_alerts = update_alerts(self._compiled_rules.rules, results, self._active_alerts, time)
        return evaluation

    def take_samples(self) -> SampleBlock | None:
        """The samples since the last call, or since the saved state; None without any.

        Samples are kept for five minutes at least. Call it more often.
        """
        block = block_of((each for each in self._storage.series() if each.metric not in self._signals), self._taken)
        if block is not None:
            self._taken = block.times[-1]
        return block

    def state(self, at: float) -> SavedState:
        """The state to keep over a restart; `at` is the current time, Unix seconds."""
        return SavedState(at, self._active_alerts, tuple(self._storage.series()))

    def restore(self, saved_state: SavedState, now: float) -> None:
        """Continue from a saved state. `now` is the current time, Unix seconds.

        A state from the future was saved before the clock was set back: it is taken to be one interval old.
        """
        for series in saved_state.series:
            self._storage.restore(series)
        if saved_state.at >= now:
            self._storage.shift(now - saved_state.at - self._interval)
        self._storage.truncate()
        self._taken = max((each.times[-1] for each in self._storage.series()), default=0)
        self._active_alerts = saved_state.active_alerts
