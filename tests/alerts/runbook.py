"""Parses a runbook: sections, checks, blocks of code, number of words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DIRECTORY: Final = Path(__file__).parents[2] / "alerts" / "runbooks"
INDEX: Final = DIRECTORY / "README.md"
SECTIONS: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation", "False alarms", "Verify recovery", "Escalate")

_BLOCK: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_TITLE: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_ESCALATE: Final = re.compile(r"Escalate after (\d+) minutes")
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)\)")
_OWNER: Final = "-- as the owner"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code. `place` is its file and section, for people."""

    place: str
    section: str
    language: str
    text: str

    @property
    def needs_owner(self) -> bool:
        """Whether the monitoring role may not run it."""
        return self.text.startswith(_OWNER)

    @property
    def writes(self) -> bool:
        """Whether the text marks it as changing something."""
        return ": writes" in self.text.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Runbook:
    """One page."""

    path: Path
    text: str

    @property
    def alert(self) -> str:
        """The alert that it is about, by its file's name."""
        return self.path.stem

    @property
    def titles(self) -> list[str]:
        """The titles of its sections, in order."""
        return _TITLE.findall(self.text)

    def section(self, name: str) -> str:
        """The text of the section whose title begins so. Raises: KeyError."""
        parts = _TITLE.split(self.text)
        for title, body in zip(parts[1::2], parts[2::2], strict=True):
            if title.startswith(name):
                return body
        raise KeyError(f"{self.path.name} has no section {name}")

    @property
    def minutes(self) -> int:
        """After how long to escalate."""
        found = _ESCALATE.fullmatch(self.titles[-1])
        assert found, f"{self.path.name} ends with {self.titles[-1]!r}"
        return int(found[1])

    @property
    def checks(self) -> list[str]:
        """The numbered checks of the diagnosis, code included."""
        return re.split(r"^\d\. ", self.section("Diagnosis"), flags=re.MULTILINE)[1:]

    @property
    def words(self) -> int:
        """How many there are to read: without code, titles included."""
        return len(prose(self.text).split())

    @property
    def links(self) -> list[str]:
        """Targets inside the repository, relative to the page."""
        return _LINK.findall(prose(self.text))

    def blocks(self) -> Iterator[Block]:
        """All blocks of code, in order."""
        for title in self.titles:
            for found in _BLOCK.finditer(self.section(title)):
                place = f"{self.path.stem}: {title}"
                yield Block(place, title, found["language"], textwrap.dedent(found["text"]))

    def commands(self) -> Iterator[str]:
        """Every command line of ours, in blocks and in the text."""
        for block in self.blocks():
            if block.language == "bash":
                yield from re.findall(r"^(outbox-exporter .+)$", block.text, re.MULTILINE)
        yield from re.findall(r"`(outbox-exporter [^`]+)`", prose(self.text))


def prose(text: str) -> str:
    """The text without blocks of code."""
    return _BLOCK.sub("", text)


def runbooks() -> list[Runbook]:
    """All pages, the index left out."""
    return [Runbook(path, path.read_text("utf-8")) for path in sorted(DIRECTORY.glob("*.md")) if path != INDEX]


def blocks(language: str) -> list[Block]:
    """All blocks of one language, of all pages."""
    return [block for page in runbooks() for block in page.blocks() if block.language == language]
