"""A diagnosis as text for a terminal, as JSON, and as a sentence for a notification."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from alerts.diagnosis.model import Diagnosis, Evidence, Library
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe, moment

# Columns of the text, and its most lines: one screen.
WIDTH: Final = 110
MAX_LINES: Final = 25
# Lines for what to do, however much evidence there is.
MAX_STEPS: Final = 10
# The most characters in a notification: receivers truncate longer ones, and a telephone shows a few lines.
MAX_SENTENCE: Final = 400

NOTHING: Final = "nothing wrong was found"
UNKNOWN: Final = "no cause was found, and not everything could be checked"
UNEXPLAINED: Final = "the alert's condition holds, and no cause was found"


def exit_status(diagnosis: Diagnosis) -> ExitStatus:
    """BAD when a cause was found, UNKNOWN when none was although the alert fires or something could not be checked."""
    if diagnosis.cause:
        return ExitStatus.BAD
    return ExitStatus.UNKNOWN if diagnosis.unknown or diagnosis.firing_since is not None else ExitStatus.GOOD


def as_text(diagnosis: Diagnosis) -> str:
    """The cause, the evidence, and what to do; at most MAX_LINES lines. Ends with a line break."""
    head, steps = list(_head(diagnosis)), list(_steps(diagnosis))
    evidence = [*_section("Evidence", diagnosis.known), *_section("Not known", diagnosis.unknown)]
    room = MAX_LINES - len(head) - 1
    steps = _cut(steps, max(MAX_STEPS, room - len(evidence)))
    page = diagnosis.cause.step.runbook if diagnosis.cause else diagnosis.alert
    last = f"The whole runbook: outbox-exporter files show runbooks/{page}.md"
    return "\n".join([*head, *_cut(evidence, room - len(steps)), *steps, last]) + "\n"


def as_json(diagnosis: Diagnosis) -> str:
    """The document of docs/commands.md. Ends with a line break."""
    cause = diagnosis.cause
    document: dict[str, Any] = {
        "alert": diagnosis.alert,
        "at": diagnosis.at,
        "firing_since": diagnosis.firing_since,
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
        "library": _library(diagnosis.library),
        "evidence": [
            {"question": name, "answer": each.answer, "text": each.text, "remedy": each.remedy or None}
            for name, each in diagnosis.evidence
        ],
    }
    return json.dumps(json_safe(document), indent=2, allow_nan=False) + "\n"


def _library(library: Library | None) -> dict[str, Any] | None:
    if library is None:
        return None
    return {"title": library.title, "worker": library.worker, "commands": dict(library.commands)}


def sentence(diagnosis: Diagnosis) -> str:
    """The cause and its evidence in a notification; empty when there is no cause. MAX_SENTENCE characters at most."""
    if diagnosis.cause is None:
        return ""
    conditions = [name for name, _ in diagnosis.cause.when]
    seen = "; ".join(each.text for name, each in diagnosis.known if name in conditions)
    worker = f"; worker: {diagnosis.library.worker}" if diagnosis.library else ""
    text = f"{diagnosis.cause.title}: {seen}{worker} (runbook {diagnosis.cause.step})"
    return text if len(text) <= MAX_SENTENCE else f"{text[: MAX_SENTENCE - 1]}…"


def _summary(diagnosis: Diagnosis) -> str:
    if diagnosis.cause:
        return diagnosis.cause.title
    if diagnosis.unknown:
        return UNKNOWN
    return NOTHING if diagnosis.firing_since is None else UNEXPLAINED


def _head(diagnosis: Diagnosis) -> Iterator[str]:
    yield from _wrapped(f"{diagnosis.alert}: {_summary(diagnosis)}")
    parts = [f"branch {diagnosis.cause.name}"] if diagnosis.cause else []
    if diagnosis.firing_since is not None:
        parts.append(f"firing since {moment(diagnosis.firing_since)}")
    yield ", ".join((*parts, f"checked {moment(diagnosis.at, '%Y-%m-%d %H:%M:%S UTC')}"))
    if diagnosis.library:
        yield from _wrapped(f"of {diagnosis.library.sentence}")


def _steps(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.cause:
        yield from ("", f"Do ({diagnosis.cause.step})")
        for line in diagnosis.actions.splitlines():
            yield from _indented(line)


def _cut(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], "  ..."]


def _section(title: str, evidence: Iterable[tuple[str, Evidence]]) -> Iterator[str]:
    evidence = tuple(evidence)
    if evidence:
        yield from ("", title)
    for name, each in evidence:
        yield from _wrapped(f"{name.replace('_', ' ')}: {each.text}", "  ", "  ")
        if each.remedy:
            yield from _wrapped(f"fix: {each.remedy}", "    ", "  ")


def _wrapped(text: str, indent: str = "", more: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + more, break_on_hyphens=False)


def _indented(line: str) -> list[str]:
    """One line of a step: code as it is, prose wrapped."""
    if line.startswith("    "):
        return [f"  {line}"]
    return _wrapped(line, "  ")
