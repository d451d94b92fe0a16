"""Series as promtool has them: `x{a="b"} 1 2 _ 4`, a value every fifteen seconds, `_` where it was gone."""

from __future__ import annotations

import re
from typing import Final

from alerts.model import Labels
from alerts.promql.engine import prepare
from alerts.promql.parse import parse
from alerts.promql.storage import Sample, Storage
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


def memory(text: str, *, start: float = 0.0, history: float = 1e9) -> Storage:
    """A memory of these series, one a line, the first values at `start`."""
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


def asked(expression: str, of: Storage, at: float) -> dict[str, float]:
    """The vector of an expression, its labels as text."""
    return {
        ",".join(f"{name}={value}" for name, value in labels): result
        for labels, result in prepare(parse(expression), of)(at).items()
    }


def one(expression: str, of: Storage | None = None, at: float = 60.0) -> float:
    """The only value of an expression."""
    (value,) = asked(expression, of or Storage({}), at).values()
    return value
