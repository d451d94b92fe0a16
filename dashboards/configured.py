"""The dashboards of a configuration: the shipped ones without the panels that its outbox has no values for.

Needs no model of Grafana: it works on the JSON.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alerts.model import Policy
from alerts.policy.left_out import NO_APPLICATION, missing_in
from alerts.policy.load import load_policy
from alerts.promql.parse import parse
from alerts.promql.syntax_tree import Aggregation, BinaryOperation
from dashboards.builder.promql import PolicySignals
from dashboards.files import DASHBOARDS, OTHER_PANELS, OVERVIEW

_HERE: Final = Path(__file__).parent
_COLUMNS: Final = 24
# Grafana's variables; any value does to read an expression.
_VARIABLE: Final = re.compile(r"\$\{?(?:__)?[a-z]\w*\}?")
# What the exporter's own evaluation does not support, and what has a result in the same cases.
_SAME_RESULT: Final = (
    (re.compile(r', "\w+", "\$1", "\w+", "[^"]*"\)'), ")"),
    (re.compile(r"\blabel_replace\("), "("),
    (re.compile(r"\bsort(?:_desc)?\("), "abs("),
    (re.compile(r"\bresets\(\("), "abs(("),
    (re.compile(r"\[\w+:\w+\]"), ""),
)

# A line that is drawn at a threshold.
_LIMIT: Final = re.compile(r"vector\([0-9.]+\)")

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConfiguredDashboard:
    """A dashboard as JSON, and the titles of the panels that were left out, by the reason."""

    name: str
    document: _Json
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def text(self) -> str:
        """What Grafana imports."""
        return json.dumps(self.document, indent=2, ensure_ascii=False) + "\n"


def configured(policy: Policy) -> Iterator[ConfiguredDashboard]:
    """Every dashboard, for the outbox of this policy."""
    replaced = tuple(_replaced_signals(policy))
    for name in DASHBOARDS:
        document = json.loads((_HERE / name).read_text("utf-8"))
        if policy.unknown_metrics and name == OVERVIEW:
            document["panels"] = list(_with_other_panels(document["panels"]))
        yield _without_unknown(name, document, policy, replaced)


def _replaced_signals(policy: Policy) -> Iterator[tuple[str, str]]:
    """The expressions of signals that mean something else where exhausted jobs are no backlog: before and after."""
    if not policy.exhausted_apart:
        return
    shipped, own = load_policy(), load_policy(exhausted_apart=True)
    for before, after in zip(shipped.signals, own.signals, strict=True):
        if before.expr != after.expr:
            yield PolicySignals(shipped)(before.record), PolicySignals(own)(after.record)


def _with_other_panels(panels: Iterable[_Json]) -> Iterator[_Json]:
    """Added at the end of their section, with numbers of their own."""
    part = json.loads((_HERE / OTHER_PANELS).read_text("utf-8"))
    panels = tuple(panels)
    latest, is_inside = max(panel["id"] for panel in panels), False
    for panel in panels:
        if panel["type"] == "row":
            if is_inside:
                yield from ({**each, "id": latest + n} for n, each in enumerate(part["panels"], 1))
            is_inside = panel["title"] == part["section"]
        yield panel


def _without_unknown(
    name: str, document: _Json, policy: Policy, replaced: tuple[tuple[str, str], ...]
) -> ConfiguredDashboard:
    left_out: dict[str, list[str]] = {}

    def kept(panels: Iterable[_Json]) -> Iterator[_Json]:
        for panel in panels:
            reason = _reduce(panel, policy, replaced)
            if not reason:
                yield panel if "panels" not in panel else {**panel, "panels": list(kept(panel["panels"]))}
            else:
                left_out.setdefault(reason, []).append(panel["title"])

    sections = list(_sections(kept(document["panels"])))
    annotations = document["annotations"]["list"]
    document["annotations"]["list"] = [each for each in annotations if not _missing(each.get("expr", ""), policy)]
    document["panels"] = list(_placed(sections)) if left_out else [panel for each in sections for panel in each]
    return ConfiguredDashboard(name, document, {reason: tuple(titles) for reason, titles in left_out.items()})


def _reduce(panel: _Json, policy: Policy, replaced: Iterable[tuple[str, str]]) -> str:
    """Leave out the queries that never have a value. Why the panel has none left, if so."""
    targets = panel.get("targets", [])
    limits = [target for target in targets if _LIMIT.fullmatch(target["expr"])]
    reasons = {target["refId"]: _missing(target["expr"], policy) for target in targets if target not in limits}
    for target in targets:
        for before, after in replaced:
            target["expr"] = target["expr"].replace(before, after)
    if targets:
        panel["targets"] = [target for target in targets if not reasons.get(target["refId"])]
    first = next(iter(reasons.values()), "")
    # Beside the application's own number there may be another one to compare it with.
    return first if first == NO_APPLICATION or all(reasons.values()) else ""


def _missing(expr: str, policy: Policy) -> str:
    """Why a query never has a value; empty when it may. Labels and the steps of subqueries do not matter for that.

    Behind the outermost `or` is what is shown while there is no value.
    """
    if not expr:
        return ""
    plain = _VARIABLE.sub("5m", expr)
    for pattern, text in _SAME_RESULT:
        plain = pattern.sub(text, plain)
    tree = parse(plain)
    while isinstance(tree, Aggregation) or (isinstance(tree, BinaryOperation) and tree.operator == "or"):
        tree = tree.operand if isinstance(tree, Aggregation) else tree.left
    return missing_in(tree, policy)


def _sections(panels: Iterable[_Json]) -> Iterator[list[_Json]]:
    """The panels of each section, its heading first; none of a section without panels."""
    section: list[_Json] = []
    for panel in panels:
        if panel["type"] == "row":
            if not _is_empty(section):
                yield section
            section = []
        section.append(panel)
    if not _is_empty(section):
        yield section


def _is_empty(section: list[_Json]) -> bool:
    return all(panel["type"] == "row" and not panel["panels"] for panel in section)


def _placed(sections: Iterable[list[_Json]]) -> Iterator[_Json]:
    """The panels side by side in their order, as many as fit in each line."""
    x = y = height = 0
    for panel in (panel for section in sections for panel in section):
        place = panel["gridPos"]
        if x + place["w"] > _COLUMNS or panel["type"] == "row":
            x, y, height = 0, y + height, 0
        yield {**panel, "gridPos": {**place, "x": x, "y": y}}
        x, height = x + place["w"], max(height, place["h"])
