"""Panels of the policy's signals and of alerts."""

from __future__ import annotations

import pytest

from dashboards.builder.signals import SignalPanels
from tests.dashboards.builder.made import legends, limits, made, policy

PANELS = SignalPanels(policy())


@pytest.mark.parametrize(
    ("panel", "expected"),
    [
        ("backlog", [500, 1000]),
        ("ages", [2, 5]),
        ("head", [1, 50]),
        ("failures", [0.1]),
        ("initialisations", [0.015, 0.05]),
        ("processing_time", [60]),
    ],
)
def test_limits_are_the_policys(panel, expected):
    """Lowest first."""
    assert limits(getattr(PANELS, panel)()) == expected


def test_the_highest_severity_counts():
    """2 for a page, 1 for a ticket, also in the timelines."""
    assert made(PANELS.verdict())["targets"][0]["expr"].startswith("max(2 * outbox_alert_firing{")
    for panel in (PANELS.alerts(), PANELS.firing()):
        assert "2 * (outbox_alert_firing{" in made(panel)["targets"][0]["expr"]
    assert (
        'ALERTS{job=~"$job",alertstate="firing",severity="page",alertname!="OutboxDrill"}'
        in (made(PANELS.prometheus_alerts())["targets"][0]["expr"])
    )


def test_the_conditions_are_in_the_order_of_causes():
    """The first broken one may be the cause of those below."""
    assert legends(PANELS.conditions()) == [
        "Exporter is scraped",
        "Database answers",
        "Rows are read",
        "Jobs are processed",
        "No job is exhausted",
        "Application answers",
        "Application is healthy",
        "Migration is intact",
        "Clean-up runs",
    ]


def test_conditions_use_the_thresholds_of_their_alerts():
    """A stall after five minutes, a missed clean-up after 26 hours."""
    queries = [target["expr"] for target in made(PANELS.conditions())["targets"]]
    assert "> bool 300)" in queries[3]
    assert "<= bool 93600)" in queries[8]


def test_processing_times_have_quantiles_and_means():
    """The means are dashed."""
    panel = made(PANELS.processing_time())
    assert legends(PANELS.processing_time())[:5] == ["p50", "p95", "p99", "p95, policy", "mean, {{cohort}}"]
    dashed = {
        one["matcher"]["options"]
        for one in panel["fieldConfig"]["overrides"]
        for each in one["properties"]
        if each["id"] == "custom.lineStyle"
    }
    assert dashed == {"mean, created", "mean, processed"}


def test_the_firing_alerts_have_causes_first():
    """Pages, tickets, then muted ones with their cause; each with its summary in place of its name."""
    panel = made(PANELS.firing())
    ranked, muted = (target["expr"] for target in panel["targets"])
    assert ranked.startswith("label_replace(max by (alert) (")
    assert ranked.endswith(' - 10), "summary", "$1", "alert", "(.+)")')
    assert muted.startswith("label_replace(max by (alert, by) (outbox_alert_muted{")
    assert muted.endswith(', "by", "$1", "by", "Outbox(.+)")')
    assert panel["transformations"][-1] == {
        "id": "sortBy",
        "options": {"fields": {}, "sort": [{"field": "Severity", "desc": True}]},
    }
    texts = {
        override["matcher"]["options"]: {
            value: shown["text"]
            for each in override["properties"]
            if each["id"] == "mappings"
            for mapping in each["value"]
            for value, shown in mapping["options"].items()
        }
        for override in panel["fieldConfig"]["overrides"]
    }
    assert texts["Severity"] == {"2": "page", "1": "ticket", "-8": "page, muted", "-9": "ticket, muted"}
    assert texts["Summary"]["OutboxHeadBlocked"] == "Failing jobs block the head of the outbox"
