"""A strict, small subset of YAML, read into a tree with line numbers.

One document of mappings, lists and texts. Duplicate keys, keys that are not text, anchors, aliases, merge keys,
tags and further documents are refused, because each of them can give a file another meaning than it seems to have.
Plain values stay texts: the caller decides the type, so that `no` or `0123` can be a user or a password.

Mistakes are gathered with their place, `config.yaml:12: sampling.interval: ...`. Messages name keys but never show
values, and no part of a tree prints its values: any of them may be a secret.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.nodes import ScalarNode
from yaml.reader import ReaderError
from yaml.resolver import Resolver

from exporter.core.errors import ConfigError
from exporter.core.problems import Place, Problems, nearest

# A configuration takes a few kB; a thousand users with bcrypt hashes take 100 kB. The limit bounds start-up time.
MAX_BYTES = 256 * 1024
# Ours nest three deep. The limit keeps a hostile file from exhausting the stack.
MAX_DEPTH = 16

_FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_NO_ANCHORS = "anchors and aliases (& and *) are not supported; a value that starts so takes quotes"
_NO_TAGS = "tags (!) are not supported; a value that starts so takes quotes"

# Parts of PyYAML's messages, and our messages in their place: its own may quote the file.
_SYNTAX_HINTS = (
    ("mapping values are not allowed", "an unexpected ':'; check the indentation, or put the value in quotes"),
    ("cannot start any token", "a tab, or a value that starts with %, @ or ` and takes quotes"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("expected ',' or", "a bracket is not closed"),
    ("unexpected end of stream", "a quote is not closed"),
    ("could not find expected ':'", "a key without ':'"),
    ("unknown escape character", "an unknown escape in double quotes; in single quotes a backslash is itself"),
    ("while scanning an a", _NO_ANCHORS),
    ("tag", _NO_TAGS),
    ("<document start>", "the document has already ended; a file holds one"),
)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_HIDDEN_KEY = "(a key)"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text of the file, quotes removed. None when it is `null`, `~` or empty."""

    place: Place
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their values, in the order of the file. The place of a value is the line of its key."""

    place: Place
    entries: dict[str, "Node"] = field(repr=False)  # a key in the wrong column may be a secret, too

    def get(self, key: str) -> "Node | None":
        """The value of the key, or None when the file does not have it."""
        return self.entries.get(key)

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """Keys and nodes in the order of the file."""
        return iter(self.entries.items())

    def place_of(self, key: str) -> Place:
        """The place of that key, also of an absent one: the line of this mapping, with the key's path."""
        node = self.entries.get(key)
        return node.place if node else Place(self.place.source, self.place.line, _join(self.place.path, key))

    def refuse_unknown(self, known: Iterable[str], problems: Problems) -> None:
        """Note every key that is not one of `known`, with the nearest one that is."""
        names = tuple(known)
        for key, node in self.entries.items():
            if key not in names and node.place not in problems:
                problems.add(node.place, f"unknown key{nearest(key, names)}")


Node = Scalar | Sequence | Mapping


def as_text(node: Node | None, problems: Problems) -> str | None:
    """The text of a scalar; None when it is absent, empty, or (noted as a problem) no scalar."""
    if node is None or isinstance(node, Scalar):
        return node.value if node else None
    _refuse_other(node, "expected a single value", problems)
    return None


def as_texts(node: Node | None, problems: Problems) -> tuple[str, ...]:
    """The texts of a list; empty when it is absent, empty, or (noted as a problem) no list."""
    if isinstance(node, Sequence):
        return tuple(text for item in node.items if (text := as_text(item, problems)) is not None)
    _refuse_other(node, "expected a list", problems)
    return ()


def as_mapping(node: Node | None, problems: Problems) -> Mapping | None:
    """The mapping; None when it is absent, empty, or (noted as a problem) something else."""
    if isinstance(node, Mapping):
        return node
    _refuse_other(node, "expected keys and values", problems)
    return None


def _refuse_other(node: Node | None, message: str, problems: Problems) -> None:
    silent = node is None or (isinstance(node, Scalar) and node.value is None)
    if node is not None and not silent and node.place not in problems:
        problems.add(node.place, message)


def load_file(path: Path, problems: Problems) -> Mapping:
    """Read a file of at most `MAX_BYTES`; messages have its whole path.

    Raises: ConfigError when it cannot be read or is not YAML; smaller mistakes are noted in `problems`.
    """
    source = str(path.absolute())
    whole = Place(source, 0)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise problems.fatal(whole, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise problems.fatal(whole, f"larger than {MAX_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems.fatal(Place(source, line), "not UTF-8 text") from None  # the error holds the content
    return load(text, source, problems)


def load(text: str, source: str, problems: Problems, *, own: bool = False) -> Mapping:
    """Read one document; an empty one is an empty mapping.

    `own`: a file of this program, parsed by libyaml if PyYAML has it: ten times as fast, with poorer messages.

    Raises: ConfigError when the text is not YAML; smaller mistakes are noted in `problems`, and refused values
    are left out or empty.
    """
    try:
        root = _Builder(text, Place(source, 0), problems, _FAST_LOADER if own else yaml.SafeLoader).document()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise problems.fatal(Place(source, line), "holds a control character") from None
    except yaml.MarkedYAMLError as error:
        raise problems.fatal(*_syntax(error, source)) from None  # PyYAML's error quotes the file
    return as_mapping(root, problems) or Mapping(root.place, {})


def load_inline(text: str, place: Place, problems: Problems) -> Node:
    """Read one document that is a value itself, such as that of an environment variable.

    All of its nodes have the place `place`. A null when it is empty, or not YAML; `problems` has that, too.
    """
    try:
        return _Builder(text, place, problems).document()
    except ReaderError:
        problems.add(place, "holds a control character")
    except yaml.MarkedYAMLError as error:
        problems.add(place, _syntax(error, "")[1])
    except ConfigError:
        pass  # noted already
    return Scalar(place, None)


def _syntax(error: yaml.MarkedYAMLError, source: str) -> tuple[Place, str]:
    said = f"{error.context} {error.problem}"
    hint = next((ours for theirs, ours in _SYNTAX_HINTS if theirs in said), "check indentation, colons and quotes")
    noticed = error.problem_mark.line + 1 if error.problem_mark else 0
    begun = error.context_mark.line + 1 if error.context_mark else noticed
    if said.startswith("while scanning"):  # an open quote is noticed at the end of the file only
        return Place(source, begun), f"not valid YAML: {hint}"
    since = f" (begun on line {begun})" if begun != noticed else ""
    return Place(source, noticed), f"not valid YAML: {hint}{since}"


def _join(path: str, key: str) -> str:
    """The path of a key. One that does not look like a key may be a value gone astray, and is not shown."""
    shown = key if _PLAIN_KEY.fullmatch(key) else _HIDDEN_KEY
    return f"{path}.{shown}" if path else shown


class _Builder:
    """Turns PyYAML's events into our tree. Aliases are never followed, so the tree is as small as the text.

    `whole` is the place of the document: line 0 for a file, whose lines are counted then.
    """

    def __init__(self, text: str, whole: Place, problems: Problems, loader: Any = yaml.SafeLoader) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=loader)
        self._resolver = Resolver()
        self._whole = whole
        self._problems = problems

    def document(self) -> Node:
        next(self._events)  # the stream starts
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            return Scalar(self._place(event, self._whole.path), None)
        first = next(self._events)
        root = self._node(first, self._place(first, self._whole.path), 0)
        next(self._events)  # the document ends
        rest = next(self._events)
        if not isinstance(rest, StreamEndEvent):
            self._problems.add(self._place(rest), "a second document starts; a file holds one")
        return root

    def _place(self, event: Event, path: str = "") -> Place:
        line = event.start_mark.line + 1 if event.start_mark and self._whole.line == 0 else self._whole.line
        return Place(self._whole.source, line, path)

    def _node(self, event: Event, place: Place, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._problems.fatal(place, f"nested deeper than {MAX_DEPTH} levels")
        refused = self._refuse(event, place)
        if isinstance(event, MappingStartEvent):
            return self._mapping(place, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(place, depth)
        said = isinstance(event, ScalarEvent) and not refused and self._tag(event) != _NULL
        return Scalar(place, event.value if said else None)  # type: ignore[attr-defined] # it is a ScalarEvent

    def _mapping(self, place: Place, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, place, depth)
            key_place = self._place(event, _join(place.path, key or _HIDDEN_KEY))
            node = self._node(next(self._events), key_place, depth + 1)
            if key in entries:
                first = entries[key].place.line
                self._problems.add(key_place, f"given twice, first on line {first}" if first else "given twice")
            elif key is not None:
                entries[key] = node
        return Mapping(place, entries)

    def _key(self, event: Event, mapping: Place, depth: int) -> str | None:
        place = self._place(event, _join(mapping.path, _HIDDEN_KEY))
        key = self._node(event, place, depth + 1)
        if place in self._problems:
            return None
        tag = self._tag(event) if isinstance(event, ScalarEvent) else ""
        if tag == _TEXT and isinstance(key, Scalar):
            return key.value
        if tag == _MERGE:
            self._problems.add(place, "merge keys (<<) are not supported; write the keys out")
        else:
            self._problems.add(place, "a key has to be text; put it in quotes")
        return None

    def _sequence(self, place: Place, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item_place = self._place(event, f"{place.path}[{len(items)}]")
            items.append(self._node(event, item_place, depth + 1))
        return Sequence(place, tuple(items))

    def _refuse(self, event: Event, place: Place) -> bool:
        anchored = isinstance(event, NodeEvent) and event.anchor is not None  # an alias has one, too
        tagged = not isinstance(event, AliasEvent) and getattr(event, "tag", None) is not None
        if anchored:
            self._problems.add(place, _NO_ANCHORS)
        elif tagged:
            self._problems.add(place, _NO_TAGS)
        return anchored or tagged

    def _tag(self, event: ScalarEvent) -> str:
        """The tag that YAML gives a scalar; a quoted one is text."""
        tag = self._resolver.resolve(ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call] # untyped in PyYAML's stubs
        return str(tag)
