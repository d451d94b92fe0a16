"""Panels of the tables."""

from __future__ import annotations

from dashboards.builder.outbox import OutboxPanels
from tests.dashboards.builder.made import legends, limits, made, policy

PANELS = OutboxPanels(policy())


def test_limits_are_in_the_unit_of_the_panel():
    """Hours and days rather than seconds; the drain time in seconds."""
    assert limits(PANELS.expired()) == [26]
    assert limits(PANELS.retention()) == [38]
    assert limits(PANELS.drain()) == [15]
    assert made(PANELS.expired())["fieldConfig"]["defaults"]["custom"]["axisLabel"] == "hours"
    assert made(PANELS.retention())["fieldConfig"]["defaults"]["custom"]["axisLabel"] == "days"


def test_a_drain_time_of_more_than_a_day_is_drawn_as_a_day():
    """Infinity cannot be drawn."""
    target = made(PANELS.drain())["targets"][0]["expr"]
    assert target.startswith("(clamp_max(")
    assert target.endswith(", 86400)) / 60")


def test_the_sum_of_all_queues_is_not_stacked():
    """It is a dashed line above the areas."""
    panel = made(PANELS.throughput())
    assert legends(PANELS.throughput()) == ["{{queue}}", "all", "created"]
    overrides = {each["id"]: each["value"] for one in panel["fieldConfig"]["overrides"] for each in one["properties"]}
    assert overrides["custom.stacking"]["mode"] == "none"
    assert overrides["custom.lineStyle"]["fill"] == "dash"
    assert panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"


def test_tables_join_their_queries():
    """States with their colours; queues with their throughput."""
    states, queues = made(PANELS.states()), made(PANELS.queues())
    assert len(states["targets"]) == 2
    assert len(queues["targets"]) == 7
    renamed = queues["transformations"][2]["options"]["renameByName"]
    assert list(renamed.values()) == [
        "Queue",
        "Pending",
        "Oldest is",
        "Processed / hour",
        "Failure ratio",
        "Exhausted",
        "Oldest exhausted",
        "Created / min",
    ]


def test_empty_panels_explain_themselves():
    """No expired key is good news."""
    texts = [made(panel)["fieldConfig"]["defaults"]["noValue"] for panel in (PANELS.expired(), PANELS.retention())]
    assert texts == ["There is no expired key.", "There is no processed job."]
    assert made(PANELS.queue_ages())["fieldConfig"]["defaults"]["noValue"] == "No job is pending."
