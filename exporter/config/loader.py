"""Reads the configuration: a YAML file and the environment into frozen settings, every mistake reported at once.

An environment variable wins over the file. Null, an empty text and an empty variable are the same as leaving the key
out. What a DSN leaves out comes from libpq's own variables (PGHOST, PGPASSWORD, ...), which libpq reads itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from exporter.config import overrides, values, watch_checks, yaml_file
from exporter.config.keys import (
    COMMAND,
    CONFIG_VARIABLE,
    FILE,
    KEYS,
    PREFIX,
    SECTIONS,
    ConfigKey,
    ConfigSection,
    variable,
)
from exporter.config.settings import Config, Override, WatchCheck
from exporter.config.sources import Environment, File, GivenValue, Source
from exporter.config.yaml_file import Node, Scalar, Sequence
from exporter.core.problems import Place, Problems, nearest
from exporter.core.secret_source import Check, SecretCommand, SecretFile
from exporter.core.types import Secret
from exporter.outbox.resolve import MappingProblem

# Variables that Kubernetes adds to every container for services whose names begin with `outbox-exporter`
# (kubernetes.io/docs/concepts/services-networking/service/#environment-variables). They are no typing errors.
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)

# Seconds for which a token that a command printed is used for requests. A connection to the database is made so rarely
# that its command runs each time.
_TOKEN_LIFETIME = 60.0
_DSN = "database.dsn"


@dataclass(frozen=True, slots=True)
class _DurationOrder:
    """Two durations, the first of which has to be the shorter one, or at most equal."""

    shorter: str
    longer: str
    may_be_equal: bool
    otherwise: str


_ORDERS = (
    _DurationOrder(
        "database.lock_timeout", "database.statement_timeout", False, "a lock could not be told from a slow query"
    ),
    _DurationOrder(
        "sampling.interval", "sampling.max_interval", True, "a costly collector could not be run less often"
    ),
    _DurationOrder(
        "application.timeout", "sampling.interval", True, "an application that hangs would have samples skipped"
    ),
)


@dataclass(frozen=True, slots=True)
class ExternalChecks:
    """Checks of other packages. Each returns the problem, without showing a value, or None.

    `values` are checks of single values by the dotted name of their key; `check` returns all errors of an entry of
    `watch.checks`.
    """

    dsn: Callable[[str], str | None]
    override: Callable[[Override], str | None]
    values: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    check: watch_checks.Check = lambda _: ()


def load(path: Path | None, environ: Mapping[str, str], checks: ExternalChecks) -> Config:
    """Settings from the file, if there is one, and the environment; keys that are in neither have their default.

    Relative paths are relative to the file that names them; those from the environment to the working directory.

    Raises: ConfigError with every problem, those of the file in its order, then those of the environment by name. There
    are no side effects, so that a reload that fails changes nothing.
    """
    problems = Problems()
    _refuse_variables(environ, problems)
    document = yaml_file.load_file(path, problems) if path else yaml_file.Mapping(Place(""), {})
    document.refuse_unknown((section.name for section in SECTIONS), problems)
    file = File(document, path.parent if path else Path(), problems)
    reader = _Reader((Environment(environ), file), checks, problems)
    config = Config(**{section.name: reader.section(section, file) for section in SECTIONS})
    _check_orders(config, reader, problems)
    _check_mapping(config, reader, problems)
    problems.check()
    return config


def _refuse_variables(environ: Mapping[str, str], problems: Problems) -> None:
    names = {CONFIG_VARIABLE, *(variable(section.name, name) for section in SECTIONS for name in section.names)}
    for name in environ:
        if name.startswith(PREFIX) and name not in names and not _SERVICE_LINK.fullmatch(name):
            problems.add(Place(name), f"unknown variable{nearest(name, names, PREFIX)}")


class _Reader:
    """Reads the sections from the sources. The first source wins."""

    def __init__(self, sources: tuple[Source, ...], checks: ExternalChecks, problems: Problems) -> None:
        self._sources = sources
        self._checks = checks
        self._problems = problems

    def section(self, section: ConfigSection, file: File) -> Any:
        """The section's dataclass; None for an optional section that is empty, or that lacks a key."""
        mapping = file.section(section.name)
        if mapping:
            mapping.refuse_unknown(section.names, self._problems)
        elif section.optional and not any(self.find(key) for key in section.keys):
            return None
        for key in section.keys:
            if key.field.default is MISSING and not self.find(key):
                self._missing(key, mapping)
        read = {key.field.name: self._value(key) for key in section.keys}
        return None if MISSING in read.values() else section.kind(**read)

    def find(self, key: ConfigKey) -> GivenValue | None:
        """The value of a key, with its place."""
        for source in self._sources:
            forms = [given for name in key.names if (given := source.given(key.section, name))]
            for other in forms[1:]:
                if other.place not in self._problems:
                    first = forms[0].place
                    self._problems.add(other.place, f"given together with {first.path or first.source}; keep one")
            if forms:
                return forms[0]
        return None

    def place(self, path: str) -> Place | None:
        """Where the key of that dotted name was given."""
        given = self.find(KEYS[path])
        return given.place if given else None

    def _missing(self, key: ConfigKey, mapping: yaml_file.Mapping | None) -> None:
        name = key.field.name
        place = mapping.place_of(name) if mapping else Place(variable(key.section, name))
        if place not in self._problems:
            self._problems.add(place, f"missing; {key.section} needs it")

    def _value(self, key: ConfigKey) -> Any:
        given = self.find(key)
        if given is None:
            return key.field.default
        value = self._read(given, key)
        return key.field.default if value is None else value

    def _read(self, given: GivenValue, key: ConfigKey) -> Any:
        """The value; None, or less of it, where a problem was noted."""
        if key.hint == tuple[Override, ...]:
            return overrides.read(self._inline(given.node), self._checks.override, self._problems)
        if key.hint == tuple[WatchCheck, ...]:
            return watch_checks.read(self._inline(given.node), self._checks.check, self._problems)
        if key.is_secret:
            return self._secret(given, key)
        if get_origin(key.hint) is tuple:
            hint, _ = get_args(key.hint)
            read = (self._one(GivenValue(given.name, item, given.base), hint) for item in _items(given))
            return tuple(value for value in read if value is not None)
        value = self._one(given, key.hint)
        check = self._checks.values.get(key.path)
        if value is not None and check and (wrong := check(value)):
            self._problems.add(given.place, wrong)
            return None
        return value

    def _secret(self, given: GivenValue, key: ConfigKey) -> Secret | None:
        """The secret. A file is read now, and again at each use; a command runs at the first use."""
        check = _secret_check(key, self._checks)
        name = f"{key.section}.{given.name}"
        if given.name == key.field.name + COMMAND:
            arguments = self._arguments(given)
            lifetime = 0.0 if key.section == "database" else _TOKEN_LIFETIME
            return Secret(SecretCommand(name, arguments, check, lifetime)) if arguments else None
        text = yaml_file.as_text(given.node, self._problems)
        if text is None:
            return None
        try:
            if given.name != key.field.name + FILE:
                check(text)
                return Secret(text)
            file = SecretFile(name, given.base / text, check)
            file.latest = file.content()
            check(file.latest)
        except ValueError as error:
            self._problems.add(given.place, str(error))
            return None
        return Secret(file)

    def _arguments(self, given: GivenValue) -> tuple[str, ...]:
        """A program and its arguments; none where a problem was noted."""
        node = self._inline(given.node)
        if not isinstance(node, Sequence):
            if node.place not in self._problems:
                self._problems.add(node.place, "expected a list, the program and its arguments; no shell reads it")
            return ()
        arguments = tuple(yaml_file.as_text(item, self._problems) or "" for item in node.items)
        if not arguments or not arguments[0]:
            self._problems.add(node.place, "expected the program as the first item of the list")
            return ()
        return arguments

    def _inline(self, node: Node) -> Node:
        """The YAML in a variable."""
        if isinstance(node, Scalar) and node.value is not None and node.place.line is None:
            return yaml_file.load_inline(node.value, node.place, self._problems)
        return node

    def _one(self, given: GivenValue, hint: Any) -> Any:
        text = yaml_file.as_text(given.node, self._problems)
        if text is None:
            return None
        try:
            return values.read(text, hint, given.base)
        except ValueError as error:
            self._problems.add(given.place, str(error))
            return None


def _secret_check(key: ConfigKey, checks: ExternalChecks) -> Check:
    def check(text: str) -> None:
        values.read(text, key.hint, Path())
        if key.path == _DSN and (wrong := checks.dsn(text)):
            raise ValueError(wrong)

    return check


def _items(given: GivenValue) -> tuple[Node, ...]:
    """A list's items; a text is one, too, with commas between."""
    if isinstance(given.node, Sequence):
        return given.node.items
    if isinstance(given.node, Scalar) and given.node.value is not None:
        return tuple(Scalar(given.place, part.strip()) for part in given.node.value.split(","))
    return (given.node,)


def _check_mapping(config: Config, reader: _Reader, problems: Problems) -> None:
    try:
        config.outbox.mapping()
    except MappingProblem as error:
        place = reader.place(f"outbox.{error.key}") or Place(f"outbox.{error.key}")
        if place not in problems:
            problems.add(place, str(error))


def _check_orders(config: Config, reader: _Reader, problems: Problems) -> None:
    for order in _ORDERS:
        shorter, longer = _duration_of(config, order.shorter), _duration_of(config, order.longer)
        places = [place for path in (order.shorter, order.longer) if (place := reader.place(path))]
        if shorter < longer or (shorter == longer and order.may_be_equal) or any(place in problems for place in places):
            continue
        relation = "must not be longer than" if order.may_be_equal else "has to be shorter than"
        first = f"{order.shorter} ({values.format_duration(shorter)})"
        second = f"{order.longer} ({values.format_duration(longer)})"
        problems.add(places[0], f"{first} {relation} {second}; otherwise {order.otherwise}")


def _duration_of(config: Config, path: str) -> float:
    """The duration of that dotted name; 0, which is in order with everything, when its section is missing."""
    section, name = path.split(".")
    return float(getattr(getattr(config, section), name, 0))
