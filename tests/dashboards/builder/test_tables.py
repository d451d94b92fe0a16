"""Panels of the tables themselves."""

from __future__ import annotations

from dashboards.builder.tables import TablePanels
from tests.dashboards.builder.made import legends, limits, made, policy

PANELS = TablePanels(policy())


def test_the_horizon_has_the_limit_of_its_alert():
    """In minutes; whether it is pinned is a state of each table."""
    assert limits(PANELS.held()) == [30]
    assert legends(PANELS.held()) == ["by a {{holder}}"]
    texts = made(PANELS.horizon())["fieldConfig"]["defaults"]["mappings"]
    assert [option["text"] for each in texts for option in each["options"].values()] == ["moves", "pinned"]


def test_dead_rows_and_live_rows_are_drawn_from_zero_on_a_logarithmic_axis():
    """A table with seven dead rows and one with a million are on one panel."""
    for panel in (PANELS.dead_rows(), PANELS.live_rows()):
        assert made(panel)["fieldConfig"]["defaults"]["custom"]["scaleDistribution"]["type"] == "symlog"


def test_empty_panels_say_why():
    """Neither a standby nor a role that sees no run of pg_cron has values."""
    empty = [made(panel)["fieldConfig"]["defaults"]["noValue"] for panel in (PANELS.vacuums(), PANELS.clean_ups())]
    assert empty[0] == "VACUUM has not run yet, or a standby answers."
    assert "sql/grant_migration_access.sql" in empty[1]


def test_sizes_are_bytes_and_the_last_vacuum_is_in_hours():
    """As the axes say."""
    assert made(PANELS.sizes())["fieldConfig"]["defaults"]["unit"] == "bytes"
    assert made(PANELS.vacuums())["fieldConfig"]["defaults"]["custom"]["axisLabel"] == "hours"
