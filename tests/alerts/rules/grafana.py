"""Grafana's rules as a rule file for promtool: the query of each, which fires for every series that it returns."""

from __future__ import annotations

import json
from typing import Any

import yaml


def as_rule_file(provisioning: str) -> str:
    """What Grafana evaluates, in the form of Prometheus; the math and threshold nodes let every series fire."""
    groups = yaml.safe_load(provisioning)["groups"]
    rules = [_rule(each) for group in groups for each in group["rules"]]
    return json.dumps({"groups": [{"name": "outbox", "interval": "15s", "rules": rules}]})


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    annotations = {name: text.replace("$values.A.Value", "$value") for name, text in rule["annotations"].items()}
    return {
        "alert": rule["title"],
        "expr": rule["data"][0]["model"]["expr"],
        "for": rule["for"],
        "keep_firing_for": rule.get("keepFiringFor", "0s"),
        "labels": rule["labels"],
        "annotations": annotations,
    }
