"""Positions of panels."""

from __future__ import annotations

import pytest
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.models.dashboard import RowPanel

from dashboards.builder.layout import DashboardSection, GridLayout, grid_row, panel_block


def places(*sections: DashboardSection) -> list[tuple[int | None, int, int, int, int]]:
    """Number, x, y, width, height of all panels, in the order of the file, panels of collapsed rows included."""
    found = []
    for panel in GridLayout().put(sections):
        inner = panel.panels if isinstance(panel, RowPanel) else []
        for each in (panel, *inner):
            assert each.grid_pos is not None
            place = each.grid_pos
            found.append((each.id_val, place.x, place.y, place.w, place.h))
    return found


def test_a_shelf_fills_all_columns():
    """Side by side, from the left."""
    assert places(DashboardSection("", (grid_row(8, (8, Stat()), (16, Stat())),))) == [
        (1, 0, 0, 8, 8),
        (2, 8, 0, 16, 8),
    ]


def test_rows_are_below_each_other_and_below_their_heading():
    """A heading takes one line."""
    made = places(
        DashboardSection("", (grid_row(4, (24, Stat())),)), DashboardSection("More", (grid_row(3, (24, Stat())),))
    )
    assert made == [(1, 0, 0, 24, 4), (2, 0, 4, 24, 1), (3, 0, 5, 24, 3)]


def test_a_block_has_lines_of_equal_height():
    """Beside a panel as high as all of them."""
    made = places(
        DashboardSection("", (grid_row(8, (4, Stat()), panel_block(20, [Stat(), Stat()], [Stat(), Stat()])),))
    )
    assert made == [(1, 0, 0, 4, 8), (2, 4, 0, 10, 4), (3, 14, 0, 10, 4), (4, 4, 4, 10, 4), (5, 14, 4, 10, 4)]


def test_a_folded_row_keeps_its_panels():
    """Collapsed rows have Grafana's form."""
    (row,) = GridLayout().put([DashboardSection("Later", (grid_row(5, (24, Stat())),), collapsed=True)])
    assert isinstance(row, RowPanel)
    assert row.collapsed
    assert [panel.id_val for panel in row.panels] == [2]


def test_a_shelf_with_a_hole_is_refused():
    """Or with too much on it."""
    with pytest.raises(ValueError, match=r"\[8, 8\] do not add up to 24"):
        grid_row(8, (8, Stat()), (8, Stat()))
