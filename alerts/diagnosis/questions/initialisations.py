"""Why do initialisations fail?"""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.diagnosis.application_answer import ApplicationAnswer
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from alerts.model import Severity
from exporter.core.humanize import count, percent
from exporter.metrics.catalogue import APP_FSM_INITIALIZATIONS

# Over so many seconds, as OutboxFsmFailureRateHigh.
_WINDOW: Final = 300.0


class Answer(StrEnum):
    """Whether too many fail, and then the most frequent kind of reason."""

    SUCCEED = "succeed"
    INPUT = "input"
    FUNCTION = "function"
    SLOW = "slow"
    OTHER = "other"
    NO_REASON = "no-reason"


# Messages of PostgreSQL and of the migration's function, by what has to be fixed. Their texts hold ids: only the kinds
# are shown.
_KINDS: Final = (
    (Answer.SLOW, r"time[d ]*out|canceling statement|deadlock|connection|too many clients"),
    (Answer.FUNCTION, r"permission denied|(?:function|relation|column|type) .*does not exist|schema cache"),
    (Answer.INPUT, r"violates|not found|already used|was used|must|needs|invalid|duplicate|does not exist"),
)
_MEANINGS: Final = {
    Answer.INPUT: "input that the function refuses (course not found, key already used, missing value)",
    Answer.FUNCTION: "a missing function or permission",
    Answer.SLOW: "timeouts, locks or connections",
    Answer.OTHER: "another kind",
}


@dataclass(frozen=True, slots=True)
class _Counts:
    failed: float
    attempted: float
    span: str

    @property
    def ratio(self) -> float:
        return self.failed / self.attempted if self.attempted else 0.0


def ask(sources: Sources) -> Evidence:
    """The counters of the application and, where the exporter has saved some, their latest increase."""
    found = sources.application
    if found is None:
        return Evidence(None, "no application is configured")
    counts = _recent(sources) or _since_start(found)
    if counts is None:
        return Evidence(None, "the application does not report initialisations")
    text = f"{count(counts.failed)} of {count(counts.attempted)} initialisations failed {counts.span}"
    if counts.ratio <= _limit(sources):
        return Evidence(Answer.SUCCEED, text)
    kinds = kinds_of(found.payloads.get("getFSM", {}).get("failureReasons"))
    if not kinds:
        return Evidence(Answer.NO_REASON, f"{text} ({percent(counts.ratio)}); the application gives no reasons")
    kind, number = kinds.most_common(1)[0]
    share = percent(number / kinds.total())
    reasons = f"{share} of the reasons since the application's start are about {_MEANINGS[kind]}"
    return Evidence(kind, f"{text} ({percent(counts.ratio)}); {reasons}")


def kinds_of(reasons: object) -> "Counter[Answer]":
    """The number of failures by kind, from the application's counts by message."""
    kinds: Counter[Answer] = Counter()
    for message, number in reasons.items() if isinstance(reasons, dict) else ():
        if isinstance(number, float) and number > 0:
            found = (kind for kind, pattern in _KINDS if re.search(pattern, str(message), re.IGNORECASE))
            kinds[next(found, Answer.OTHER)] += round(number)
    return kinds


def _limit(sources: Sources) -> float:
    slow, fast = "OutboxFsmFailureBudgetBurn", "OutboxFsmFailureRateHigh"
    if sources.alert == slow:
        return sources.threshold(slow, Severity.TICKET)
    return sources.threshold(fast, Severity.PAGE)


def _recent(sources: Sources) -> _Counts | None:
    """None without saved counters, or when nothing was attempted in the time that they cover."""
    seconds = sources.scaled(_WINDOW)
    failed = sources.increase(APP_FSM_INITIALIZATIONS, seconds, result="failed")
    attempted = sources.increase(APP_FSM_INITIALIZATIONS, seconds)
    return _Counts(failed or 0.0, attempted, "in the last five minutes that the exporter saved") if attempted else None


def _since_start(found: ApplicationAnswer) -> _Counts | None:
    values = found.values(APP_FSM_INITIALIZATIONS)
    if not values:
        return None
    failed = values.get(("failed",), 0.0)
    return _Counts(failed, sum(values.values()), "since the application's start")
