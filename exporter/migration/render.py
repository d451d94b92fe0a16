"""A report as a table for people and as JSON for machines."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from exporter.migration.report import CheckAnswer, CheckReport

_INDENT = " " * 10


def table(report: CheckReport) -> str:
    """One line per check; what is not ok with what was expected, found and mends it. Ends with a line break."""
    return "\n".join((*_findings(report), *_warnings(report), *_diagnoses(report), "", summary(report))) + "\n"


def as_json(report: CheckReport, **about: str) -> str:
    """`about` says what was looked at. Ends with a line break."""
    document: dict[str, Any] = {
        **about,
        "answer": report.answer.value,
        "counts": {answer.value: report.count(answer) for answer in CheckAnswer},
        "checks": [
            {
                "check": finding.check,
                "answer": finding.answer.value,
                "expected": finding.expected,
                "found": finding.found,
                "remedy": finding.remedy or None,
            }
            for finding in report.findings
        ],
        "warnings": [
            {"subject": warning.subject, "text": warning.text, "remedy": warning.remedy} for warning in report.warnings
        ],
        "diagnoses": [{"error": each.error, "cause": each.cause, "remedy": each.remedy} for each in report.diagnoses],
    }
    return json.dumps(document, indent=2) + "\n"


def summary(report: CheckReport) -> str:
    """The whole in one line."""
    counts = ", ".join(f"{report.count(answer)} {answer}" for answer in CheckAnswer)
    return f"{report.answer.upper()}: {len(report.findings)} checks, {counts}; {len(report.warnings)} warnings"


def _findings(report: CheckReport) -> Iterator[str]:
    width = max((len(finding.check) for finding in report.findings), default=0)
    for finding in report.findings:
        line = f"{finding.answer:<8}  {finding.check:<{width}}"
        yield f"{line}  {_plain(finding.found)}"
        if finding.answer is not CheckAnswer.OK:
            yield f"{_INDENT}expected: {_plain(finding.expected)}"
            yield from _lines("mend", finding.remedy)


def _warnings(report: CheckReport) -> Iterator[str]:
    for warning in report.warnings:
        yield f"{'warning':<8}  {_plain(warning.subject)}: {_plain(warning.text)}"
        yield from _lines("mend", warning.remedy)


def _diagnoses(report: CheckReport) -> Iterator[str]:
    if report.diagnoses:
        yield ""
        yield "Errors that this explains (see the guide's Troubleshooting)"
    for diagnosis in report.diagnoses:
        yield f'  "{_plain(diagnosis.error)}": {_plain(diagnosis.cause)}'
        yield from _lines("mend", diagnosis.remedy)


def _lines(title: str, text: str) -> Iterable[str]:
    first, *rest = text.splitlines() or [""]
    if first:
        yield f"{_INDENT}{title}: {_plain(first)}"
    yield from (f"{_INDENT}{' ' * len(title)}  {_plain(line)}" for line in rest)


def _plain(text: str) -> str:
    """Commands and definitions come from the database: nothing in them may steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
