"""The dashboard of the exporter."""

from __future__ import annotations

import json

from dashboards.builder.build import printed
from dashboards.builder.health import COLLECTORS, REASONS, health
from exporter.core.errors import Reason
from tests.dashboards.builder.made import policy, section_titles


def test_its_sections_go_from_freshness_to_the_process():
    """After the numbers, which have no heading."""
    made = health(policy())
    assert (made.uid, made.title) == ("outbox-exporter-health", "Outbox exporter health")
    assert section_titles(made) == ["Freshness and failures", "Cost", "Notifications", "Process"]


def test_every_reason_has_a_colour_of_its_own():
    """As failures are stacked."""
    assert {str(reason.value) for reason in Reason} == set(REASONS)
    assert len(set(REASONS.values())) == len(REASONS)


def test_no_collector_has_the_colour_of_a_status():
    """Its colour has a legend."""
    assert len(set(COLLECTORS.values())) == len(COLLECTORS)
    assert not any("red" in colour or "orange" in colour for colour in COLLECTORS.values())


def test_a_healthy_collector_touches_no_line():
    """A collector with an interval of minutes is overdue from its interval on; the line is the backlog's own."""
    written = json.loads(printed(health(policy())))
    (overdue,) = [each for each in written["panels"] if each["title"] == "Overdue samples"]
    query = overdue["targets"][0]["expr"]
    assert query.startswith("clamp_min(time() - max without (instance, pod) (outbox_collector_last_success_timestamp")
    assert "outbox_collector_interval_seconds" in query
    assert [step["value"] for step in overdue["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None]
