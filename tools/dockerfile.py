"""Parses the parts of the Dockerfile syntax that ours uses: comments, continued lines, stages, shell and JSON forms."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its keyword in capitals; `arguments` is the rest on one line."""

    keyword: str
    arguments: str

    def words(self) -> list[str]:
        """The arguments of a command in JSON form, or the words of any other instruction."""
        if self.arguments.startswith("["):
            return [str(word) for word in json.loads(self.arguments)]
        return shlex.split(self.arguments)

    def pairs(self) -> dict[str, str]:
        """The `NAME=value` pairs of ENV and LABEL."""
        return dict(word.split("=", 1) for word in self.words())


@dataclass(frozen=True, slots=True)
class BuildStage:
    """The instructions from one FROM to the next."""

    base: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        """The instructions of that keyword, in their order."""
        return [found for found in self.instructions if found.keyword == keyword]

    def only(self, keyword: str) -> Instruction:
        """The only instruction of that keyword."""
        (found,) = self.all(keyword)
        return found


def read(path: Path) -> list[BuildStage]:
    """The stages of a Dockerfile."""
    stages: list[tuple[str, list[Instruction]]] = []
    for instruction in _instructions(path.read_text("utf-8")):
        if instruction.keyword == "FROM":
            stages.append((instruction.words()[0], []))
        else:
            stages[-1][1].append(instruction)
    return [BuildStage(base, tuple(instructions)) for base, instructions in stages]


def _instructions(text: str) -> Iterator[Instruction]:
    # Docker removes comment lines first, also between continued lines.
    code = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", code).splitlines():
        keyword, _, arguments = line.partition(" ")
        yield Instruction(keyword.upper(), arguments.strip())
