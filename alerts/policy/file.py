"""Reads alerts/policy.yaml as it stands: entries with their places, nothing computed yet. Every mistake is noted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from alerts.model import Outlet, Severity
from exporter.config import values, yaml_file
from exporter.config.settings import Amount
from exporter.config.yaml_file import Mapping, Node, Sequence
from exporter.core.problems import Place, Problems
from exporter.core.types import Seconds

_Value = TypeVar("_Value")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class ExpressionParameter:
    """A number or time that an expression takes by `$name`."""

    name: SourceText
    amount: Amount


@dataclass(frozen=True, slots=True)
class RecordingEntry:
    """An entry of `signals`."""

    record: SourceText
    unit: str
    meaning: str
    expr: SourceText
    parameters: tuple[ExpressionParameter, ...]


@dataclass(frozen=True, slots=True)
class SeverityEntry:
    """One severity of an alert. `condition` is its `while`: only then does it count."""

    severity: Severity
    place: Place
    threshold: Amount
    hold_duration: Seconds
    source: str
    condition: SourceText | None


@dataclass(frozen=True, slots=True)
class InhibitionSource:
    """Who mutes: an alert by one of its severities."""

    alert: SourceText
    severity: str


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An entry of `alerts`. `unit` is given where there is no signal that has one."""

    name: SourceText
    group: str
    summary: str
    description: str
    expr: SourceText
    signal: SourceText | None
    unit: SourceText | None
    parameters: tuple[ExpressionParameter, ...]
    collectors: tuple[str, ...]
    hides: tuple[str, ...]
    muted_by: tuple[InhibitionSource, ...]
    outlets: frozenset[Outlet]
    keep_firing_for: Seconds
    levels: tuple[SeverityEntry, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """The whole file."""

    interval: Seconds
    recordings: tuple[RecordingEntry, ...]
    entries: tuple[AlertEntry, ...]


def read(root: Mapping, problems: Problems) -> PolicyDocument:
    """The file as entries. What is wrong is noted in `problems`, and something harmless stands in its place."""
    with _Fields(root, problems) as fields:
        return PolicyDocument(
            fields.required("interval", values.duration, Seconds(0)),
            tuple(_recording(each) for each in fields.each("signals")),
            tuple(_entry(each) for each in fields.each("alerts")),
        )


class _Fields:
    """The keys of one mapping. Those that nobody asked for until its end are refused."""

    def __init__(self, mapping: Mapping, problems: Problems) -> None:
        self.place = mapping.place
        self._mapping = mapping
        self._problems = problems
        self._known: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mapping.refuse_unknown(self._known, self._problems)

    def said(self, key: str) -> SourceText | None:
        """The text of a key that may be missing."""
        node = self._node(key)
        text = yaml_file.as_text(node, self._problems)
        return SourceText(text, node.place) if node and text else None

    def text(self, key: str) -> SourceText:
        """The text of a key that must be there."""
        return self.said(key) or SourceText("", self.missing(key))

    def optional(self, key: str, reader: Callable[[str], _Value], default: _Value) -> _Value:
        said = self.said(key)
        return self._converted(said, reader, default) if said else default

    def required(self, key: str, reader: Callable[[str], _Value], instead: _Value) -> _Value:
        said = self.text(key)
        return self._converted(said, reader, instead) if said.text else instead

    def amounts(self, key: str) -> tuple[ExpressionParameter, ...]:
        """A mapping of numbers and times."""
        found = []
        for name, node in self._items(key):
            said = SourceText(yaml_file.as_text(node, self._problems) or "", node.place)
            found.append(
                ExpressionParameter(SourceText(name, node.place), self._converted(said, values.amount, Amount(0)))
            )
        return tuple(found)

    def texts(self, key: str) -> tuple[str, ...]:
        return yaml_file.as_texts(self._node(key), self._problems)

    def choices(self, key: str, kind: type[_Choice]) -> tuple[_Choice, ...]:
        """A list of words that are all known."""
        node = self._node(key)
        items = node.items if isinstance(node, Sequence) else ()
        said = [SourceText(yaml_file.as_text(item, self._problems) or "", item.place) for item in items]
        return tuple(kind(each.text) for each in said if self._is_known(each, kind))

    def each(self, key: str) -> Iterator["_Fields"]:
        """A list of mappings."""
        node = self._node(key)
        for item in node.items if isinstance(node, Sequence) else ():
            if mapping := yaml_file.as_mapping(item, self._problems):
                yield _Fields(mapping, self._problems)

    def by(self, key: str, kind: type[_Choice]) -> Iterator[tuple[_Choice, "_Fields"]]:
        """A mapping of mappings, by words that are all known."""
        for name, node in self._items(key):
            mapping = yaml_file.as_mapping(node, self._problems)
            if self._is_known(SourceText(name, node.place), kind) and mapping:
                yield kind(name), _Fields(mapping, self._problems)

    def missing(self, key: str) -> Place:
        place = self._mapping.place_of(key)
        if place not in self._problems:
            self._problems.add(place, "missing")
        return place

    def _node(self, key: str) -> Node | None:
        self._known.append(key)
        return self._mapping.get(key)

    def _items(self, key: str) -> Iterator[tuple[str, Node]]:
        mapping = yaml_file.as_mapping(self._node(key), self._problems)
        return mapping.items() if mapping else iter(())

    def _is_known(self, said: SourceText, kind: type[_Choice]) -> bool:
        known = [choice.value for choice in kind]
        if said.text not in known:
            self._problems.add(said.place, f"expected one of {', '.join(known)}")
        return said.text in known

    def _converted(self, said: SourceText, reader: Callable[[str], _Value], instead: _Value) -> _Value:
        try:
            return reader(said.text)
        except ValueError as error:
            self._problems.add(said.place, str(error))
            return instead


def _recording(fields: _Fields) -> RecordingEntry:
    with fields:
        return RecordingEntry(
            fields.text("record"),
            fields.text("unit").text,
            fields.text("meaning").text,
            fields.text("expr"),
            fields.amounts("parameters"),
        )


def _entry(fields: _Fields) -> AlertEntry:
    with fields:
        levels = tuple(_level(severity, each) for severity, each in fields.by("severities", Severity))
        if not levels:
            fields.missing("severities")
        return AlertEntry(
            name=fields.text("alert"),
            group=fields.text("group").text,
            summary=fields.text("summary").text,
            description=fields.text("description").text,
            expr=fields.text("expr"),
            signal=fields.said("signal"),
            unit=fields.said("unit"),
            parameters=fields.amounts("parameters"),
            collectors=fields.texts("collectors"),
            hides=fields.texts("hides"),
            muted_by=tuple(_target(each) for each in fields.each("muted_by")),
            outlets=frozenset(fields.choices("outlets", Outlet)) or frozenset(Outlet),
            keep_firing_for=fields.optional("keep_firing_for", values.duration, Seconds(0)),
            levels=levels,
        )


def _level(severity: Severity, fields: _Fields) -> SeverityEntry:
    with fields:
        return SeverityEntry(
            severity,
            fields.place,
            fields.required("threshold", values.amount, Amount(0)),
            fields.required("for", values.duration, Seconds(0)),
            fields.text("source").text,
            fields.said("while"),
        )


def _target(fields: _Fields) -> InhibitionSource:
    with fields:
        return InhibitionSource(fields.text("alert"), fields.text("severity").text)
