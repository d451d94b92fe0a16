"""Inhibition rules equal `muted_by` of the policy, and never apply across systems."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from alerts.model import Policy, Rule, RuleKey, Severity
from alerts.policy.inhibition import (
    AlertMatcher,
    Inhibition,
    as_yaml,
    inhibition_cycle,
    inhibitions,
    order_by_inhibition,
)
from alerts.policy.load import load_policy

POLICY = load_policy()


def key(name: str, severity: Severity = Severity.PAGE) -> RuleKey:
    return RuleKey(name, severity)


def policy(*mutings: tuple[RuleKey, RuleKey]) -> Policy:
    """A policy in which the second of each pair mutes the first."""
    keys = sorted({each for pair in mutings for each in pair})
    muted_by = {each: tuple(by for muted, by in mutings if muted == each) for each in keys}
    return Policy(15, "outbox", (), tuple(_rule(each, muted_by[each]) for each in keys))


def _rule(named: RuleKey, muted_by: tuple[RuleKey, ...]) -> Rule:
    return replace(POLICY.rules[0], key=named, muted_by=muted_by)


def mutings(rules: tuple[Inhibition, ...], keys: list[RuleKey]) -> set[tuple[RuleKey, RuleKey]]:
    """Pairs of muted and muting keys, by the inhibition rules."""
    return {
        (target, source)
        for source, target in itertools.permutations(keys, 2)
        if any(mutes(rule, source, target) for rule in rules)
    }


def mutes(rule: Inhibition, source: RuleKey, target: RuleKey) -> bool:
    """Whether Alertmanager mutes `target` while `source` fires, given equal labels."""
    if "alertname" in rule.equal and source.alert != target.alert:
        return False
    return selects(rule.source, source) and selects(rule.target, target)


def selects(matcher: AlertMatcher, alert: RuleKey) -> bool:
    return alert.alert in matcher.alerts and alert.severity in matcher.severities


def test_the_rules_match_the_policy():
    """For every pair of its rules."""
    keys = [rule.key for rule in POLICY.rules]
    assert mutings(inhibitions(POLICY), keys) == {(rule.key, by) for rule in POLICY.rules for by in rule.muted_by}


def test_no_other_pair_is_muted():
    """Sources that mute different severities of an alert do not share a rule."""
    low, high = key("Low", Severity.TICKET), key("Low")
    stated = {(low, key("One")), (low, key("Two")), (high, key("One")), (key("Other"), key("Two"))}
    keys = [low, high, key("One"), key("Two"), key("Other")]
    assert mutings(inhibitions(policy(*stated)), keys) == stated


def test_an_alert_mutes_its_own_ticket_and_no_others():
    """The alert name is one of the equal labels, so one rule covers all of them."""
    stated = {(key(name, Severity.TICKET), key(name)) for name in ("A", "B")}
    (rule,) = inhibitions(policy(*stated))
    assert rule.equal[0] == "alertname"
    assert not mutes(rule, key("A"), key("B", Severity.TICKET))


@pytest.mark.parametrize("rule", inhibitions(POLICY))
def test_both_sides_name_their_alerts_and_the_equal_labels(rule):
    """A label missing on both sides counts as equal: no alert of another system may match."""
    assert all(name.startswith("Outbox") for side in (rule.source, rule.target) for name in side.alerts)
    assert {"job", "cluster", "namespace", "environment"} <= set(rule.equal)


def test_nothing_mutes_the_watchdog():
    """Nor does it mute anything."""
    sides = [side for rule in inhibitions(POLICY) for side in (rule.source, rule.target)]
    assert not any("OutboxWatchdog" in side.alerts for side in sides)


def test_no_rule_mutes_itself():
    """By no way around: the order of the rules would have no beginning."""
    assert inhibition_cycle(POLICY.rules) == ()
    one, two, three = key("One"), key("Two"), key("Three")
    assert set(inhibition_cycle(policy((one, two), (two, three), (three, one)).rules)) == {one, two, three}


def test_as_yaml():
    """In the order of Alertmanager's documentation."""
    rule = Inhibition(
        AlertMatcher(("A",), (Severity.PAGE,)), AlertMatcher(("B", "C"), (Severity.PAGE, Severity.TICKET)), ("job",)
    )
    assert as_yaml([rule]) == (
        "  - source_matchers:\n"
        '      - alertname = "A"\n'
        '      - severity = "page"\n'
        "    target_matchers:\n"
        '      - alertname =~ "B|C"\n'
        '      - severity =~ "page|ticket"\n'
        "    equal: [job]\n"
    )


def test_order_by_inhibition():
    """Each rule comes after the rules that mute it; otherwise the order is kept."""
    rules = policy((key("B"), key("C")), (key("C"), key("D")), (key("E"), key("A"))).rules
    assert [rule.key.alert for rule in rules] == ["A", "B", "C", "D", "E"]
    assert [rule.key.alert for rule in order_by_inhibition(rules)] == ["A", "D", "C", "B", "E"]
