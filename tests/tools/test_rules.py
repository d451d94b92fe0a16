"""The shipped rule files."""

from __future__ import annotations

from typing import Any

import yaml

from tools import rules


def test_every_file_has_the_same_rules():
    """Prometheus' rule file, the objects for both operators, and Grafana's alerts."""
    texts = {path.name: yaml.safe_load(text) for path, text in rules.files().items()}
    assert texts.keys() == {
        "outbox.rules.yaml",
        "outbox.prometheusrule.yaml",
        "prometheusrule.yaml",
        "outbox.vmrule.yaml",
        "outbox.alerting.yaml",
    }
    groups = texts["outbox.rules.yaml"]["groups"]
    assert texts["outbox.prometheusrule.yaml"]["spec"]["groups"] == groups
    assert texts["prometheusrule.yaml"] == texts["outbox.prometheusrule.yaml"]
    assert {group["interval"] for group in groups} == {"15s"}
    (group,), (other,) = groups, texts["outbox.vmrule.yaml"]["spec"]["groups"]
    assert [without_expr(rule) for rule in other["rules"]] == [without_expr(rule) for rule in group["rules"]]
    titles = sorted(rule["title"] for group in texts["outbox.alerting.yaml"]["groups"] for rule in group["rules"])
    assert titles == sorted(rule["alert"] for rule in group["rules"] if "alert" in rule)


def without_expr(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "expr"}
