"""Series in promtool's notation: `x{a="b"} 1 2 _ 4`, one value every 15 seconds, `_` for a missing sample."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from alerts.model import Labels
from alerts.promql.engine import Engine
from alerts.promql.parse import parse
from alerts.promql.storage import Sample, Storage
from alerts.promql.vectors import Vector
from tests.alerts.promql.random_scrapes import labelled

STEP: Final = 15
_LINE: Final = re.compile(r"(?P<metric>\w+)(?:\{(?P<labels>.*)\})?\s+(?P<values>.*)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


def series(line: str) -> tuple[str, Labels, list[float | None]]:
    """Metric, labels and values of one line."""
    match = _LINE.fullmatch(line.strip())
    assert match, line
    values = [None if text == "_" else float(text) for text in match["values"].split()]
    return match["metric"], labelled(**dict(_LABEL.findall(match["labels"] or ""))), values


def storage(text: str, *, start: float = 0.0, history: float = 1e9) -> Storage:
    """A storage with these series, one a line, the first values at `start`."""
    lines = [series(line) for line in text.strip().splitlines()]
    made = Storage(dict.fromkeys((metric for metric, _, _ in lines), history))
    for index in range(max(len(values) for _, _, values in lines)):
        made.append(start + index * STEP, list(_at(lines, index)))
    return made


def _at(lines: list[tuple[str, Labels, list[float | None]]], index: int) -> list[Sample]:
    return [
        (metric, labels, value)
        for metric, labels, values in lines
        if index < len(values) and (value := values[index]) is not None
    ]


def compiled(expression: str, of: Storage) -> Callable[[float], Vector]:
    """The function that evaluates an expression."""
    tree = parse(expression)
    return Engine(of, [tree]).compile(tree)


def evaluated(expression: str, of: Storage, at: float) -> dict[str, float]:
    """The vector of an expression, its labels as text."""
    return {
        ",".join(f"{name}={value}" for name, value in labels): result
        for labels, result in compiled(expression, of)(at).items()
    }


def one(expression: str, of: Storage | None = None, at: float = 60.0) -> float:
    """The only value of an expression."""
    (value,) = evaluated(expression, of or Storage({}), at).values()
    return value
