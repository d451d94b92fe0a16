"""The profiles: one file of data per library, `profiles/<name>.yaml`, with its mapping and what people have to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import yaml

from exporter.outbox.mapping import OutboxMapping

_FOLDER = resources.files("exporter").joinpath("outbox", "profiles")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a library keeps processed jobs by itself.

    `threshold` is an age that none of them reaches while the library removes them in time, written as a duration of a
    configuration, and `source` how it follows from what the library documents. Where it removes none, `reason` says so.
    """

    threshold: str = ""
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A library's outbox.

    `version` is that of the library, or of its published schema, with which the mapping was tested; `worker` is the
    process that takes jobs; `commands` are the library's own, by what they do; `notes` say what a monitor of it has to
    know. `timestamp_zone` is the zone in which it writes times without zone; empty where it writes none, or any.
    """

    name: str
    title: str
    version: str
    tested_with: Literal["library", "schema"]
    source: str
    mapping: OutboxMapping
    worker: str = ""
    timestamp_zone: str = ""
    retention: Retention = Retention()
    commands: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()


@cache
def names() -> tuple[str, ...]:
    """The names of all profiles."""
    return tuple(sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml")))


@cache
def load(name: str) -> Profile:
    """The profile of that name. Raises: KeyError when there is none; ValueError when its file cannot be read."""
    if name not in names():
        raise KeyError(name)
    return parse(name, yaml.safe_load(_FOLDER.joinpath(f"{name}.yaml").read_text("utf-8")))


def parse(name: str, document: dict[str, Any]) -> Profile:
    """The profile in a document. Raises: ValueError, which names the file and the keys."""
    facts, mapping = dict(document), dict(document.get("mapping") or {})
    retention = dict(document.get("retention") or {})
    for kind, given in ((Profile, facts), (OutboxMapping, mapping), (Retention, retention)):
        if unknown := given.keys() - {each.name for each in fields(kind)}:
            raise ValueError(f"profiles/{name}.yaml: unknown keys {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {
        key: tuple(map(str, value)) if isinstance(value, list) else value for key, value in mapping.items()
    }
    facts["notes"] = tuple(facts.get("notes") or ())
    facts["version"] = str(facts["version"])
    return Profile(name=name, **{**facts, "mapping": OutboxMapping(**values), "retention": Retention(**retention)})
