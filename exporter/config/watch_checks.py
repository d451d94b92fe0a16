"""Checks of the watch that a configuration adds, makes advisory or leaves out, read with every mistake at its place.

An entry is `{advisory: true}` or `{enabled: false}` for a shipped check, and a definition for a check of one's own, in
the form of alerts/watch/checks/checks.yaml. Signals, metrics and rules are not known here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from exporter.config import values, yaml_file
from exporter.config.settings import CHECK_SHARE, CHECK_STRETCH, CheckCondition, CheckDefinition, WatchCheck
from exporter.config.yaml_file import Mapping, Node, Sequence
from exporter.core.problems import Place, Problems

_Value = TypeVar("_Value")

COMPARISONS = ("above", "at_least", "below")
_CHANGES = ("enabled", "advisory")
_TEXTS = ("title", "subject", "good", "bad", "source")
_DEFINITION = (*_TEXTS, "when", "budget", "excused")
_KEYS = (*_CHANGES, *_DEFINITION)
_CONDITION_KEYS = ("signal", "expr", "unit", "absent", *COMPARISONS)
_BUDGET_KEYS = ("stretch", "share")


@dataclass(frozen=True, slots=True)
class CheckError:
    """A mistake in an entry: the keys and indexes that lead to the value, and a message that does not show it."""

    path: tuple[str | int, ...]
    message: str


Check = Callable[[WatchCheck], Iterable[CheckError]]


def read(node: Node, check: Check, problems: Problems) -> tuple[WatchCheck, ...]:
    """Every entry. `check` returns the errors of one that its form allows; empty texts are of another mistake."""
    root = yaml_file.as_mapping(node, problems)
    return tuple(_checked(name, each, check, problems) for name, each in (root.items() if root else ()))


def _checked(name: str, node: Node, check: Check, problems: Problems) -> WatchCheck:
    mapping = yaml_file.as_mapping(node, problems) or Mapping(node.place, {})
    entry = _entry(name, mapping, problems)
    for error in check(entry):
        place = _place(mapping, error.path)
        if place not in problems:
            problems.add(place, error.message)
    return entry


def _entry(name: str, mapping: Mapping, problems: Problems) -> WatchCheck:
    mapping.refuse_unknown(_KEYS, problems)
    is_definition = any(key in _DEFINITION for key in mapping.entries)
    return WatchCheck(
        name,
        enabled=_read(mapping, "enabled", values.boolean, True, problems),
        advisory=_read(mapping, "advisory", values.boolean, False, problems),
        definition=_definition(mapping, problems) if is_definition else None,
    )


def _definition(mapping: Mapping, problems: Problems) -> CheckDefinition:
    for key in ("title", "when"):
        if mapping.get(key) is None:
            problems.add(mapping.place_of(key), "missing")
    texts = {key: _read(mapping, key, values.line, "", problems) for key in _TEXTS}
    budget = yaml_file.as_mapping(mapping.get("budget"), problems) or Mapping(mapping.place, {})
    budget.refuse_unknown(_BUDGET_KEYS, problems)
    return CheckDefinition(
        **texts,
        when=tuple(_conditions(mapping.get("when"), problems)),
        stretch=_read(budget, "stretch", values.duration, CHECK_STRETCH, problems),
        share=_read(budget, "share", values.ratio, CHECK_SHARE, problems),
        excused=_read(mapping, "excused", values.boolean, False, problems),
    )


def _conditions(node: Node | None, problems: Problems) -> Iterator[CheckCondition]:
    if isinstance(node, Sequence):
        for item in node.items:
            if mapping := yaml_file.as_mapping(item, problems):
                yield _condition(mapping, problems)
            elif item.place not in problems:
                problems.add(item.place, "expected keys and values")
    if node is not None and not (isinstance(node, Sequence) and node.items) and node.place not in problems:
        problems.add(node.place, "expected a list of conditions")


def _condition(mapping: Mapping, problems: Problems) -> CheckCondition:
    mapping.refuse_unknown(_CONDITION_KEYS, problems)
    _only(mapping, ("signal", "expr"), problems)
    comparison = _only(mapping, COMPARISONS, problems)
    return CheckCondition(
        signal=_read(mapping, "signal", values.line, "", problems),
        expr=_read(mapping, "expr", str.strip, "", problems),
        comparison=comparison,
        limit=_read(mapping, comparison, values.line, "", problems),
        absent=_read(mapping, "absent", values.boolean, None, problems),
        unit=_read(mapping, "unit", values.line, "", problems),
    )


def _only(mapping: Mapping, keys: tuple[str, ...], problems: Problems) -> str:
    """The one of these keys that is given."""
    given = [key for key in keys if mapping.get(key) is not None]
    if len(given) != 1:
        problems.add(mapping.place, f"expected exactly one of {', '.join(keys)}")
    return given[0] if given else ""


def _read(mapping: Mapping, key: str, reader: Callable[[str], _Value], default: _Value, problems: Problems) -> _Value:
    node = mapping.get(key)
    text = yaml_file.as_text(node, problems)
    if node is None or text is None:
        return default
    try:
        return reader(text)
    except ValueError as error:
        problems.add(node.place, str(error))
        return default


def _place(node: Node, path: tuple[str | int, ...]) -> Place:
    """The place of the value at this path, or of the part that is there."""
    for step in path:
        inner = node.get(step) if isinstance(node, Mapping) and isinstance(step, str) else None
        if isinstance(node, Sequence) and isinstance(step, int):
            inner = node.items[step]
        if inner is None:
            break
        node = inner
    return node.place
