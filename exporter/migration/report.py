"""What a command of this package finds: one answer per check, and warnings that change no exit status."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckAnswer(StrEnum):
    """The three answers. What cannot be seen is unknown, never one of the others."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as it should be, and the statement or runbook that mends it."""

    found: str
    remedy: str
    answer: CheckAnswer = CheckAnswer.BROKEN


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One check's answer. `remedy` is empty when there is nothing to mend."""

    check: str
    answer: CheckAnswer
    expected: str
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckWarning:
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
class CheckReport:
    """Everything that one command found, in the order of the guide."""

    findings: tuple[CheckFinding, ...]
    warnings: tuple[CheckWarning, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()

    @property
    def answer(self) -> CheckAnswer:
        """Broken beats unknown beats ok."""
        return worst(finding.answer for finding in self.findings)

    def count(self, answer: CheckAnswer) -> int:
        """How many checks got this answer."""
        return sum(finding.answer is answer for finding in self.findings)


def worst(answers: Iterable[CheckAnswer]) -> CheckAnswer:
    """Broken beats unknown beats ok; nothing asked, nothing proved."""
    given = set(answers)
    if CheckAnswer.BROKEN in given:
        return CheckAnswer.BROKEN
    return CheckAnswer.OK if given == {CheckAnswer.OK} else CheckAnswer.UNKNOWN


def finding_of(check: str, expected: str, deviations: Iterable[Deviation], found: str = "as expected") -> CheckFinding:
    """The finding that these troubles make; without any, the check is ok and `found` says how."""
    known = tuple(deviations)
    if not known:
        return CheckFinding(check, CheckAnswer.OK, expected, found)
    remedies = dict.fromkeys(deviation.remedy for deviation in known if deviation.remedy)
    return CheckFinding(
        check,
        worst(deviation.answer for deviation in known),
        expected,
        "; ".join(deviation.found for deviation in known),
        "\n".join(remedies),
    )


def unknown_finding(check: str, expected: str, why: str, remedy: str) -> CheckFinding:
    """A check that could not be made."""
    return CheckFinding(check, CheckAnswer.UNKNOWN, expected, why, remedy)
