"""The policy as a Prometheus rule file: its content, and that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alerts.model import Outlet, Policy, Rule, RuleKey, Severity, Signal
from alerts.policy.inhibition import order_by_inhibition
from alerts.policy.load import load_policy
from alerts.policy.rule_file import prometheus_rule, rule_file, vm_rule

RULE = Rule(
    key=RuleKey("OutboxSlow", Severity.PAGE),
    group="errors",
    expr="outbox:a > 5",
    threshold=5,
    source="somewhere",
    summary="It is slow",
    description="{{ $value }} on {{ $labels.job }}.",
    runbook_url="https://wiki/OutboxSlow.md",
    hold_duration=90,
)
SIGNAL = Signal("outbox:a", "jobs", "Jobs that wait.", "max(a)")


def policy(*rules: Rule) -> Policy:
    return Policy(15, "outbox-exporter", (SIGNAL,), rules)


def rules_of(made: Policy) -> list[dict[str, Any]]:
    """The content of its one group, read back from YAML."""
    (group,) = yaml.safe_load(rule_file(made))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_the_exact_text_of_a_small_file():
    """Signals first; comments explain each number and name the source of each threshold."""
    text = rule_file(policy(RULE))
    head, _, body = text.partition("groups:\n")
    assert all(line.startswith("# ") for line in head.splitlines())
    assert body == (
        "  - name: outbox\n"
        "    interval: 15s\n"
        "    rules:\n"
        "      # Jobs that wait. Unit: jobs.\n"
        "      - record: outbox:a\n"
        "        expr: >-\n"
        "          max(a)\n"
        "      # Source: somewhere.\n"
        "      - alert: OutboxSlow\n"
        "        expr: >-\n"
        "          outbox:a > 5\n"
        "        for: 1m30s\n"
        "        labels:\n"
        '          severity: "page"\n'
        "        annotations:\n"
        "          summary: >-\n"
        "            It is slow\n"
        "          description: >-\n"
        "            {{ $value }} on {{ $labels.job }}.\n"
        '          runbook_url: "https://wiki/OutboxSlow.md"\n'
    )


def test_nothing_is_lost():
    """Every expression and text of the shipped policy comes back from YAML as it was, however it was folded."""
    shipped = load_policy()
    shipped = replace(shipped, rules=order_by_inhibition(shipped.rules))
    found = rules_of(shipped)
    signals, rules = found[: len(shipped.signals)], found[len(shipped.signals) :]
    assert [(each["record"], each["expr"]) for each in signals] == [
        (each.record, each.expr) for each in shipped.signals
    ]
    assert [(each["alert"], each["labels"]["severity"], each["expr"]) for each in rules] == [
        (each.key.alert, each.key.severity.value, each.expr) for each in shipped.rules
    ]
    assert [each["annotations"] for each in rules] == [
        {"summary": each.summary, "description": each.description} for each in shipped.rules
    ]


def test_muting_rules_come_first():
    """An alert without an inhibiting alert in the shipped file."""
    places = {
        (rule["alert"], rule["labels"]["severity"]): n for n, rule in enumerate(shipped_rules()) if "alert" in rule
    }
    pairs = [(source, rule.key) for rule in load_policy().rules for source in rule.muted_by]
    assert len(pairs) > 50
    late = [
        (source, target)
        for source, target in pairs
        if places[source.alert, source.severity.value] > places[target.alert, target.severity.value]
    ]
    assert late == []
    assert places["OutboxHeadBlocked", "page"] < places["OutboxStalled", "page"]


def shipped_rules() -> list[dict[str, Any]]:
    """Of the file that people copy."""
    file = Path(__file__).parents[3] / "alerts" / "prometheus" / "outbox.rules.yaml"
    rules: list[dict[str, Any]] = yaml.safe_load(file.read_text())["groups"][0]["rules"]
    return rules


def test_other_rules_keep_their_order():
    """The order of the policy is kept unless a later rule mutes an earlier one."""
    first, second, third = (replace(RULE, key=RuleKey(f"Outbox{name}", Severity.PAGE)) for name in ("A", "B", "C"))
    explained = replace(first, muted_by=(third.key, RuleKey("OutboxElsewhere", Severity.PAGE)))
    assert order_by_inhibition((explained, second, third)) == (third, explained, second)


def test_odd_texts_survive():
    """Colons, hashes, quotes, braces and long words."""
    odd = replace(
        RULE,
        summary="a: b # c 'd' \"e\" - f",
        description=f"# {'x' * 200} {{{{ $value }}}}: {'word ' * 60}end",
        source="a: b # c",
        runbook_url="https://wiki/?a=b#c'\"",
    )
    _, alert = rules_of(policy(odd))
    assert alert["annotations"] == {
        "summary": odd.summary, "description": odd.description, "runbook_url": odd.runbook_url,
    }  # fmt: skip


def test_a_runbook_is_linked_where_its_url_is_known():
    """Otherwise there is no annotation: neither a path that leads nowhere, nor an empty link."""
    assert "runbook_url" not in rule_file(load_policy())
    _, alert = rules_of(policy(replace(RULE, runbook_url="")))
    assert alert["annotations"].keys() == {"summary", "description"}


def test_durations_of_zero_are_left_out():
    """And those that are not are written as Prometheus does."""
    _, alert = rules_of(policy(replace(RULE, hold_duration=0, keep_firing_for=0.5)))
    assert "for" not in alert
    assert alert["keep_firing_for"] == "500ms"


def test_rules_for_the_sidecar_only_are_left_out():
    """A rule that is none of Prometheus' is not in its file."""
    (signal,) = rules_of(policy(replace(RULE, outlets=frozenset({Outlet.SIDECAR}))))
    assert signal["record"] == "outbox:a"


def test_the_object_has_the_group_as_its_spec():
    """The error has the reason."""
    document = yaml.safe_load(prometheus_rule(policy(RULE)))
    assert document["kind"] == "PrometheusRule"
    assert document["metadata"]["name"] == "outbox-exporter"
    assert document["spec"] == yaml.safe_load(rule_file(policy(RULE)))


def test_the_object_for_victoriametrics_has_the_group_as_well():
    """Its kind and version are those of VictoriaMetrics' operator."""
    document = yaml.safe_load(vm_rule(policy(RULE)))
    assert (document["apiVersion"], document["kind"]) == ("operator.victoriametrics.com/v1beta1", "VMRule")
    assert document["spec"] == yaml.safe_load(rule_file(policy(RULE)))


def test_lines_stay_readable():
    """No line is longer than the limit, as far as words can be wrapped."""
    assert max(map(len, rule_file(load_policy()).splitlines())) <= 120
