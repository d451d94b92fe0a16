"""Reads the committed dashboards as Grafana does: panels, queries, and the series of a query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import promql_parser as parser
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.builder.build import printed

HERE: Final = Path(__file__).parents[2] / "dashboards"
FILES: Final = ("outbox-overview.json", "migration-watch.json", "exporter-health.json")

_SIGNS: Final = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}

# Grafana's variables and their values; for three hours on a panel 500 pixels wide.
MACROS: Final = {
    "__rate_interval": "1m15s",
    "__interval": "30s",
    "__interval_ms": "30000",
    "__range": "10800s",
    "__range_s": "10800",
    "job": ".+",
    "instance": ".+",
}


def load_dashboard(file: str | Path) -> dict[str, Any]:
    """A dashboard as committed."""
    loaded: dict[str, Any] = json.loads((HERE / file).read_text("utf-8"))
    return loaded


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel but the headings of rows, those of folded rows among them."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a dashboard. `panel` is empty for an annotation or a variable."""

    file: str
    where: str
    expr: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.where}"


def queries(file: str) -> Iterator[Query]:
    """All PromQL of a committed dashboard."""
    return _queries(file, load_dashboard(file))


def of(file: str, dashboard: Dashboard) -> Iterator[Query]:
    """The same of one that is not written yet."""
    return _queries(file, json.loads(printed(dashboard)))


def _queries(file: str, dashboard: Mapping[str, Any]) -> Iterator[Query]:
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield Query(file, f"{panel['title']} {target['refId']}", target["expr"], panel, target)
    for mark in dashboard["annotations"]["list"]:
        if "expr" in mark:
            yield Query(file, f"annotation {mark['name']}", mark["expr"], {}, mark)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Query(file, f"variable {variable['name']}", _asked_by(variable["query"]), {}, variable)


def _asked_by(query: str) -> str:
    """The selector inside label_values(selector, label)."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found, f"{query} is no label_values(selector, label)"
    return found[1]


ALL: Final = tuple(query for file in FILES for query in queries(file))


def filled(expr: str, **macros: str) -> str:
    """The query as it is sent: every variable replaced. `$1` is label_replace's own."""
    values = {**MACROS, **macros}
    return re.sub(r"\$\{?([a-z_]\w*)\}?", lambda found: values[found[1]], expr)


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector in a query: `inside` names the function around it, `window` its range in seconds or None."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    inside: str | None
    window: float | None


@cache
def selectors(expr: str) -> tuple[Selector, ...]:
    """Every selector of a query in PromQL. Raises: ValueError when it is none."""
    found: list[Selector] = []
    path: list[parser.Expr] = []

    def enter(node: parser.Expr) -> None:
        if isinstance(node, parser.MatrixSelector):
            found.append(_selector(node.vector_selector, path, node.range.total_seconds()))
        elif isinstance(node, parser.VectorSelector) and not (path and isinstance(path[-1], parser.MatrixSelector)):
            found.append(_selector(node, path, None))
        path.append(node)

    def leave(_: parser.Expr) -> None:
        path.pop()

    parser.walk(parser.parse(expr), enter, leave)
    return tuple(found)


def _selector(node: parser.VectorSelector, path: list[parser.Expr], window: float | None) -> Selector:
    around = next((step.func.name for step in reversed(path) if isinstance(step, parser.Call)), None)
    matchers = tuple((one.name, _SIGNS[str(one.op)], one.value) for one in node.matchers.matchers)
    return Selector(node.name or "", matchers, around, window)
