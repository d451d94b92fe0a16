"""Every drawn limit is a threshold of the rules, and is in the panel of its own signal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from alerts.policy.load import load_policy
from dashboards.builder.promql import PROCESS_START, PolicySignals
from tests.dashboards.reading import FILES, filled, load_dashboard, panels, selectors

POLICY = load_policy()
COLOURS = {"page": "red", "ticket": "orange", "info": "blue"}
# Axes in other units than the signal's.
UNITS = {"hours": 3600, "days": 86400, "suffix:min": 60}
# No rule's threshold: a condition beside it, and shares and states that are bad from one on.
DRAIN = {"Drain time"}
BAD_FROM_ONE = {"Broken", "Failing collectors", "Share of each threshold now", "Share of each threshold at worst"}


def limited() -> Iterator[dict[str, Any]]:
    for file in FILES:
        for panel in panels(load_dashboard(file)):
            if panel["type"] != "table" and steps(panel):
                yield panel


def steps(panel: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The limits of a panel: thresholds above the base."""
    thresholds = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {"steps": []})
    return [(step["value"], step["color"]) for step in thresholds["steps"][1:]]


def queried_signals(panel: Mapping[str, Any]) -> set[str]:
    return {selector.name for target in panel["targets"] for selector in selectors(filled(target["expr"]))}


def of_rules(panel: Mapping[str, Any]) -> set[tuple[float, str]]:
    """The thresholds of every rule whose signal the panel queries."""
    compared, defaults = PolicySignals(POLICY), panel["fieldConfig"]["defaults"]
    unit = UNITS.get(defaults.get("custom", {}).get("axisLabel") or defaults["unit"], 1)
    found = set()
    for rule in POLICY.rules:
        names = {selector.name for selector in selectors(filled(compared(rule.signal)))} if rule.signal else set()
        own = {selector.name for selector in selectors(rule.expr)} if not rule.signal else names
        if own and own - {PROCESS_START} <= queried_signals(panel) and rule.key.severity in COLOURS:
            found.add(((rule.threshold or 1) / unit, COLOURS[rule.key.severity]))
    return found


@pytest.mark.parametrize("panel", list(limited()), ids=lambda panel: panel["title"])
def test_a_limit_is_a_rules_threshold(panel):
    """In value and in colour, of a rule about the very metrics that the panel shows."""
    if panel["title"] in BAD_FROM_ONE:
        assert [value for value, _ in steps(panel)] == [1]
    elif panel["title"] in DRAIN:
        ((value, _),) = steps(panel)
        value *= UNITS.get(panel["fieldConfig"]["defaults"]["unit"], 1)
        assert any(f"outbox:drain_time_seconds > {value:g}" in rule.expr for rule in POLICY.rules)
    else:
        assert set(steps(panel)) <= of_rules(panel)


def test_lines_are_drawn_dashed():
    """Every limit of a graph is a line, and every other graph has none."""
    for file in FILES:
        for panel in panels(load_dashboard(file)):
            if panel["type"] == "timeseries":
                mode = panel["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle", {}).get("mode", "off")
                assert mode == ("dashed" if steps(panel) else "off"), panel["title"]


def test_every_threshold_that_can_be_drawn_is_drawn():
    """Of every rule that pages or opens a ticket above a number of its signal."""
    drawn = {step for panel in limited() for step in steps(panel)}
    units = {
        "OutboxCleanupOverdue": 3600,
        "OutboxRetentionOverdue": 86400,
        "OutboxJobsWaitingLong": 60,
        "OutboxVacuumBlocked": 60,
    }
    for rule in POLICY.rules:
        if rule.signal is None or rule.unit == "boolean" or rule.key.severity not in COLOURS:
            continue
        # Thresholds of zero have no line, and predictions have no line.
        if rule.threshold == 0 or rule.key.alert == "OutboxBacklogGrowing":
            continue
        value = rule.threshold / units.get(rule.key.alert, 1)
        assert (value, COLOURS[rule.key.severity]) in drawn, str(rule.key)


def test_shares_are_of_the_most_severe_threshold():
    """Each bar of the watch is its signal over its threshold: 100 % is the alert's."""
    for title in ("Share of each threshold now", "Share of each threshold at worst"):
        (panel,) = [panel for panel in panels(load_dashboard("migration-watch.json")) if panel["title"] == title]
        compared = PolicySignals(POLICY)
        shares = {
            f"{compared(rule.signal)} / {rule.threshold:g}" for rule in POLICY.rules if rule.signal and rule.threshold
        }
        assert {target["expr"] for target in panel["targets"]} <= shares
