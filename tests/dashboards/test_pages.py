"""The order of panels on the dashboards, for on-call readers."""

from __future__ import annotations

import re

import pytest

from alerts.policy.load import load_policy
from exporter.metrics import catalogue
from tests.dashboards.reading import FILES, load_dashboard, panels

# Small panels beside larger ones.
EXCEPTIONS = {"Firing now", "Maintenance", "Unknown checks", "Helpful indexes", "Truncation and odd rows"}


def titles(file: str) -> list[str]:
    """Headings and panels in the order of reading."""
    return [panel["title"] for panel in load_dashboard(file)["panels"]]


def panel(file: str, title: str):
    (found,) = [each for each in panels(load_dashboard(file)) if each["title"] == title]
    return found


def in_order(file: str, *wanted: str) -> bool:
    found = titles(file)
    places = [found.index(title) for title in wanted]
    return places == sorted(places)


def test_the_overview_answers_in_order():
    """State; details; speed, failures; age, drain; odd rows; sources; clean-up; the application's own metrics."""
    assert titles("outbox-overview.json")[0] == "Verdict"
    assert in_order(
        "outbox-overview.json",
        "Verdict",
        "Health conditions",
        "Firing now",
        "Alerts over time",
        "Throughput and failures",
        "Backlog: size, age, drain time",
        "Jobs by state",
        "Queues",
        "Events by source and type",
        "Idempotency cache and clean-up",
        "Metrics of the application",
    )


def test_the_watch_answers_in_order():
    """State, duration, coverage; then the limits, the gaps, the alerts, the migration, the policy."""
    assert in_order(
        "migration-watch.json",
        "Watch",
        "Time left",
        "Coverage",
        "Share of each threshold now",
        "Health conditions",
        "Samples: received, failed, missing",
        "Alerts over time",
        "Signals and thresholds",
        "Migration",
        "Rules and their sources",
    )


def test_the_health_page_answers_in_order():
    """Availability; freshness; cost; notifications."""
    assert in_order(
        "exporter-health.json",
        "Exporter",
        "Freshness and failures",
        "Failures by reason",
        "Cost",
        "Notifications",
        "Process",
    )


@pytest.mark.parametrize("file", FILES)
def test_numbers_come_before_lines_and_lines_before_tables(file):
    """Within each section, except for the list of firing alerts."""
    rank = {"stat": 0, "state-timeline": 1, "bargauge": 1, "timeseries": 1, "heatmap": 1, "table": 2, "text": 2}
    section: list[int] = []
    for each in load_dashboard(file)["panels"]:
        if each["type"] == "row":
            section = []
        elif each["title"] not in EXCEPTIONS:
            section.append(rank[each["type"]])
            assert section == sorted(section), each["title"]


def test_an_alert_leads_to_its_runbook():
    """By its name, below the place that the page's constant gives."""
    overrides = panel("outbox-overview.json", "Firing now")["fieldConfig"]["overrides"]
    links = [change["value"] for one in overrides for change in one["properties"] if change["id"] == "links"]
    assert [link["url"] for (link,) in links] == ["${runbooks}/${__value.raw}.md"]


def test_the_policy_is_listed():
    """Every rule with its source and the link to its runbook."""
    text = panel("migration-watch.json", "The policy")["options"]["content"]
    for rule in load_policy().rules:
        if rule.key.severity != "none":
            assert f"| [{rule.key.alert}](${{runbooks}}/{rule.key.alert}.md) | {rule.key.severity} |" in text
            assert rule.source in text


def test_every_state_of_the_watch_has_a_text():
    """And the colour of the value."""
    said = {
        result["text"]: result["color"]
        for mapping in panel("migration-watch.json", "Watch")["fieldConfig"]["defaults"]["mappings"]
        if mapping["type"] == "value"
        for result in mapping["options"].values()
    }
    assert set(said) == {state.upper() for state in catalogue.WATCH_STATES}
    assert (said["PASSED"], said["FAILED"], said["INCONCLUSIVE"]) == ("green", "red", "orange")


def test_descriptions_hold_no_threshold_of_the_policy():
    """A number in prose would stay when the policy changes."""
    for file in FILES:
        for each in panels(load_dashboard(file)):
            assert not re.search(r"\d+(\.\d+)? ?(%|jobs|hours|days)\b", _without_facts(each["description"])), each[
                "title"
            ]


def _without_facts(text: str) -> str:
    """Lines that are no threshold: the processor's batch and poll, a share of a threshold, the budget of sampling."""
    return re.sub(r"oldest 100|30 seconds|From 100 % on|1 % by default", "", text)


@pytest.mark.parametrize("file", FILES)
def test_counted_objects_are_not_rounded_to_thousands(file):
    """The unit short writes 1500 without decimals as 2 K, so that an axis has two ticks of 2 K."""
    for each in panels(load_dashboard(file)):
        defaults = each.get("fieldConfig", {}).get("defaults", {})
        assert not (defaults.get("unit") == "short" and defaults.get("decimals") == 0), each["title"]
