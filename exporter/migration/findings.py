"""What a command of this package finds: one answer per check, and warnings that change no exit status."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """The three answers. What cannot be seen is unknown, never one of the others."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be, and the statement or runbook that mends it."""

    found: str
    remedy: str
    answer: Answer = Answer.BROKEN


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer. `remedy` is empty when there is nothing to mend."""

    check: str
    answer: Answer
    expected: str
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning: sound enough to work, worth a look all the same."""

    subject: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An error message of the guide's Troubleshooting that this state of the database explains."""

    error: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one command found, in the order of the guide."""

    findings: tuple[Finding, ...]
    cautions: tuple[Caution, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()

    @property
    def answer(self) -> Answer:
        """Broken beats unknown beats ok."""
        return worst(finding.answer for finding in self.findings)

    def count(self, answer: Answer) -> int:
        """How many checks got this answer."""
        return sum(finding.answer is answer for finding in self.findings)


def worst(answers: Iterable[Answer]) -> Answer:
    """Broken beats unknown beats ok; nothing asked, nothing proved."""
    given = set(answers)
    if Answer.BROKEN in given:
        return Answer.BROKEN
    return Answer.OK if given == {Answer.OK} else Answer.UNKNOWN


def judged(check: str, expected: str, troubles: Iterable[Trouble], found: str = "as expected") -> Finding:
    """The finding that these troubles make; without any, the check is ok and `found` says how."""
    known = tuple(troubles)
    if not known:
        return Finding(check, Answer.OK, expected, found)
    remedies = dict.fromkeys(trouble.remedy for trouble in known if trouble.remedy)
    return Finding(
        check,
        worst(trouble.answer for trouble in known),
        expected,
        "; ".join(trouble.found for trouble in known),
        "\n".join(remedies),
    )


def unknown(check: str, expected: str, why: str, remedy: str) -> Finding:
    """A check that could not be made."""
    return Finding(check, Answer.UNKNOWN, expected, why, remedy)
