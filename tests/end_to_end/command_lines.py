"""The command lines of the documentation: those in fenced blocks of README.md and docs/*.md, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(r"^```(?P<language>console|bash|sh|shell|crontab)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"[$#] ")
# Five fields for the time and one for the user.
_SCHEDULE = re.compile(r"(?:\S+\s+){6}")


def command_lines(page: str) -> tuple[str, ...]:
    """The lines of a page's text. A line that ends in a backslash goes on; the output of a console is left out."""
    return tuple(
        line for block in _BLOCK.finditer(page) for line in _commands(block["language"], _joined(block["text"]))
    )


def _joined(text: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", text).splitlines()


def _commands(language: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        if language == "console":
            if prompt := _PROMPT.match(line):
                yield line[prompt.end() :]
        elif language == "crontab":
            yield _SCHEDULE.sub("", line, count=1)
        elif line.strip() and not line.startswith("#"):
            yield line
