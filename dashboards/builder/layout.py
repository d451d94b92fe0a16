"""Positions of panels: rows on Grafana's grid of 24 columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import GridPos, Panel, RowPanel

COLUMNS = 24

AnyPanel = Builder[Panel]


@dataclass(frozen=True, slots=True)
class PanelBlock:
    """Lines of panels, of equal height, that fill a part of a row. Units: columns."""

    width: int
    lines: tuple[tuple[AnyPanel, ...], ...]


@dataclass(frozen=True, slots=True)
class GridRow:
    """Panels side by side. Units: Grafana's cells, about 38 pixels."""

    height: int
    blocks: tuple[PanelBlock, ...]


@dataclass(frozen=True, slots=True)
class DashboardSection:
    """Rows below a heading."""

    title: str
    rows: tuple[GridRow, ...]
    collapsed: bool = False


def grid_row(height: int, *panels: tuple[int, AnyPanel] | PanelBlock) -> GridRow:
    """A row of panels with their widths, columns. Raises: ValueError when they do not add up to 24."""
    blocks = tuple(panel if isinstance(panel, PanelBlock) else PanelBlock(panel[0], ((panel[1],),)) for panel in panels)
    if sum(panel_block.width for panel_block in blocks) != COLUMNS:
        raise ValueError(f"the widths {[panel_block.width for panel_block in blocks]} do not add up to {COLUMNS}")
    return GridRow(height, blocks)


def panel_block(width: int, *rows: Sequence[AnyPanel]) -> PanelBlock:
    """Lines of panels; those of a line are of equal width."""
    return PanelBlock(width, tuple(tuple(row) for row in rows))


@dataclass(slots=True)
class GridLayout:
    """Places panels, and numbers them from 1 in reading order."""

    placed: list[Panel | RowPanel] = field(default_factory=list)
    _y: int = 0
    _last_id: int = 0

    def put(self, sections: Iterable[DashboardSection]) -> list[Panel | RowPanel]:
        """Place all sections. A section without a title has no heading."""
        for section in sections:
            row = self._heading(section) if section.title else None
            panels = [panel for one in section.rows for panel in self._place(one)]
            if row is not None and section.collapsed:
                row.panels = panels
            else:
                self.placed += panels
        return self.placed

    def _heading(self, section: DashboardSection) -> RowPanel:
        position = GridPos(h=1, w=COLUMNS, x=0, y=self._y)
        row = RowPanel(
            title=section.title, collapsed=section.collapsed, id_val=self._next_id(), grid_pos=position, panels=[]
        )
        self.placed.append(row)
        self._y += 1
        return row

    def _place(self, one: GridRow) -> Iterable[Panel]:
        x = 0
        for part in one.blocks:
            height = one.height // len(part.lines)
            for number, line in enumerate(part.lines):
                width = part.width // len(line)
                for place, builder in enumerate(line):
                    position = GridPos(h=height, w=width, x=x + place * width, y=self._y + number * height)
                    yield self._set(builder.build(), position)
            x += part.width
        self._y += one.height

    def _set(self, panel: Panel, position: GridPos) -> Panel:
        panel.id_val, panel.grid_pos = self._next_id(), position
        return panel

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id
