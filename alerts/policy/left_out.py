"""Leaves out of a policy the signals and rules that an outbox cannot have: they read what its rows do not tell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from alerts.model import LeftOut, Policy, Rule, RuleKey, Signal
from alerts.policy import retention
from alerts.promql.absence import NoResult, remaining
from alerts.promql.parse import parse
from alerts.promql.printer import written
from alerts.promql.syntax_tree import Expression, VectorSelector
from exporter.config.settings import Config
from exporter.metrics import availability
from exporter.metrics.catalogue import COLLECTORS, OLDEST_PENDING, PENDING_JOBS, PROCESSING_TIME, STATES, CollectorName
from exporter.outbox.mapping import DEFAULT

NO_APPLICATION: Final = "no application is configured"
_OF_STATES: Final = (PENDING_JOBS.name, OLDEST_PENDING.name)
_OF_A_HISTOGRAM: Final = re.compile(r"_(bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class UnknownSeries:
    """The series that an outbox cannot have, with the reasons: by a metric's name, and by the state of pending jobs."""

    metrics: Mapping[str, str]
    states: Mapping[str, str]

    def reason(self, selector: VectorSelector) -> str:
        """Why a selector never selects a series; empty when it may."""
        found = self.metrics.get(_metric(selector), "")
        if found or selector.metric not in _OF_STATES:
            return found
        matchers = [each for each in selector.matchers if each.label in PENDING_JOBS.labels]
        selected = [state for state in STATES if all(each.matches(state) for each in matchers)]
        reasons = [self.states.get(state, "") for state in selected]
        return reasons[0] if reasons and all(reasons) else ""


def _metric(selector: VectorSelector) -> str:
    return _OF_A_HISTOGRAM.sub("", selector.metric)


def unknown_series(config: Config) -> UnknownSeries:
    """The series that the outbox of a configuration cannot have.

    The default tables have an application, which is not configured when it is not watched. Others may have none.
    """
    mapping = config.outbox.mapping()
    metrics = {metric.name: reason for metric, reason in availability.unknown_metrics(mapping).items()}
    if config.application is None:
        metrics |= {metric.name: NO_APPLICATION for metric in COLLECTORS[CollectorName.APPLICATION]}
    return UnknownSeries(metrics, availability.unknown_states(mapping))


def without_unknown(policy: Policy, plain: Policy, config: Config) -> Policy:
    """The policy without what the outbox of a configuration cannot have; `plain` is the same policy in PromQL."""
    reduction = _Reduction(unknown_series(config), {retention.RULE: retention.reason_without(config)})
    signals = tuple(map(reduction.signal, policy.signals, plain.signals))
    rules = tuple(map(reduction.rule, policy.rules, plain.rules))
    left_out = tuple(each for each in (*signals, *rules) if isinstance(each, LeftOut))
    kept = tuple(each for each in rules if isinstance(each, Rule))
    mapping = config.outbox.mapping()
    keys, collectors = {rule.key for rule in kept}, availability.collectors(mapping)
    return replace(
        policy,
        signals=tuple(each for each in signals if isinstance(each, Signal)),
        rules=tuple(
            replace(
                rule,
                muted_by=tuple(key for key in rule.muted_by if key in keys),
                collectors=tuple(each for each in rule.collectors if each in collectors),
                description=rule.description.replace(DEFAULT.table, mapping.table),
            )
            for rule in kept
        ),
        objective=None if PROCESSING_TIME.name in reduction.series.metrics else policy.objective,
        left_out=left_out,
        unknown_metrics=reduction.series.metrics,
        unknown_states=reduction.series.states,
        exhausted_apart=mapping.has_exhausted,
    )


def missing(expr: str, policy: Policy) -> str:
    """Why an expression never has a value for this policy's outbox; empty when it may. Raises: UnsupportedError."""
    return missing_in(parse(expr), policy) if policy.unknown_metrics else ""


def missing_in(expression: Expression, policy: Policy) -> str:
    """The same of a syntax tree."""
    names = {**policy.unknown_metrics, **{each.name: each.reason for each in policy.left_out}}
    found = remaining(expression, UnknownSeries(names, policy.unknown_states).reason)
    return found.reason if isinstance(found, NoResult) else ""


class _Reduction:
    """Takes each signal before those that refer to it, as the policy has them."""

    def __init__(self, series: UnknownSeries, without_threshold: Mapping[RuleKey, str]) -> None:
        self.series = series
        self._without_threshold = without_threshold
        self._left_out: dict[str, str] = {}

    def signal(self, signal: Signal, plain: Signal) -> Signal | LeftOut:
        """The signal, or why it never has a value."""
        found = self._reduced(signal.expr, plain.expr)
        if isinstance(found, NoResult):
            self._left_out[signal.record] = found.reason
            return LeftOut(signal, found.reason)
        return replace(signal, expr=found)

    def rule(self, rule: Rule, plain: Rule) -> Rule | LeftOut:
        """The rule, or why it never fires, or has no threshold."""
        found = self._reduced(rule.expr, plain.expr)
        if isinstance(found, NoResult):
            return LeftOut(rule, found.reason)
        if reason := self._without_threshold.get(rule.key):
            return LeftOut(rule, reason)
        return replace(rule, expr=found)

    def _reduced(self, expr: str, plain: str) -> str | NoResult:
        """The same text where all of it is known."""
        tree = parse(plain)
        found = remaining(tree, self._reason)
        if isinstance(found, NoResult):
            return found
        return expr if found is tree else written(found)

    def _reason(self, selector: VectorSelector) -> str:
        return self._left_out.get(selector.metric, "") or self.series.reason(selector)
