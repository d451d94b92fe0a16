"""Invariants of the state machine over seeded random sequences of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

import pytest

from alerts.evaluation.state_file import SavedState, StateFile
from alerts.evaluation.state_machine import (
    ActiveAlerts,
    AlertingRule,
    EvaluationTime,
    Identity,
    RuleResults,
    RuleSamples,
    update_alerts,
)
from alerts.model import Alert, Change, Evaluation, RuleKey, State
from tests.alerts.made import key, prepared, rule

SEEDS = range(12)
LENGTH = 200
SERIES = ((), (("job", "a"),), (("job", "b"),))


@dataclass(frozen=True)
class Step:
    """The input of one evaluation."""

    time: EvaluationTime
    findings: Mapping[RuleKey, RuleSamples]


def random_rules(random: Random) -> tuple[AlertingRule, ...]:
    """Some rules of every kind, some of which mute others."""
    names = "ABCDEF"
    return prepared(
        *(
            rule(
                name,
                hold_duration=random.choice((0, 0, 15, 40, 60, 300)),
                keep_firing_for=random.choice((0, 0, 20, 120)),
                muted_by=tuple(key(other) for other in random.sample(names, random.randrange(3)) if other != name),
            )
            for name in names
        )
    )


def history(random: Random, rules: tuple[AlertingRule, ...]) -> Iterator[Step]:
    """Results that tend to stay the same for a while."""
    true = {each.rule.key: dict.fromkeys(SERIES, False) for each in rules}
    unknown = {each.rule.key: False for each in rules}
    at = 1e9
    for number in range(LENGTH):
        elapsed = random.choice((15.0, 15.0, 15.01, 14.9, 45.0)) if number else 0.0
        at += elapsed
        for rule_key, series in true.items():
            unknown[rule_key] ^= random.random() < 0.1
            for labels in series:
                series[labels] ^= random.random() < 0.12
        findings = {
            rule_key: None if unknown[rule_key] else {ls: random.random() for ls, yes in series.items() if yes}
            for rule_key, series in true.items()
        }
        yield Step(EvaluationTime(at, elapsed), findings)


@dataclass(frozen=True)
class Seen:
    """One evaluation with its input and the previous state."""

    step: Step
    before: ActiveAlerts
    evaluation: Evaluation
    after: ActiveAlerts


def evaluations_of(rules: tuple[AlertingRule, ...], steps: Iterator[Step]) -> Iterator[Seen]:
    """One evaluation after the other."""
    active_alerts: ActiveAlerts = {}
    for step in steps:
        evaluation, after = update_alerts(rules, RuleResults(step.findings), active_alerts, step.time)
        yield Seen(step, active_alerts, evaluation, after)
        active_alerts = after


def life(seed: int) -> tuple[tuple[AlertingRule, ...], list[Seen]]:
    """Rules and all their evaluations."""
    random = Random(seed)
    rules = random_rules(random)
    return rules, list(evaluations_of(rules, history(random, rules)))


def identity(alert: Alert) -> Identity:
    """The identity of an alert across evaluations."""
    return alert.key, alert.labels


@pytest.mark.parametrize("seed", SEEDS)
def test_never_fires_before_its_time(seed: int) -> None:
    """When one begins to fire, it has been true at every known evaluation for so long, and is true now."""
    rules, seen = life(seed)
    hold_duration = {each.rule.key: each.rule.hold_duration for each in rules}
    fired = 0
    for index, now in enumerate(seen):
        for transition in now.evaluation.transitions:
            if transition.change is not Change.FIRING:
                continue
            fired += 1
            known = 0.0
            for earlier in reversed(seen[: index + 1]):
                if identity(transition.alert) not in earlier.after:
                    break
                if earlier.before.get(identity(transition.alert)) is None:
                    break
                current, before = earlier.after[identity(transition.alert)], earlier.before[identity(transition.alert)]
                known += 0.0 if current.alert.held or before.alert.held else earlier.step.time.elapsed
            assert known >= hold_duration[transition.alert.key] - 1e-6
            assert transition.alert.last_true == now.step.time.at
    assert fired > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_no_alert_is_lost(seed: int) -> None:
    """An alert exists until a transition ends it: the transitions alone determine the active alerts."""
    _, seen = life(seed)
    last_states: dict[Identity, State] = {}
    for now in seen:
        for transition in now.evaluation.transitions:
            who = identity(transition.alert)
            match transition.change:
                case Change.PENDING:
                    assert who not in last_states
                    last_states[who] = State.PENDING
                case Change.FIRING:
                    assert last_states.get(who) is not State.FIRING
                    last_states[who] = State.FIRING
                case Change.RESOLVED:
                    assert last_states.pop(who) is State.FIRING
                case Change.DROPPED:
                    assert last_states.pop(who) is State.PENDING
        assert last_states == {identity(alert): alert.state for alert in now.evaluation.alerts}


@pytest.mark.parametrize("seed", SEEDS)
def test_unknown_changes_nothing(seed: int) -> None:
    """While the result of a rule is unknown, its alerts are unchanged apart from `held` and `muted`."""
    _, seen = life(seed)
    for now in seen:
        unknown = {rule_key for rule_key, samples in now.step.findings.items() if samples is None}
        before = {who: standing for who, standing in now.before.items() if who[0] in unknown}
        after = {who: standing for who, standing in now.after.items() if who[0] in unknown}
        assert before.keys() == after.keys()
        for who, standing in after.items():
            muted = standing.alert.muted
            assert standing == replace(before[who], alert=replace(before[who].alert, held=True, muted=muted))
        assert not any(transition.alert.key in unknown for transition in now.evaluation.transitions)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rules_is_irrelevant(seed: int) -> None:
    """The same rules in another order come to the same, transition for transition."""
    rules, seen = life(seed)
    shuffled = list(rules)
    Random(seed).shuffle(shuffled)
    for now in seen:
        findings = dict(sorted(now.step.findings.items(), reverse=True))
        assert update_alerts(shuffled, RuleResults(findings), now.before, now.step.time) == (
            now.evaluation,
            now.after,
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_alerts_are_sound(seed: int) -> None:
    """Times are in order, firing alerts have a firing time, each alert occurs once, pending ones are not overdue."""
    rules, seen = life(seed)
    hold_duration = {each.rule.key: each.rule.hold_duration for each in rules}
    for now in seen:
        alerts = now.evaluation.alerts
        assert len({identity(alert) for alert in alerts}) == len(alerts)
        for alert in alerts:
            firing = alert.state is State.FIRING
            assert (alert.firing_since is not None) is firing
            assert alert.active_since <= (alert.firing_since or alert.last_true) <= now.step.time.at
            assert firing or now.after[identity(alert)].true_for < hold_duration[alert.key]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_changes_nothing(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After saving and loading, alerts continue unchanged, and no transition occurs twice.

    The downtime does not count, because results are unknown: the step after it counts as none.
    """
    rules, seen = life(seed)
    kept = StateFile(tmp_path_factory.mktemp("state"))
    random = Random(seed)
    for now in seen:
        if random.random() > 0.2:
            continue
        kept.save(SavedState(now.step.time.at, now.after, ()))
        restored = kept.load()
        assert restored is not None
        held = {who: replace(s, alert=replace(s.alert, held=True)) for who, s in now.after.items()}
        assert restored.active_alerts == held
        again, _ = update_alerts(rules, RuleResults({}), restored.active_alerts, EvaluationTime(now.step.time.at))
        assert not again.transitions
        assert [identity(alert) for alert in again.alerts] == [identity(alert) for alert in now.evaluation.alerts]
