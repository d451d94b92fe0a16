"""The result of `verify`, `smoke` and `rollback-check`, as a table for people and as JSON.

Fields of findings, warnings and diagnoses are keys of the JSON, so their names must not change.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

_INDENT = " " * 10


class CheckAnswer(StrEnum):
    """The answer of one check. UNKNOWN: it could not be decided."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference from what is expected, and the statement or instruction that corrects it."""

    found: str
    remedy: str
    answer: CheckAnswer = CheckAnswer.BROKEN


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """The result of one check. `remedy` is empty when there is nothing to correct."""

    check: str
    answer: CheckAnswer
    expected: str
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckWarning:
    """A condition that deserves attention but changes neither the answer nor the exit status."""

    subject: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An error message of the guide's Troubleshooting that the state of the database explains."""

    error: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The results of one command, in the order of the guide."""

    findings: tuple[CheckFinding, ...]
    warnings: tuple[CheckWarning, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()

    @property
    def answer(self) -> CheckAnswer:
        """Broken if any check is, otherwise unknown if any check is, otherwise ok."""
        return worst(finding.answer for finding in self.findings)

    def count(self, answer: CheckAnswer) -> int:
        """The number of checks with this answer."""
        return sum(finding.answer is answer for finding in self.findings)

    def as_table(self) -> str:
        """One line per check; for each that is not ok also the expectation and the remedy. Ends with a line break."""
        return "\n".join((*self._rows(), "", self.summary())) + "\n"

    def as_json(self, **about: str) -> str:
        """A JSON object with the keys of `about` and all results. Ends with a line break."""
        document: dict[str, Any] = {
            **about,
            "answer": self.answer.value,
            "counts": {answer.value: self.count(answer) for answer in CheckAnswer},
            "checks": [asdict(each) | {"remedy": each.remedy or None} for each in self.findings],
            "warnings": [asdict(each) for each in self.warnings],
            "diagnoses": [asdict(each) for each in self.diagnoses],
        }
        return json.dumps(document, indent=2) + "\n"

    def summary(self) -> str:
        """The answer and the number of checks and warnings, in one line."""
        counts = ", ".join(f"{self.count(answer)} {answer}" for answer in CheckAnswer)
        return f"{self.answer.upper()}: {len(self.findings)} checks, {counts}; {len(self.warnings)} warnings"

    def _rows(self) -> Iterator[str]:
        width = max((len(finding.check) for finding in self.findings), default=0)
        for finding in self.findings:
            yield f"{finding.answer:<8}  {finding.check:<{width}}  {_printable(finding.found)}"
            if finding.answer is not CheckAnswer.OK:
                yield f"{_INDENT}expected: {_printable(finding.expected)}"
                yield from _fix(finding.remedy)
        for warning in self.warnings:
            yield f"{'warning':<8}  {_printable(warning.subject)}: {_printable(warning.text)}"
            yield from _fix(warning.remedy)
        if self.diagnoses:
            yield ""
            yield "Errors that this explains (see the guide's Troubleshooting)"
        for diagnosis in self.diagnoses:
            yield f'  "{_printable(diagnosis.error)}": {_printable(diagnosis.cause)}'
            yield from _fix(diagnosis.remedy)


def worst(answers: Iterable[CheckAnswer]) -> CheckAnswer:
    """Broken if any is broken, ok if all are ok and there is at least one, unknown otherwise."""
    given = set(answers)
    if CheckAnswer.BROKEN in given:
        return CheckAnswer.BROKEN
    return CheckAnswer.OK if given == {CheckAnswer.OK} else CheckAnswer.UNKNOWN


def finding_of(check: str, expected: str, deviations: Iterable[Deviation], found: str = "as expected") -> CheckFinding:
    """The finding of a check with these deviations; without any it is ok, with `found` as its text."""
    known = tuple(deviations)
    if not known:
        return CheckFinding(check, CheckAnswer.OK, expected, found)
    answer = worst(deviation.answer for deviation in known)
    remedies = dict.fromkeys(deviation.remedy for deviation in known if deviation.remedy)
    return CheckFinding(check, answer, expected, "; ".join(deviation.found for deviation in known), "\n".join(remedies))


def unknown_finding(check: str, expected: str, reason: str, remedy: str) -> CheckFinding:
    """The finding of a check that could not be decided."""
    return CheckFinding(check, CheckAnswer.UNKNOWN, expected, reason, remedy)


def _fix(remedy: str) -> Iterator[str]:
    first, *rest = remedy.splitlines() or [""]
    if first:
        yield f"{_INDENT}fix: {_printable(first)}"
    yield from (f"{_INDENT}     {_printable(line)}" for line in rest)


def _printable(text: str) -> str:
    """Text from the database without control characters, which could change a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
