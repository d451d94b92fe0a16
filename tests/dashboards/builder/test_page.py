"""Common parts of all dashboards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.builder.layout import DashboardSection, grid_row
from dashboards.builder.page import DashboardHeader, page
from tests.dashboards.reading import FILES, load_dashboard


def marks(file: str) -> dict[str, dict[str, Any]]:
    return {mark["name"]: mark for mark in load_dashboard(file)["annotations"]["list"]}


@pytest.fixture(params=FILES)
def file(request):
    return request.param


def test_a_dashboard_has_a_header_and_sections():
    """And the address of the runbooks, in a constant that can be changed at import."""
    header = DashboardHeader("outbox-test", "Test", "For a test.", "now-1h", "30s")
    sections = [DashboardSection("", (grid_row(4, (24, Stat().title("One"))),))]
    made = json.loads(json.dumps(page(header, sections, "https://example.org/books"), cls=JSONEncoder))
    assert (made["uid"], made["title"], made["time"]["from"]) == ("outbox-test", "Test", "now-1h")
    assert [panel["title"] for panel in made["panels"]] == ["One"]
    (runbooks,) = [variable for variable in made["templating"]["list"] if variable["name"] == "runbooks"]
    assert (runbooks["type"], runbooks["query"], runbooks["hide"]) == ("constant", "https://example.org/books", 2)


def test_events_are_annotations(file):
    """Firing alerts, maintenance, the watch, starts of either program, other changes, deploys."""
    assert set(marks(file)) == {
        "Alerts",
        "Maintenance",
        "Watch",
        "End of watch",
        "Application restarts",
        "Exporter starts",
        "Changes",
        "Deploys",
    }
    assert all(mark["enable"] for mark in marks(file).values())


def test_annotations_of_alerts_are_firing_pages_and_tickets(file):
    """Those that page or open a ticket and fire; the dead-man's switch never stops firing."""
    expr = marks(file)["Alerts"]["expr"]
    assert 'alertstate="firing"' in expr
    assert 'severity=~"page|ticket"' in expr


@pytest.mark.parametrize("name", ["Watch", "End of watch", "Exporter starts", "Changes"])
def test_annotations_of_moments_use_their_value_as_time(file, name):
    """Grafana takes the value as the time, in milliseconds."""
    mark = marks(file)[name]
    assert mark["useValueForTime"] is True
    assert mark["expr"].startswith("1000 * ")


def test_deploys_come_from_grafana_itself(file):
    """A deployment posts an annotation with the tag `deploy`."""
    mark = marks(file)["Deploys"]
    assert mark["datasource"] == {"type": "datasource", "uid": "-- Grafana --"}
    assert mark["target"]["tags"] == ["deploy"]


def test_other_annotations_come_from_the_selected_source(file):
    """With a title to show."""
    for name, mark in marks(file).items():
        if name != "Deploys":
            assert mark["datasource"] == {"type": "prometheus", "uid": "$datasource"}
            assert mark["titleFormat"]
