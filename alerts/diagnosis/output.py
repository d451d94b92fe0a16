"""A diagnosis as text for a terminal, as JSON, and as a sentence for a notification."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from alerts.diagnosis.model import Diagnosis, Evidence
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe, moment

# Columns of the text, and its most lines: one screen.
WIDTH: Final = 110
MAX_LINES: Final = 25
# The most characters in a notification: receivers truncate longer ones, and a telephone shows a few lines.
MAX_SENTENCE: Final = 400

NOTHING: Final = "nothing wrong was found"
UNKNOWN: Final = "no cause was found, and not everything could be checked"


def exit_status(diagnosis: Diagnosis) -> ExitStatus:
    """BAD when a cause was found, UNKNOWN when something could not be checked, otherwise GOOD."""
    if diagnosis.cause:
        return ExitStatus.BAD
    return ExitStatus.UNKNOWN if diagnosis.unknown else ExitStatus.GOOD


def as_text(diagnosis: Diagnosis) -> str:
    """The cause, what to do, and the evidence; at most MAX_LINES lines. Ends with a line break."""
    head = list(_head(diagnosis))
    evidence = [*_section("Evidence", diagnosis.known), *_section("Not known", diagnosis.unknown)]
    page = (
        f"outbox-exporter files show runbooks/{diagnosis.cause.step.runbook if diagnosis.cause else diagnosis.alert}.md"
    )
    actions = [wrapped for line in diagnosis.actions.splitlines() for wrapped in _indented(line)]
    room = MAX_LINES - len(head) - len(evidence) - 3
    if len(actions) > room:
        actions = [*actions[: max(room - 1, 0)], "  ..."]
    do = ["", f"Do ({diagnosis.cause.step})", *actions] if diagnosis.cause else []
    lines = [*head, *evidence, *do]
    return "\n".join([*lines[: MAX_LINES - 1], f"The whole page: {page}"]) + "\n"


def as_json(diagnosis: Diagnosis) -> str:
    """The document of docs/commands.md. Ends with a line break."""
    cause = diagnosis.cause
    document: dict[str, Any] = {
        "alert": diagnosis.alert,
        "at": diagnosis.at,
        "answer": {ExitStatus.GOOD: "nothing", ExitStatus.BAD: "cause", ExitStatus.UNKNOWN: "unknown"}[
            exit_status(diagnosis)
        ],
        "cause": cause.name if cause else None,
        "summary": _summary(diagnosis),
        "step": {
            "runbook": cause.step.runbook,
            "kind": cause.step.kind,
            "number": cause.step.number,
            "text": diagnosis.actions,
        }
        if cause
        else None,
        "evidence": [
            {"question": name, "answer": each.answer, "text": each.text, "remedy": each.remedy or None}
            for name, each in diagnosis.evidence
        ],
    }
    return json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n"


def sentence(diagnosis: Diagnosis) -> str:
    """The cause and its evidence in a notification; empty when there is no cause. MAX_SENTENCE characters at most."""
    if diagnosis.cause is None:
        return ""
    conditions = [name for name, _ in diagnosis.cause.when]
    seen = "; ".join(each.text for name, each in diagnosis.known if name in conditions)
    text = f"{diagnosis.cause.title}: {seen} (runbook {diagnosis.cause.step})"
    return text if len(text) <= MAX_SENTENCE else f"{text[: MAX_SENTENCE - 1]}…"


def _summary(diagnosis: Diagnosis) -> str:
    if diagnosis.cause:
        return diagnosis.cause.title
    return UNKNOWN if diagnosis.unknown else NOTHING


def _head(diagnosis: Diagnosis) -> Iterator[str]:
    yield from textwrap.wrap(f"{diagnosis.alert}: {_summary(diagnosis)}", WIDTH)
    branch = f"branch {diagnosis.cause.name}, " if diagnosis.cause else ""
    yield f"{branch}{moment(diagnosis.at, '%Y-%m-%d %H:%M:%S UTC')}"


def _section(title: str, evidence: Iterable[tuple[str, Evidence]]) -> Iterator[str]:
    evidence = tuple(evidence)
    if evidence:
        yield from ("", title)
    for name, each in evidence:
        yield from textwrap.wrap(
            f"{name.replace('_', ' ')}: {each.text}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )
        if each.remedy:
            yield from textwrap.wrap(each.remedy, WIDTH, initial_indent="    fix: ", subsequent_indent="      ")


def _indented(line: str) -> list[str]:
    """One line of a step: code as it is, prose wrapped."""
    if line.startswith("    "):
        return [f"  {line}"]
    return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  ")
