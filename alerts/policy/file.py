"""Parses a policy file into entries with their places. All errors are collected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from alerts.model import Objective, Outlet, Severity
from exporter.config import values, yaml_file
from exporter.config.settings import Amount
from exporter.config.yaml_file import Mapping, Node, Sequence
from exporter.core.problems import Place, Problems
from exporter.core.types import Ratio, Seconds

_Value = TypeVar("_Value")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text with its place in the file."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class ExpressionParameter:
    """A number or duration to which an expression refers by `$name`."""

    name: SourceText
    amount: Amount


@dataclass(frozen=True, slots=True)
class ExhaustedApart:
    """What a signal means, and its expression, where exhausted jobs are not attempted any more."""

    meaning: str
    expr: SourceText


@dataclass(frozen=True, slots=True)
class RecordingEntry:
    """An entry of `signals`."""

    record: SourceText
    unit: str
    meaning: str
    expr: SourceText
    parameters: tuple[ExpressionParameter, ...]
    outlets: frozenset[Outlet] = frozenset(Outlet)
    exhausted_apart: ExhaustedApart | None = None


@dataclass(frozen=True, slots=True)
class SeverityEntry:
    """One severity of an alert. `condition` is its `while`: a further expression that must be true.

    Units: `hold_duration` seconds.
    """

    severity: Severity
    place: Place
    threshold: Amount
    hold_duration: Seconds
    source: str
    condition: SourceText | None


@dataclass(frozen=True, slots=True)
class InhibitionSource:
    """One entry of `muted_by`: an alert with one of its severities."""

    alert: SourceText
    severity: str


@dataclass(frozen=True, slots=True)
class OtherTexts:
    """The texts of an alert for an outbox that is not in the default tables; an empty one is the same."""

    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An entry of `alerts`. `unit` is set when there is no signal, which has one.

    `described_apart` is its description where exhausted jobs are not attempted any more; empty: the same.
    `other_outbox` has its texts for an outbox that is not in the default tables.
    """

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
    described_apart: str = ""
    other_outbox: OtherTexts | None = None


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A parsed policy file. `interval` is in seconds."""

    interval: Seconds
    recordings: tuple[RecordingEntry, ...]
    entries: tuple[AlertEntry, ...]
    objective: Objective | None = None


def read(root: Mapping, problems: Problems) -> PolicyDocument:
    """The file as entries. Errors are added to `problems`; a harmless value takes the place of an invalid one."""
    with _Fields(root, problems) as fields:
        return PolicyDocument(
            fields.value("interval", values.duration, Seconds(0)),
            tuple(_recording(each) for each in fields.each("signals")),
            tuple(_entry(each) for each in fields.each("alerts")),
            next((_objective(each) for each in fields.mapping("objective")), None),
        )


class _Fields:
    """The keys of one mapping. On exit, keys that were never read are reported as unknown."""

    def __init__(self, mapping: Mapping, problems: Problems) -> None:
        self.place = mapping.place
        self._mapping = mapping
        self._problems = problems
        self._known: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mapping.refuse_unknown(self._known, self._problems)

    def optional_text(self, key: str) -> SourceText | None:
        """The text of an optional key."""
        node = self._node(key)
        text = yaml_file.as_text(node, self._problems)
        return SourceText(text, node.place) if node and text else None

    def required_text(self, key: str) -> SourceText:
        """The text of a required key."""
        return self.optional_text(key) or SourceText("", self.missing(key))

    def value(self, key: str, reader: Callable[[str], _Value], default: _Value, *, required: bool = True) -> _Value:
        text = self.required_text(key) if required else self.optional_text(key)
        return self._converted(text, reader, default) if text and text.text else default

    def amounts(self, key: str) -> tuple[ExpressionParameter, ...]:
        """A mapping of names to numbers and durations."""
        found = []
        for name, node in self._items(key):
            text = SourceText(yaml_file.as_text(node, self._problems) or "", node.place)
            found.append(
                ExpressionParameter(SourceText(name, node.place), self._converted(text, values.amount, Amount(0)))
            )
        return tuple(found)

    def texts(self, key: str) -> tuple[str, ...]:
        return yaml_file.as_texts(self._node(key), self._problems)

    def choices(self, key: str, kind: type[_Choice]) -> tuple[_Choice, ...]:
        """A list of members of an enumeration."""
        node = self._node(key)
        items = node.items if isinstance(node, Sequence) else ()
        text = [SourceText(yaml_file.as_text(item, self._problems) or "", item.place) for item in items]
        return tuple(kind(each.text) for each in text if self._is_known(each, kind))

    def outlets(self) -> frozenset[Outlet]:
        """The outlets; all of them by default."""
        return frozenset(self.choices("outlets", Outlet)) or frozenset(Outlet)

    def each(self, key: str) -> Iterator["_Fields"]:
        """A list of mappings."""
        node = self._node(key)
        for item in node.items if isinstance(node, Sequence) else ():
            if mapping := yaml_file.as_mapping(item, self._problems):
                yield _Fields(mapping, self._problems)

    def mapping(self, key: str) -> Iterator["_Fields"]:
        """An optional mapping, one or none."""
        if mapping := yaml_file.as_mapping(self._node(key), self._problems):
            yield _Fields(mapping, self._problems)

    def by(self, key: str, kind: type[_Choice]) -> Iterator[tuple[_Choice, "_Fields"]]:
        """A mapping of members of an enumeration to mappings."""
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

    def _is_known(self, text: SourceText, kind: type[_Choice]) -> bool:
        known = [choice.value for choice in kind]
        if text.text not in known:
            self._problems.add(text.place, f"expected one of {', '.join(known)}")
        return text.text in known

    def _converted(self, text: SourceText, reader: Callable[[str], _Value], fallback: _Value) -> _Value:
        try:
            return reader(text.text)
        except ValueError as error:
            self._problems.add(text.place, str(error))
            return fallback


def _recording(fields: _Fields) -> RecordingEntry:
    with fields:
        return RecordingEntry(
            fields.required_text("record"),
            fields.required_text("unit").text,
            fields.required_text("meaning").text,
            fields.required_text("expr"),
            fields.amounts("parameters"),
            fields.outlets(),
            next((_exhausted_apart(each) for each in fields.mapping("exhausted_apart")), None),
        )


def _exhausted_apart(fields: _Fields) -> ExhaustedApart:
    with fields:
        return ExhaustedApart(fields.required_text("meaning").text, fields.required_text("expr"))


def _objective(fields: _Fields) -> Objective:
    with fields:
        return Objective(
            fields.value("time", values.duration, Seconds(0)),
            fields.value("target", values.ratio, Ratio(1)),
            fields.value("window", values.duration, Seconds(0)),
            fields.required_text("source").text,
        )


def _entry(fields: _Fields) -> AlertEntry:
    with fields:
        levels = tuple(_level(severity, each) for severity, each in fields.by("severities", Severity))
        if not levels:
            fields.missing("severities")
        return AlertEntry(
            name=fields.required_text("alert"),
            group=fields.required_text("group").text,
            summary=fields.required_text("summary").text,
            description=fields.required_text("description").text,
            expr=fields.required_text("expr"),
            signal=fields.optional_text("signal"),
            unit=fields.optional_text("unit"),
            parameters=fields.amounts("parameters"),
            collectors=fields.texts("collectors"),
            hides=fields.texts("hides"),
            muted_by=tuple(_inhibition_source(each) for each in fields.each("muted_by")),
            outlets=fields.outlets(),
            keep_firing_for=fields.value("keep_firing_for", values.duration, Seconds(0), required=False),
            levels=levels,
            described_apart=next((_described_apart(each) for each in fields.mapping("exhausted_apart")), ""),
            other_outbox=next((_other_texts(each) for each in fields.mapping("other_outbox")), None),
        )


def _described_apart(fields: _Fields) -> str:
    with fields:
        return fields.required_text("description").text


def _other_texts(fields: _Fields) -> OtherTexts:
    with fields:
        summary, description = fields.optional_text("summary"), fields.optional_text("description")
        return OtherTexts(summary.text if summary else "", description.text if description else "")


def _level(severity: Severity, fields: _Fields) -> SeverityEntry:
    with fields:
        return SeverityEntry(
            severity,
            fields.place,
            fields.value("threshold", values.amount, Amount(0)),
            fields.value("for", values.duration, Seconds(0)),
            fields.required_text("source").text,
            fields.optional_text("while"),
        )


def _inhibition_source(fields: _Fields) -> InhibitionSource:
    with fields:
        return InhibitionSource(fields.required_text("alert"), fields.required_text("severity").text)
