"""Collects configuration mistakes with their places, so that one error reports all of them."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a value: a line of a file, or an environment variable (a source without a line).

    Shape: `line` counts from 1; 0 is the file as a whole. `path` is the dotted key, empty for the whole document.
    """

    source: str
    line: int | None = None
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        return f"{where}: {self.path}" if self.path else where


class Problems:
    """The mistakes found so far. Messages must never show a value: it may be a secret."""

    def __init__(self) -> None:
        self._found: list[tuple[Place, str]] = []
        self._places: set[Place] = set()

    def add(self, place: Place, message: str) -> None:
        """Add one mistake."""
        self._found.append((place, message))
        self._places.add(place)

    def __contains__(self, place: Place) -> bool:
        """Whether that place already has a problem, so that it is reported once."""
        return place in self._places

    def __len__(self) -> int:
        """How many were found: empty problems are false."""
        return len(self._found)

    def lines(self) -> tuple[str, ...]:
        """One line per problem: those of the file in its order, then those of the environment by name."""
        ordered = sorted(self._found, key=lambda found: _order(found[0]))
        return tuple(f"{place}: {message}" for place, message in ordered)

    def check(self) -> None:
        """Go on only when nothing was found. Raises: ConfigError with every line."""
        if self._found:
            raise ConfigError(self.lines())

    def fatal(self, place: Place, message: str) -> ConfigError:
        """Add a mistake after which nothing more can be read; raise the error that this returns."""
        self.add(place, message)
        return ConfigError(self.lines())


def _order(place: Place) -> tuple[bool, int, str]:
    return (True, 0, place.source) if place.line is None else (False, place.line, "")


def nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean "interval"?` for a name that resembles a known one, otherwise nothing.

    A prefix that all of them share is printed but not compared: it would make different names look alike.
    """
    close = difflib.get_close_matches(word.removeprefix(prefix), [name.removeprefix(prefix) for name in known], n=1)
    return f'; did you mean "{prefix}{close[0]}"?' if close else ""
