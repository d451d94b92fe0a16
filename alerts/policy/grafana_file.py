"""Writes the policy as a provisioning file of Grafana's alerting: `conf/provisioning/alerting/*.yaml`.

Each rule has three nodes: the query, which returns a series for each alert, as in Prometheus; a math node, which is 1
for every series whatever its value; a threshold above 0. Signals are written out, because recording rules would need a
data source that accepts remote write.

Grafana names an alert by the title of its rule, and a title is unique within its folder. Each severity has a folder of
its own, so that alerts have the same labels as those of Prometheus, and the same routes and inhibition rules apply.

A query without a result is the normal state (`noDataState: OK`), because the queries filter. A data source that does
not answer must neither resolve an incident nor fire every rule: rules keep their state (`execErrState: KeepLast`), and
two tell of it. OutboxExporterDown fires, and OutboxWatchdog ends, so that the dead-man's switch fires as well.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Final

from alerts.model import Outlet, Policy, Rule, Severity
from alerts.policy.inhibition import order_by_inhibition
from alerts.policy.inline import Inlining
from alerts.policy.yaml_lines import comment, folded, header
from exporter.config.values import format_duration

DATASOURCE: Final = "prometheus"

# Grafana's scheduler evaluates at multiples of this, seconds.
_BASE_INTERVAL = 10
# The time range of the query, seconds: Grafana requires one, and an instant query only uses its end.
_RANGE = 600
_EXPRESSIONS = "__expr__"  # the data source of math and threshold nodes
_ON_ERROR = {"OutboxExporterDown": "Alerting", "OutboxWatchdog": "OK"}
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def grafana_rules(policy: Policy, datasource: str = DATASOURCE) -> str:
    """A provisioning file; `datasource` is the uid of the data source that has the exporter's series."""
    rules = [rule for rule in order_by_inhibition(policy.rules) if Outlet.PROMETHEUS in rule.outlets]
    lines = (line for severity in Severity for line in _group(policy, rules, severity, datasource))
    return header(policy) + "apiVersion: 1\ngroups:\n" + "".join(f"{line}\n" for line in lines)


def _group(policy: Policy, rules: list[Rule], severity: Severity, datasource: str) -> Iterator[str]:
    interval = max(1, math.ceil(policy.interval / _BASE_INTERVAL)) * _BASE_INTERVAL
    yield "  - orgId: 1"
    yield "    name: outbox"
    yield f"    folder: Outbox {severity}"
    yield f"    interval: {interval}s"
    yield "    rules:"
    inlining = Inlining(policy)
    for rule in rules:
        if rule.key.severity is severity:
            yield from _rule(rule, inlining.inlined(rule.expr), datasource)


def _rule(rule: Rule, expr: str, datasource: str) -> Iterator[str]:
    yield from comment(f"Source: {rule.source}.", 6)
    yield f"      - uid: {_uid(rule)}"
    yield f"        title: {rule.key.alert}"
    yield "        condition: C"
    yield "        data:"
    yield from _query(expr, datasource)
    yield from _expression("B", "math", "is_number($A) || is_nan($A) || is_inf($A)")
    yield from _expression("C", "threshold", "B")
    yield "              conditions:"
    yield "                - evaluator: {type: gt, params: [0]}"
    yield "        noDataState: OK"
    yield f"        execErrState: {_ON_ERROR.get(rule.key.alert, 'KeepLast')}"
    yield "        # Resolved as soon as the query returns no series, as in Prometheus."
    yield "        missing_series_evals_to_resolve: 1"
    yield f"        for: {format_duration(rule.hold_duration)}"
    if rule.keep_firing_for:
        yield f"        keepFiringFor: {format_duration(rule.keep_firing_for)}"
    yield "        labels:"
    yield f"          severity: {json.dumps(rule.key.severity)}"
    yield "        annotations:"
    yield from folded("summary", rule.summary, 10)
    yield from folded("description", rule.description.replace("$value", "$values.A.Value"), 10)
    if rule.runbook_url:
        yield f"          runbook_url: {json.dumps(rule.runbook_url)}"


def _query(expr: str, datasource: str) -> Iterator[str]:
    yield "          - refId: A"
    yield f"            relativeTimeRange: {{from: {_RANGE}, to: 0}}"
    yield f"            datasourceUid: {json.dumps(datasource)}"
    yield "            model:"
    yield "              refId: A"
    yield "              instant: true"
    yield "              range: false"
    yield from folded("expr", expr, 14)


def _expression(ref: str, kind: str, expression: str) -> Iterator[str]:
    yield f"          - refId: {ref}"
    yield f"            datasourceUid: {_EXPRESSIONS}"
    yield "            model:"
    yield f"              refId: {ref}"
    yield f"              type: {kind}"
    yield f"              expression: {json.dumps(expression)}"


def _uid(rule: Rule) -> str:
    """Stable: made of the names, which never change. Grafana allows 40 characters."""
    return f"{_CAPITAL.sub('-', rule.key.alert).lower()}-{rule.key.severity}"
