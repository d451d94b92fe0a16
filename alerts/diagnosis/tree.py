"""The tree of causes, from tree.yaml."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.diagnosis.model import Cause, Step

FILE: Final = Path(__file__).with_name("tree.yaml")
# The groups of alerts that the file does not list, and of a database that does not answer.
ANY: Final = "any"
UNREACHABLE: Final = "unreachable"

# libyaml, where PyYAML has it, takes 4 ms instead of 33.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STEP: Final = re.compile(r"(\w+), (check|mitigation) (\d)")


@dataclass(frozen=True, slots=True)
class Tree:
    """The causes of each alert, in the order in which they are tried, and groups of causes."""

    alerts: Mapping[str, tuple[Cause, ...]]
    groups: Mapping[str, tuple[Cause, ...]]

    def causes(self, alert: str) -> tuple[Cause, ...]:
        """The causes of an alert; those of the group `any` for one that is not listed."""
        return self.alerts.get(alert, self.groups[ANY])


@cache
def load() -> Tree:
    """The shipped tree."""
    return parse(FILE.read_text("utf-8"))


def parse(text: str) -> Tree:
    """A tree from YAML. Raises: ValueError, KeyError or TypeError for one that is not in the form of tree.yaml."""
    document = yaml.load(text, _LOADER)  # noqa: S506 - either of the safe ones
    causes = {name: _cause(name, entry) for name, entry in document["causes"].items()}
    groups = document["groups"]

    def listed(names: list[str]) -> Iterator[Cause]:
        for name in names:
            if name in groups:
                yield from listed(groups[name])
            else:
                yield causes[name]

    alerts = {alert: tuple(listed(names)) for alert, names in document["alerts"].items()}
    return Tree(alerts, {name: tuple(listed(names)) for name, names in groups.items()})


def _cause(name: str, entry: Mapping[str, Any]) -> Cause:
    conditions = ((question, _answers(given)) for question, given in entry["when"].items())
    return Cause(name, str(entry["title"]), tuple(conditions), _step(entry["step"]), tuple(entry.get("shows", ())))


def _answers(given: str | list[str]) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given)


def _step(text: str) -> Step:
    found = _STEP.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r}: expected the name of a runbook, and the number of a check or mitigation")
    return Step(found[1], found[2], int(found[3]))
