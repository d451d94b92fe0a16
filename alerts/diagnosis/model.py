"""Values of a diagnosis: evidence, the causes that it may have, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Evidence:
    """The answer to one question, and a sentence with what was seen.

    `answer` is None when it is unknown; `text` then says why, and `remedy` what would show it, where something would.
    Neither has a payload, an id, an error's text or a secret.
    """

    answer: StrEnum | None
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered item of a runbook: of its section Diagnosis (`check`) or Mitigation (`mitigation`)."""

    runbook: str
    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.runbook}, {self.kind} {self.number}"


@dataclass(frozen=True, slots=True)
class Cause:
    """A branch: it is taken when every question of `when` has one of its answers.

    They are asked in this order, and none after the first that decides. `shows` are further questions that are asked
    when it is taken. `step` is what to do.
    """

    name: str
    title: str
    when: tuple[tuple[str, frozenset[str]], ...]
    step: Step
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """The library whose outbox it is: its worker, and what people do by its own commands."""

    title: str
    worker: str
    commands: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """Worker and commands, without a full stop."""
        commands = "".join(f"; {name}: {command}" for name, command in self.commands.items())
        return f"{self.title}, worker: {self.worker}{commands}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result for one alert. Times are Unix seconds.

    `firing_since`: when the running exporter found the alert's condition to hold; None when it did not, or does not
    run. `cause` is None when none was found. `evidence` has what was asked, by question, in that order. `actions` is
    the text of the cause's step. `library` is None for the default tables, and where it is not known.
    """

    alert: str
    at: float
    firing_since: float | None
    cause: Cause | None
    evidence: tuple[tuple[str, Evidence], ...]
    actions: str = ""
    library: Library | None = None

    @property
    def unknown(self) -> tuple[tuple[str, Evidence], ...]:
        """The evidence that could not be gathered."""
        return tuple((name, each) for name, each in self.evidence if each.answer is None)

    @property
    def known(self) -> tuple[tuple[str, Evidence], ...]:
        """The other evidence, with that on which the cause rests first."""
        conditions = [name for name, _ in self.cause.when] if self.cause else []
        found = [(name, each) for name, each in self.evidence if each.answer is not None]
        return tuple(sorted(found, key=lambda pair: pair[0] not in conditions))
