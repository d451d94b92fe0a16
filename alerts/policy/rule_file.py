"""Writes the policy as a Prometheus rule file, or as a PrometheusRule object for the Prometheus operator.

All rules are in one group, signals first: Prometheus evaluates the rules of a group in order, but groups at different
times, so that alerts in another group would fire up to an interval later. Rules that mute others come before them:
vmalert sends the alerts of a rule as soon as it is evaluated, with a start time so long ago that Alertmanager's
group_wait is over, so that a muted alert would page before its inhibiting alert arrives. Prometheus 2.42 or later is
required, for keep_firing_for.
"""

import json
import textwrap
from collections.abc import Iterator
from typing import Final

from alerts.model import Outlet, Policy, Rule, Signal
from alerts.policy.inhibition import order_by_inhibition
from exporter.config.values import format_duration

GROUP: Final = "outbox"

_WIDTH = 110
_HEADER = """\
# Written by `outbox-exporter rules` from the policy (alerts/policy.yaml), which says where each threshold comes from.
# Don't edit it: thresholds are changed in the configuration of the exporter (alerting.thresholds), then written anew.
"""
_OBJECT = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: outbox-exporter
  labels: {app.kubernetes.io/name: outbox-exporter}
spec:
"""


def rule_file(policy: Policy) -> str:
    """A file for `rule_files` in the configuration of Prometheus."""
    return _HEADER + _lines(policy, "")


def prometheus_rule(policy: Policy) -> str:
    """An object for the Prometheus operator, which selects objects by the labels of its `ruleSelector`."""
    return _HEADER + _OBJECT + _lines(policy, "  ")


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
    yield from _comment(f"{signal.meaning} Unit: {signal.unit}.")
    yield f"      - record: {signal.record}"
    yield from _folded("expr", signal.expr, 8)


def _alert(rule: Rule) -> Iterator[str]:
    yield from _comment(f"Source: {rule.source}.")
    yield f"      - alert: {rule.key.alert}"
    yield from _folded("expr", rule.expr, 8)
    for key, seconds in (("for", rule.hold_duration), ("keep_firing_for", rule.keep_firing_for)):
        if seconds:
            yield f"        {key}: {format_duration(seconds)}"
    yield "        labels:"
    yield f"          severity: {json.dumps(rule.key.severity)}"
    yield "        annotations:"
    yield from _folded("summary", rule.summary, 10)
    yield from _folded("description", rule.description, 10)
    if rule.runbook_url:
        yield f"          runbook_url: {json.dumps(rule.runbook_url)}"


def _comment(text: str) -> Iterator[str]:
    return (f"      # {line}" for line in textwrap.wrap(text, _WIDTH))


def _folded(key: str, text: str, indent: int) -> Iterator[str]:
    """A folded YAML text, which parses to the original text."""
    blanks = " " * indent
    yield f"{blanks}{key}: >-"
    for line in textwrap.wrap(text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False):
        yield f"{blanks}  {line}"
