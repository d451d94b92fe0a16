"""The text of one item of a runbook, for a terminal."""

import re
import textwrap
from typing import Final

from alerts.diagnosis.model import Step
from alerts.policy.runbook_file import runbook

_SECTIONS: Final = {"check": "Diagnosis", "mitigation": "Mitigation"}
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_FENCE: Final = "```"


def text_of(step: Step) -> str:
    """The item as plain text: paragraphs in one line each, blocks of code indented. Raises: KeyError without it."""
    markdown = runbook(step.runbook)
    section = re.search(rf"^## {_SECTIONS[step.kind]}\n(.*?)(?=^## |\Z)", markdown or "", re.MULTILINE | re.DOTALL)
    items = re.split(r"^(\d)\. ", section[1], flags=re.MULTILINE) if section else []
    numbered = dict(zip(items[1::2], items[2::2], strict=True))
    return plain(numbered[str(step.number)])


def plain(markdown: str) -> str:
    """Markdown without links and emphasis."""
    lines: list[str] = []
    paragraph: list[str] = []
    in_code = False
    for line in textwrap.dedent(f"   {markdown}").splitlines():
        is_fence = line.startswith(_FENCE)
        if in_code and not is_fence:
            lines.append(f"    {line}")
        elif line.strip() and not is_fence:
            paragraph.append(line.strip())
        elif paragraph:
            lines.append(_LINK.sub(r"\1", " ".join(paragraph)).replace("**", "").replace("`", ""))
            paragraph = []
        in_code ^= is_fence
    if paragraph:
        lines.append(_LINK.sub(r"\1", " ".join(paragraph)).replace("**", "").replace("`", ""))
    return "\n".join(lines)
