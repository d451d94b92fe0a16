"""The dashboards of an outbox that lacks some metrics: the panels that remain, by name, and where they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alerts.policy.load import configured_policy, load_policy
from dashboards.configured import ConfiguredDashboard, configured
from exporter.config.settings import Config
from tests.dashboards.reading import FILES, HERE, filled, selectors
from tests.outbox.shapes import SHAPES, configuration

OVERVIEW = {
    "timestamp": """
        Verdict, Backlog, Oldest job, Drain time, Created / min, Processed / min, Processing time, Health conditions,
        Firing now, Alerts over time, Throughput and failures, Processed / min by queue, Processing time,
        Processing time distribution, Latency objective, Error budget left, Burn rate of the latency objective,
        Backlog: size age drain time, Backlog by state, Oldest job by state, Drain time, Backlog by queue,
        Oldest job by queue, Jobs by state, Queues, Idempotency cache and clean-up, Oldest processed job,
        Tables and VACUUM, Dead rows, Last VACUUM, Vacuum horizon held back, Size on disk, Live rows, Vacuum horizon""",
    "status": """
        Verdict, Backlog, Oldest job, Drain time, Processed / min, Processing time, Failure ratio, Exhausted jobs,
        Health conditions, Firing now, Alerts over time, Throughput and failures, Processed / min by queue,
        Processing time, Processing time distribution, Failure ratio, Latency objective, Error budget left,
        Burn rate of the latency objective, Backlog: size age drain time, Backlog by state, Oldest job by state,
        Drain time, Backlog by queue, Oldest job by queue, Growth of exhausted jobs, Exhausted jobs by queue,
        Jobs by state, Queues, Scheduled jobs, Running jobs, Idempotency cache and clean-up, Oldest processed job,
        Tables and VACUUM, Dead rows, Last VACUUM, Vacuum horizon held back, Size on disk, Live rows, Vacuum horizon""",
    "boolean": """
        Verdict, Backlog, Oldest job, Health conditions, Firing now, Alerts over time, Backlog: size age drain time,
        Backlog by state, Oldest job by state, Jobs by state, Tables and VACUUM, Dead rows, Last VACUUM,
        Vacuum horizon held back, Size on disk, Live rows, Vacuum horizon""",
    "deleted": """
        Verdict, Backlog, Oldest job, Exhausted jobs, Health conditions, Firing now, Alerts over time,
        Backlog: size age drain time, Backlog by state, Oldest job by state, Backlog by queue, Oldest job by queue,
        Growth of exhausted jobs, Exhausted jobs by queue, Jobs by state, Queues, Scheduled jobs, Running jobs,
        Tables and VACUUM, Dead rows, Last VACUUM, Vacuum horizon held back, Size on disk, Live rows, Vacuum horizon""",
}


def made(shape: str) -> dict[str, ConfiguredDashboard]:
    return {each.name: each for each in configured(configured_policy(configuration(shape)))}


def titles(dashboard: ConfiguredDashboard) -> list[str]:
    return [panel["title"].replace(",", "") for panel in dashboard.document["panels"]]


def queries(document: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in document["panels"] for target in panel.get("targets", ())]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_panels_that_remain(shape):
    """Of the overview; the exporter's own dashboard has all of them."""
    dashboards = made(shape)
    assert titles(dashboards["outbox-overview.json"]) == [" ".join(each.split()) for each in OVERVIEW[shape].split(",")]
    health = dashboards["exporter-health.json"]
    shipped = json.loads((HERE / "exporter-health.json").read_text())
    assert health.left_out == {}
    assert titles(health) == [panel["title"].replace(",", "") for panel in shipped["panels"]]
    names = [each["name"] for each in shipped["annotations"]["list"]]
    names.remove("Application restarts")
    assert [each["name"] for each in health.document["annotations"]["list"]] == names


@pytest.mark.parametrize("shape", SHAPES)
def test_no_query_asks_for_what_is_not_there_alone(shape):
    """Each reads a series that may exist."""
    unknown = configured_policy(configuration(shape)).unknown_metrics
    for dashboard in made(shape).values():
        for query in queries(dashboard.document):
            read = {selector.name for selector in selectors(filled(query))}
            assert not read or read - set(unknown), query


@pytest.mark.parametrize("shape", SHAPES)
def test_panels_do_not_overlap(shape):
    """And have numbers of their own."""
    for dashboard in made(shape).values():
        panels = dashboard.document["panels"]
        places = [panel["gridPos"] for panel in panels]
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24
        assert len({panel["id"] for panel in panels}) == len(panels)


def test_exhausted_jobs_are_no_backlog_where_they_are_not_attempted():
    """Nor the oldest job; the panels of states show them."""
    for shape, is_apart in (("status", True), ("deleted", True), ("timestamp", False)):
        overview = made(shape)["outbox-overview.json"].document
        (backlog,) = (panel["targets"][0]["expr"] for panel in overview["panels"] if panel["id"] == 2)
        assert ('outbox_pending_jobs{job=~"$job",instance=~"$instance",state!="exhausted"}' in backlog) is is_apart
        assert any('state="exhausted"' in query for query in queries(overview)) is is_apart


def test_what_is_left_out_has_a_reason():
    """By the titles of the panels."""
    found = made("deleted")["migration-watch.json"].left_out
    assert found == {
        "belongs to the default tables": ("Broken checks", "Unknown checks", "Checks of the migration", "Each check"),
        "the row of a processed job is deleted": ("Processing time", "Failure ratio"),
        "no application is configured": ("Initialisation failures",),
        "which jobs a worker takes next is known of the default table only": ("Head blocked",),
    }


@pytest.mark.parametrize("policy", [load_policy(), configured_policy(Config())])
def test_the_default_tables_have_the_shipped_dashboards(policy):
    """To the letter."""
    assert {each.name: each.text for each in configured(policy)} == {file: (HERE / file).read_text() for file in FILES}


def test_a_dashboard_is_json():
    """That Grafana imports under the same name as the shipped one."""
    overview = made("status")["outbox-overview.json"]
    assert json.loads(overview.text)["uid"] == json.loads((HERE / "outbox-overview.json").read_text())["uid"]
