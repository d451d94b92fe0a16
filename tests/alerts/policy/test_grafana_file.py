"""Grafana's provisioning file: accepted by its models, complete, and not blind when the data source is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import Query, Rule

from alerts.model import Outlet
from alerts.policy.grafana_file import grafana_rules
from alerts.policy.load import load_policy

POLICY = load_policy()
GROUPS: list[dict[str, Any]] = yaml.safe_load(grafana_rules(POLICY))["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]

# The keys that Grafana 12.4 reads (AlertRuleGroupV1, AlertRuleV1 and QueryV1 in pkg/services/provisioning/alerting).
GROUP_KEYS = {"orgId", "name", "folder", "interval", "rules"}
RULE_KEYS = {
    "uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for",
    "keepFiringFor", "missing_series_evals_to_resolve", "annotations", "labels", "isPaused", "notification_settings",
    "record",
}  # fmt: skip
QUERY_KEYS = {"refId", "queryType", "relativeTimeRange", "datasourceUid", "model"}


def test_grafana_knows_every_key():
    """It ignores others without a word."""
    assert yaml.safe_load(grafana_rules(POLICY)).keys() == {"apiVersion", "groups"}
    assert all(group.keys() <= GROUP_KEYS for group in GROUPS)
    assert all(rule.keys() <= RULE_KEYS for rule in RULES)
    assert all(query.keys() <= QUERY_KEYS for rule in RULES for query in rule["data"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_grafanas_models_read_it_whole(rule):
    """Reading a rule and its nodes with the published models, and writing them again, loses nothing."""
    newer = {"keepFiringFor", "missing_series_evals_to_resolve"}  # than the models, which are of version 11.6
    kept = {key: value for key, value in rule.items() if key not in newer | {"data"}}
    model = {**kept, "folderUID": "outbox", "orgID": 1, "ruleGroup": "outbox", "data": []}
    assert Rule.from_json(model).to_json() == model
    for node in rule["data"]:
        plain = {key: value for key, value in node.items() if key != "model"}
        assert json.loads(json.dumps(Query.from_json(plain), cls=JSONEncoder)) == plain


def test_every_rule_of_prometheus_is_there_once():
    """With its severity; uids and titles within a folder are unique, and within Grafana's limits."""
    wanted = {(rule.key.alert, rule.key.severity.value) for rule in POLICY.rules if Outlet.PROMETHEUS in rule.outlets}
    assert len(RULES) == len(wanted)
    assert {(rule["title"], rule["labels"]["severity"]) for rule in RULES} == wanted
    assert {group["folder"] for group in GROUPS} == {"Outbox page", "Outbox ticket", "Outbox info", "Outbox none"}
    for group in GROUPS:
        titles = [rule["title"] for rule in group["rules"]]
        assert len(set(titles)) == len(titles)
        assert {f"Outbox {rule['labels']['severity']}" for rule in group["rules"]} == {group["folder"]}
    uids = {rule["uid"] for rule in RULES}
    assert len(uids) == len(RULES)
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)
    assert "outbox-backlog-high-page" in uids


def test_every_series_of_the_query_fires():
    """The query filters; math makes 1 of any value, also of 0 and NaN, and the threshold is above 0."""
    for rule in RULES:
        query, math, threshold = rule["data"]
        assert [node["refId"] for node in rule["data"]] == ["A", "B", "C"]
        assert all(node["model"]["refId"] == node["refId"] for node in rule["data"])
        assert (query["model"]["instant"], query["model"]["range"]) == (True, False)
        assert math["model"]["expression"] == "is_number($A) || is_nan($A) || is_inf($A)"
        assert (threshold["model"]["type"], threshold["model"]["expression"]) == ("threshold", "B")
        assert threshold["model"]["conditions"] == [{"evaluator": {"type": "gt", "params": [0]}}]
        assert rule["condition"] == "C"


def test_a_blind_grafana_is_told_once():
    """No result is the normal state. Without an answer one page fires and the watchdog ends; the others stay."""
    assert {rule["noDataState"] for rule in RULES} == {"OK"}
    others = {rule["title"]: rule["execErrState"] for rule in RULES if rule["execErrState"] != "KeepLast"}
    assert others == {"OutboxExporterDown": "Alerting", "OutboxWatchdog": "OK"}
    assert [rule["for"] for rule in RULES if rule["title"] == "OutboxExporterDown"] == ["2m"]


def test_texts_use_grafanas_value():
    """Its `$value` is a text about all nodes. Without a runbook there is no link."""
    texts = [text for rule in RULES for text in rule["annotations"].values()]
    assert any("{{ $values.A.Value | humanize }}" in text for text in texts)
    assert not any("$value " in text for text in texts)
    assert all(rule["annotations"].keys() == {"summary", "description"} for rule in RULES)
    linked = yaml.safe_load(grafana_rules(load_policy(runbook="https://wiki/{alert}")))["groups"][0]["rules"][0]
    assert linked["annotations"]["runbook_url"] == "https://wiki/OutboxExporterDown"


@pytest.mark.parametrize(("interval", "wanted"), [(15.0, "20s"), (0.5, "10s"), (30.0, "30s"), (10.0, "10s")])
def test_the_interval_is_one_of_grafanas(interval, wanted):
    """A multiple of ten seconds: it refuses others."""
    groups = yaml.safe_load(grafana_rules(replace(POLICY, interval=interval)))["groups"]
    assert {group["interval"] for group in groups} == {wanted}
