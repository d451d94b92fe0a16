"""Where the settings come from: the environment and the file. Each gives nodes that know their places."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from exporter import yamlfile
from exporter.keys import variable
from exporter.problems import Place, Problems
from exporter.yamlfile import Node, Scalar


@dataclass(frozen=True, slots=True)
class Given:
    """What one source says: under which name, and what a relative path in it is relative to."""

    name: str
    node: Node = field(repr=False)
    base: Path = Path()

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.node.place


class Source(Protocol):
    """A way to give values. An empty one is none."""

    def given(self, section: str, name: str) -> Given | None:
        """What it says under that name in that section."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables `OUTBOX_EXPORTER_<SECTION>_<KEY>`."""

    environ: Mapping[str, str] = field(repr=False)

    def given(self, section: str, name: str) -> Given | None:
        """The variable, unless it is empty."""
        place = Place(variable(section, name))
        text = self.environ.get(place.source)
        return Given(name, Scalar(place, text)) if text else None


class File:
    """The YAML file, whose paths are relative to `base`."""

    def __init__(self, document: yamlfile.Mapping, base: Path, problems: Problems) -> None:
        self._base = base
        self._sections = {name: yamlfile.as_mapping(node, problems) for name, node in document.items()}

    def section(self, name: str) -> yamlfile.Mapping | None:
        """The section, if the file has one that says anything."""
        mapping = self._sections.get(name)
        return mapping if mapping and mapping.entries else None

    def given(self, section: str, name: str) -> Given | None:
        """The key, unless it says nothing."""
        mapping = self.section(section)
        node = mapping.get(name) if mapping else None
        return Given(name, node, self._base) if node and _says(node) else None


def _says(node: Node) -> bool:
    if isinstance(node, Scalar):
        return bool(node.value)
    return bool(node.entries if isinstance(node, yamlfile.Mapping) else node.items)
