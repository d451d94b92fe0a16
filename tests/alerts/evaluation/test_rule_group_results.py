"""Results of the policy's expressions, and rules whose result is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pytest

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import CompiledRules, EvaluationFailure
from alerts.evaluation.state_machine import RuleSamples
from alerts.evaluation.template import TemplateError
from alerts.model import Outlet, Policy, Rule, RuleKey, Severity, Signal
from alerts.promql.parse import UnsupportedError
from alerts.promql.storage import Sample, Storage
from tests.alerts.made import key, rule
from tests.alerts.promql.random_scrapes import labelled

JOB = labelled(job="outbox")


@dataclass(frozen=True)
class Result:
    """The results, and the rules that could not be evaluated."""

    signals: Mapping[str, float]
    rules: Mapping[RuleKey, RuleSamples]
    positive_only: AbstractSet[RuleKey]
    failures: tuple[EvaluationFailure, ...]


def policy(*rules: Rule, signals: dict[str, str] | None = None) -> Policy:
    """One with these signals and rules."""
    recorded = tuple(Signal(record, "jobs", "", expr) for record, expr in (signals or {}).items())
    return Policy(15.0, "outbox", recorded, rules)


def ask(rules_of: Policy, *scrapes: list[Sample], fresh: frozenset[str] = frozenset(), **clock: bool) -> Result:
    """The results at the last of some scrapes, 15 seconds apart."""
    rules = CompiledRules(rules_of)
    for index, samples in enumerate(scrapes):
        rules.storage.append(15.0 * index, samples)
        found, failures = rules.evaluate(ClockReading(15.0 * index, **clock), fresh)
    return Result(found.signals, found.rules, found.positive_only, failures)


def test_signals_are_series_that_others_are_made_of() -> None:
    """In their order, each seeing those before it, with a history of their own."""
    signals = {"double": "x * 2", "grown": "delta(double[30s]) > 0"}
    found = ask(
        policy(rule(expr="grown > 5"), signals=signals),
        *([("x", JOB, value)] for value in (1.0, 4.0)),
    )
    assert found.signals["double"] == 8.0
    assert found.rules == {key("A"): {JOB: found.signals["grown"]}}
    assert found.signals["grown"] > 5


def test_a_signal_is_the_greatest_of_several_outboxes() -> None:
    """One that has no value, or no number for one, is not there."""
    signals = {"most": "x", "none": "y", "nan": "x * NaN"}
    found = ask(policy(signals=signals), [("x", labelled(job="a"), 1.0), ("x", labelled(job="b"), 3.0)])
    assert found.signals == {"most": 3.0}


@pytest.mark.parametrize(
    ("collectors", "fresh", "samples_of_rule"),
    [
        ((), "", {JOB: 1.0}),
        (("backlog",), "", None),
        (("backlog",), "backlog", {JOB: 1.0}),
        (("backlog", "throughput"), "backlog", None),
        (("backlog", "throughput"), "backlog throughput events", {JOB: 1.0}),
    ],
)
def test_unknown_without_fresh_results(collectors: tuple[str, ...], fresh: str, samples_of_rule: RuleSamples) -> None:
    """All collectors of a rule must have fresh results."""
    found = ask(policy(rule(expr="x", collectors=collectors)), [("x", JOB, 1.0)], fresh=frozenset(fresh.split()))
    assert found.rules.get(key("A")) == samples_of_rule


@pytest.mark.parametrize(
    ("expr", "known"),
    [
        ("x > 0", True),
        ("increase(x_total[5m]) >= 0 or x", True),
        ("time() - x", False),
        ("outbox:age > 300", False),
        ("max_over_time(outbox:age[5m]) > 300", False),
        ("outbox:twice > 300", False),
        ("x_timestamp_seconds > 0", False),
        ("x unless (outbox:age > 300)", False),
        ("outbox:plain", True),
    ],
)
def test_unknown_while_the_clock_is_uncertain(expr: str, *, known: bool) -> None:
    """Whatever compares with the time of day, directly or through a signal; nothing else."""
    signals = {
        "outbox:age": "x - ignoring (a) y_timestamp_seconds",
        "outbox:twice": "outbox:age * 2",
        "outbox:plain": "x",
    }
    rules_of = policy(rule(expr=expr), signals=signals)
    samples: list[Sample] = [("x", JOB, 1.0), ("y_timestamp_seconds", JOB, 1.0)]
    uncertain_result = ask(rules_of, samples, uncertain=True)
    assert (key("A") in uncertain_result.rules) is known
    assert uncertain_result.signals == {"outbox:plain": 1.0}
    set_back = ask(rules_of, samples, set_back=True)
    assert (key("A") not in set_back.positive_only) is known
    sound = ask(rules_of, samples)
    assert sound.rules == set_back.rules
    assert key("A") in sound.rules
    assert not sound.positive_only


def test_an_expression_that_fails_is_unknown() -> None:
    """The failure is reported, and the other expressions are evaluated."""
    broken, sound = rule("Broken", expr="x + on (job) x"), rule("Sound", expr="x")
    samples = [("x", labelled(job="a", n="1"), 1.0), ("x", labelled(job="a", n="2"), 1.0)]
    found = ask(policy(broken, sound, signals={"failing": "x + on (job) x"}), samples)
    assert [failure.name for failure in found.failures] == ["failing", "Broken/page"]
    assert "many-to-many" in found.failures[0].message
    assert found.rules.get(key("Broken")) is None
    assert len(found.rules[key("Sound")] or ()) == 2


def test_rules_for_prometheus_only_are_not_evaluated() -> None:
    """Rules that only Prometheus can evaluate are left out."""
    rules_of = policy(rule("Ours"), rule("Theirs", expr="topk(1, x)", outlets=frozenset({Outlet.PROMETHEUS})))
    assert ask(rules_of, []).rules.keys() == {RuleKey("Ours", Severity.PAGE)}


def test_an_unsupported_policy_is_refused() -> None:
    """When it is loaded, not at night."""
    with pytest.raises(UnsupportedError):
        CompiledRules(policy(rule(expr="topk(1, x)")))
    with pytest.raises(UnsupportedError):
        CompiledRules(policy(signals={"x": "y["}))
    with pytest.raises(TemplateError):
        CompiledRules(policy(rule(description="{{ $nothing }}")))


def test_stores_the_metrics_of_signals_and_rules() -> None:
    """The required metrics follow from signals and rules."""
    storage: Storage = CompiledRules(policy(rule(expr="x > y"), signals={"s": "z"})).storage
    assert [name for name in "wxyzs" if storage.stores(name)] == ["x", "y", "z"]
