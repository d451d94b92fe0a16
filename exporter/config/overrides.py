"""Thresholds that a configuration changes: `{OutboxBacklogHigh: {page: 2000}}`, read with every mistake at its place.

A value is a threshold, or keys: `{threshold: 2000, for: 10m}`. The rules themselves are not known here.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from exporter.config import values, yaml_file
from exporter.config.settings import Amount, Override
from exporter.config.yaml_file import Mapping, Node
from exporter.core.problems import Problems
from exporter.core.types import Seconds

_Value = TypeVar("_Value", Amount, Seconds)

Check = Callable[[Override], str | None]
_KEYS = ("threshold", "for")


def read(node: Node, check: Check, problems: Problems) -> tuple[Override, ...]:
    """Every override that is well-formed and passes `check`, which returns the error in one, or None."""
    return tuple(
        override
        for alert, severities in _entries(node, problems)
        for severity, value in _entries(severities, problems)
        if (override := _checked(_override(alert, severity, value, problems), value, check, problems))
    )


def _entries(node: Node, problems: Problems) -> Iterator[tuple[str, Node]]:
    mapping = yaml_file.as_mapping(node, problems)
    return mapping.items() if mapping else iter(())


def _override(alert: str, severity: str, value: Node, problems: Problems) -> Override:
    if not isinstance(value, Mapping):
        return Override(alert, severity, _read(value, values.amount, problems))
    value.refuse_unknown(_KEYS, problems)
    threshold, hold_duration = (value.get(key) for key in _KEYS)
    return Override(
        alert, severity, _read(threshold, values.amount, problems), _read(hold_duration, values.duration, problems)
    )


def _read(node: Node | None, reader: Callable[[str], _Value], problems: Problems) -> _Value | None:
    text = yaml_file.as_text(node, problems)
    if node is None or text is None:
        return None
    try:
        return reader(text)
    except ValueError as error:
        problems.add(node.place, str(error))
        return None


def _checked(override: Override, value: Node, check: Check, problems: Problems) -> Override | None:
    """The override, unless it is wrong or empty."""
    if wrong := check(override):
        problems.add(value.place, wrong)
        return None
    return override if override.threshold is not None or override.hold_duration is not None else None
