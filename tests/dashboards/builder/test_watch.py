"""The dashboard of the watch."""

from __future__ import annotations

from dashboards.builder.watch import watch
from tests.dashboards.builder.made import policy, section_titles


def test_its_sections_go_from_the_verdict_to_the_rules():
    """It shows a day."""
    made = watch(policy())
    assert (made.uid, made.refresh) == ("outbox-migration-watch", "1m")
    assert made.time is not None
    assert made.time.from_val == "now-24h"
    assert section_titles(made) == [
        "Coverage and alerts",
        "Signals and thresholds",
        "Migration",
        "Rules and their sources",
    ]


def test_shares_are_of_the_thresholds_of_the_policy():
    """From 1 on the alert is due."""
    made = watch(policy())
    (panel,) = [each for each in made.panels or [] if each.title == "Share of each threshold now"]
    shares = {target.legend_format: target.expr for target in panel.targets}  # type: ignore[union-attr] # no row
    assert len(shares) == 13
    assert shares["Backlog"].endswith(" / 1000")
    assert shares["Oldest job"].endswith(" / 300")
    assert shares["Oldest expired key"].endswith(" / 93600")
