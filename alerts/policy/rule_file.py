"""Writes the policy as a Prometheus rule file, or as an object for the operators of Prometheus and VictoriaMetrics.

All rules are in one group, signals first: Prometheus evaluates the rules of a group in order, but groups at different
times, so that alerts in another group would fire up to an interval later. Rules that mute others come before them:
vmalert sends the alerts of a rule as soon as it is evaluated, with a start time so long ago that Alertmanager's
group_wait is over, so that a muted alert would page before its inhibiting alert arrives. Prometheus 2.42 or later is
required, for keep_firing_for.
"""

import json
from collections.abc import Iterator
from typing import Final

from alerts.model import Outlet, Policy, Rule, Signal
from alerts.policy.inhibition import order_by_inhibition
from alerts.policy.yaml_lines import comment, folded, header
from exporter.config.values import format_duration

GROUP: Final = "outbox"

_METADATA = """\
metadata:
  name: outbox-exporter
  labels: {app.kubernetes.io/name: outbox-exporter}
spec:
"""
_PROMETHEUS_RULE = f"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n{_METADATA}"
_VM_RULE = f"apiVersion: operator.victoriametrics.com/v1beta1\nkind: VMRule\n{_METADATA}"


def rule_file(policy: Policy) -> str:
    """A file for `rule_files` in the configuration of Prometheus."""
    return header(policy) + _lines(policy, "")


def prometheus_rule(policy: Policy) -> str:
    """An object for the Prometheus operator, which selects objects by the labels of its `ruleSelector`."""
    return header(policy) + _PROMETHEUS_RULE + _lines(policy, "  ")


def vm_rule(policy: Policy) -> str:
    """An object for the VictoriaMetrics operator, of a policy whose expressions may be MetricsQL."""
    return header(policy) + _VM_RULE + _lines(policy, "  ")


def _lines(policy: Policy, indent: str) -> str:
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in _group(policy))


def _group(policy: Policy) -> Iterator[str]:
    yield "groups:"
    yield f"  - name: {GROUP}"
    yield f"    interval: {format_duration(policy.interval)}"
    yield "    rules:"
    for signal in policy.signals:
        yield from _recording(signal)
    for rule in order_by_inhibition(policy.rules):
        if Outlet.PROMETHEUS in rule.outlets:
            yield from _alert(rule)


def _recording(signal: Signal) -> Iterator[str]:
    yield from comment(f"{signal.meaning} Unit: {signal.unit}.", 6)
    yield f"      - record: {signal.record}"
    yield from folded("expr", signal.expr, 8)


def _alert(rule: Rule) -> Iterator[str]:
    yield from comment(f"Source: {rule.source}.", 6)
    yield f"      - alert: {rule.key.alert}"
    yield from folded("expr", rule.expr, 8)
    for key, seconds in (("for", rule.hold_duration), ("keep_firing_for", rule.keep_firing_for)):
        if seconds:
            yield f"        {key}: {format_duration(seconds)}"
    yield "        labels:"
    yield f"          severity: {json.dumps(rule.key.severity)}"
    yield "        annotations:"
    yield from folded("summary", rule.summary, 10)
    yield from folded("description", rule.description, 10)
    if rule.runbook_url:
        yield f"          runbook_url: {json.dumps(rule.runbook_url)}"
