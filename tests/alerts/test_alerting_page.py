"""docs/alerting.md is up to date: its table, its examples, its links."""

from __future__ import annotations

import re

import pytest

from alerts.policy.load import configured_policy, load_policy, override_error_in_default_policy
from alerts.promql.aggregations import AGGREGATIONS
from alerts.promql.engine import FUNCTIONS
from exporter.config import loader
from exporter.database import dsn_problem
from tools import alerting

TEXT = alerting.ALERTING.read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SECRET = "pagerduty-routing-key"


def test_the_table_is_the_policy():
    """Run `make generate` after a change of the policy."""
    assert alerting.with_rules(TEXT, load_policy()) == TEXT


@pytest.mark.parametrize("write", alerting.WRITTEN.values())
def test_a_page_without_markers_is_refused(write):
    """Nothing is overwritten by guess."""
    with pytest.raises(ValueError, match="markers are missing"):
        write("# A page\n", load_policy())


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_configurations(example, tmp_path):
    """Each is accepted, and leads to a policy."""
    (tmp_path / SECRET).write_text("0123456789abcdef0123456789abcdef")
    config = tmp_path / "config.yaml"
    config.write_text(example.replace(f"/run/secrets/{SECRET}", SECRET))
    policy = configured_policy(
        loader.load(config, {}, loader.ExternalChecks(dsn_problem, override_error_in_default_policy))
    )
    assert len(policy.rules) == len(load_policy().rules)


def test_an_example_changes_a_threshold(tmp_path):
    """The block with that text."""
    config = tmp_path / "config.yaml"
    config.write_text(next(example for example in EXAMPLES if "thresholds" in example))
    policy = configured_policy(
        loader.load(config, {}, loader.ExternalChecks(dsn_problem, override_error_in_default_policy))
    )
    changed = {
        str(rule.key)
        for rule, usual in zip(policy.rules, load_policy().rules, strict=True)
        if rule.hold_duration != usual.hold_duration
    }
    assert changed == {"OutboxBacklogHigh/page"}
    assert policy.job == "course-outbox"
    assert all(rule.runbook_url.startswith("https://") for rule in policy.rules)


def test_the_checks_excused_by_maintenance_are_named():
    """Exactly the rules that are silent while one lasts."""
    excused = {rule.key.alert for rule in load_policy().rules if "outbox:maintenance_active" in rule.expr}
    section = TEXT.partition("## Maintenance")[2].partition("## ")[0]
    named = set(re.findall(r"`(Outbox\w+)`", section.partition("are silent")[0]))
    assert named == excused


def test_the_supported_promql_is_listed():
    """Exactly the functions and aggregations of the exporter's own evaluation."""
    functions, _, rest = TEXT.partition("names the part. Functions: ")[2].partition(". Aggregations: ")
    aggregations = rest.partition(". ")[0]
    assert set(re.findall(r"`(\w+)`", functions)) == FUNCTIONS
    assert set(re.findall(r"`(\w+)`", aggregations)) == set(AGGREGATIONS)


def test_links_lead_somewhere():
    """Every relative link is a file."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (alerting.ALERTING.parent / link).exists()] == []
