"""The keys of the configuration, derived from the dataclasses of `exporter.config.settings`."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from exporter.config.settings import Config
from exporter.core.types import Secret

PREFIX = "OUTBOX_EXPORTER_"
# Not a key: it names the file, for the command line.
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
# What follows the name of a secret's key where a file holds the secret, or a command prints it.
FILE = "_file"
COMMAND = "_command"


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One key: its place, and the type of its value without None."""

    section: str
    field: Field[Any]
    hint: Any

    @property
    def path(self) -> str:
        """The dotted name."""
        return f"{self.section}.{self.field.name}"

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        kind = get_args(self.hint)[0] if get_origin(self.hint) is Annotated else self.hint
        return kind is Secret

    @property
    def names(self) -> tuple[str, ...]:
        """Its names in the section: a secret may also be in a file, or be printed by a command."""
        name = self.field.name
        return (name, f"{name}{FILE}", f"{name}{COMMAND}") if self.is_secret else (name,)


@dataclass(frozen=True, slots=True)
class ConfigSection:
    """One section: its dataclass, its keys, and whether it may be missing altogether."""

    name: str
    kind: type[Any]
    optional: bool
    keys: tuple[ConfigKey, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the file may contain in this section."""
        return tuple(name for key in self.keys for name in key.names)


def variable(section: str, name: str) -> str:
    """The environment variable of a key."""
    return f"{PREFIX}{section}_{name}".upper()


def _sections() -> Iterator[ConfigSection]:
    for name, hint in get_type_hints(Config, include_extras=True).items():
        kind, optional = _without_none(hint)
        hints = get_type_hints(kind, include_extras=True)
        keys = tuple(ConfigKey(name, each, _without_none(hints[each.name])[0]) for each in fields(kind))
        yield ConfigSection(name, kind, optional, keys)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, UnionType) and NoneType in get_args(hint):
        (kind,) = (each for each in get_args(hint) if each is not NoneType)
        return kind, True
    return hint, False


SECTIONS = tuple(_sections())
KEYS: Mapping[str, ConfigKey] = MappingProxyType({key.path: key for section in SECTIONS for key in section.keys})


def secrets(config: Config) -> Iterator[Secret]:
    """Every secret that a configuration holds, so that they can be hidden."""
    for key in KEYS.values():
        value = getattr(getattr(config, key.section), key.field.name, None)
        if isinstance(value, Secret):
            yield value
