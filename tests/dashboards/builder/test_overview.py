"""The overview dashboard."""

from __future__ import annotations

from dashboards.builder.overview import overview
from tests.dashboards.builder.made import policy, section_titles


def test_its_sections_go_from_the_outbox_to_the_application():
    """After the headline, which has no heading."""
    made = overview(policy())
    assert (made.uid, made.title, made.refresh) == ("outbox-overview", "Outbox overview", "30s")
    assert section_titles(made) == [
        "Throughput and failures",
        "Latency objective",
        "Backlog: size, age, drain time",
        "Events by source and type",
        "Idempotency cache and clean-up",
        "Tables and VACUUM",
        "Metrics of the application",
    ]
