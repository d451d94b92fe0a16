"""Where the settings come from: the environment and the file. Each returns nodes with their places."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from exporter.config import yaml_file
from exporter.config.keys import variable
from exporter.config.yaml_file import Node, Scalar
from exporter.core.problems import Place, Problems


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A value of one source: its name, and the directory to which a relative path in it is relative."""

    name: str
    node: Node = field(repr=False)
    base: Path = Path()

    @property
    def place(self) -> Place:
        """Its place in the file or the environment."""
        return self.node.place


class Source(Protocol):
    """A source of values. An empty value counts as missing."""

    def given(self, section: str, name: str) -> GivenValue | None:
        """The value of that name in that section."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables `OUTBOX_EXPORTER_<SECTION>_<KEY>`."""

    environ: Mapping[str, str] = field(repr=False)

    def given(self, section: str, name: str) -> GivenValue | None:
        """The variable, unless it is empty."""
        place = Place(variable(section, name))
        text = self.environ.get(place.source)
        return GivenValue(name, Scalar(place, text)) if text else None


class File:
    """The YAML file, whose paths are relative to `base`."""

    def __init__(self, document: yaml_file.Mapping, base: Path, problems: Problems) -> None:
        self._base = base
        self._sections = {name: yaml_file.as_mapping(node, problems) for name, node in document.items()}

    def section(self, name: str) -> yaml_file.Mapping | None:
        """The section, if the file has one that is not empty."""
        mapping = self._sections.get(name)
        return mapping if mapping and mapping.entries else None

    def given(self, section: str, name: str) -> GivenValue | None:
        """The key, unless it is empty."""
        mapping = self.section(section)
        node = mapping.get(name) if mapping else None
        return GivenValue(name, node, self._base) if node and _has_value(node) else None


def _has_value(node: Node) -> bool:
    if isinstance(node, Scalar):
        return bool(node.value)
    return bool(node.entries if isinstance(node, yaml_file.Mapping) else node.items)
