"""The shipped rule files."""

from __future__ import annotations

import yaml

from tools import rules


def test_both_files_have_the_same_groups():
    """Prometheus' rule file, and the PrometheusRule object for the operator."""
    texts = {path.name: yaml.safe_load(text) for path, text in rules.files().items()}
    assert texts.keys() == {"outbox.rules.yaml", "outbox.prometheusrule.yaml"}
    groups = texts["outbox.rules.yaml"]["groups"]
    assert texts["outbox.prometheusrule.yaml"]["spec"]["groups"] == groups
    assert {group["interval"] for group in groups} == {"15s"}
