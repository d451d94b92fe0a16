"""The OpenSLO documents have the form that the specification of version 1 requires, and the policy's figures.

No published validator can be installed as a package: the specification's SDK is a Go module, and its JSON schema was
removed from its repository in 2024. The requirements below are those of the specification.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from alerts.policy.load import load_policy
from alerts.policy.openslo_file import openslo
from exporter.config.settings import Amount, Override

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DURATION = re.compile(r"[1-9][0-9]*[mhdwMQY]")
# The required keys of each kind's specification, and the optional ones.
KEYS = {
    "AlertNotificationTarget": ({"target"}, {"description"}),
    "Service": (set(), {"description"}),
    "SLI": ({"ratioMetric"}, {"description"}),
    "AlertCondition": ({"severity", "condition"}, {"description"}),
    "AlertPolicy": (
        {"conditions", "notificationTargets", "alertWhenNoData", "alertWhenResolved", "alertWhenBreaching"},
        {"description"},
    ),
    "SLO": (
        {"service", "indicatorRef", "budgetingMethod", "objectives"},
        {"description", "timeWindow", "alertPolicies"},
    ),
}


def documents(*jobs: str, **changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The specifications by kind and name."""
    found = {}
    for each in yaml.safe_load_all(openslo(load_policy(**changes), jobs or ("outbox-exporter",))):
        assert each.keys() == {"apiVersion", "kind", "metadata", "spec"}
        assert each["apiVersion"] == "openslo/v1"
        key = each["kind"], each["metadata"]["name"]
        assert key not in found
        found[key] = each["spec"]
    return found


def of_kind(found: dict[tuple[str, str], dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: spec for (each, name), spec in found.items() if each == kind}


def test_the_form():
    """Names, keys and descriptions."""
    found = documents()
    assert {kind for kind, _ in found} == KEYS.keys()
    for (kind, name), spec in found.items():
        required, optional = KEYS[kind]
        assert NAME.fullmatch(name), name
        assert required <= spec.keys() <= required | optional
        assert len(spec.get("description", "")) <= 1050


def test_references_lead_somewhere():
    """To documents of the same file."""
    found = documents("a", "b")
    for slo in of_kind(found, "SLO").values():
        assert ("Service", slo["service"]) in found
        assert ("SLI", slo["indicatorRef"]) in found
        assert all(("AlertPolicy", each["alertPolicyRef"]) in found for each in slo["alertPolicies"])
    for policy in of_kind(found, "AlertPolicy").values():
        (condition,), (target,) = policy["conditions"], policy["notificationTargets"]
        assert ("AlertCondition", condition["conditionRef"]) in found
        assert ("AlertNotificationTarget", target["targetRef"]) in found


def test_the_objective():
    """99 % within a minute over 30 rolling days, by counts."""
    found = documents()
    (slo,), (sli,) = of_kind(found, "SLO").values(), of_kind(found, "SLI").values()
    assert slo["objectives"] == [{"displayName": "processed within 1m", "target": 0.99}]
    assert slo["timeWindow"] == [{"duration": "30d", "isRolling": True}]
    assert slo["budgetingMethod"] == "Occurrences"
    ratio = sli["ratioMetric"]
    assert ratio.keys() == {"counter", "good", "total"}
    assert ratio["counter"] is True
    queries = [ratio[part]["metricSource"] for part in ("good", "total")]
    assert [each["type"] for each in queries] == ["Prometheus", "Prometheus"]
    assert [each["spec"]["query"] for each in queries] == [
        'outbox_processing_time_seconds_bucket{job="outbox-exporter",le="60.0"}',
        'outbox_processing_time_seconds_bucket{job="outbox-exporter",le="+Inf"}',
    ]


def test_the_burn_rates():
    """Those of the SRE workbook, chapter 5, as the rules have them."""
    conditions = of_kind(documents(), "AlertCondition")
    figures = {
        name: (each["severity"], *(each["condition"][key] for key in ("threshold", "lookbackWindow", "alertAfter")))
        for name, each in conditions.items()
    }
    assert figures == {
        "outbox-exporter-latency-1h": ("page", 14.4, "1h", "10m"),
        "outbox-exporter-latency-6h": ("page", 6, "6h", "10m"),
        "outbox-exporter-latency-1d": ("ticket", 3, "1d", "30m"),
        "outbox-exporter-latency-3d": ("ticket", 1, "3d", "30m"),
    }
    for each in conditions.values():
        assert each["condition"].keys() == {"kind", "op", "threshold", "lookbackWindow", "alertAfter"}
        assert (each["condition"]["kind"], each["condition"]["op"]) == ("burnrate", "gt")
        assert DURATION.fullmatch(each["condition"]["alertAfter"])


def test_a_configuration():
    """Its objective and its thresholds."""
    override = Override("OutboxLatencyBudgetBurnFast", "page", Amount(10), None)
    found = documents(overrides=[override], objective=lambda one: replace(one, time=30, target=0.995))
    (slo,), (sli,) = of_kind(found, "SLO").values(), of_kind(found, "SLI").values()
    assert slo["objectives"] == [{"displayName": "processed within 30s", "target": 0.995}]
    assert 'le="30.0"' in sli["ratioMetric"]["good"]["metricSource"]["spec"]["query"]
    assert found["AlertCondition", "outbox-exporter-latency-1h"]["condition"]["threshold"] == 10


@pytest.mark.parametrize(
    ("jobs", "names"),
    [
        (["Orders/eu.west:1", "x"], ["orders-eu-west-1", "x"]),
        (["a.b", "a-b", "a_b"], ["a-b", "a-b-2", "a-b-3"]),
        (["..."], ["outbox"]),
        (["j" * 100], ["j" * 40]),
    ],
)
def test_names_of_jobs(jobs, names):
    """A job may hold characters that a name may not; each job has a name of its own."""
    assert list(of_kind(documents(*jobs), "Service")) == names
