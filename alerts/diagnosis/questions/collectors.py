"""Do the collectors of the database succeed?"""

from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited
from exporter.core.errors import Reason


class Answer(StrEnum):
    """Whether all succeed, or the most telling reason for which one fails."""

    SUCCEED = "succeed"
    HIDDEN = "rls"
    PERMISSION = "permission"
    SCHEMA = "schema"
    LOCKED = "lock"
    SLOW = "timeout"
    OTHER = "other"


# In this order: a role that sees no rows explains more than a statement that was slow besides.
_ANSWERS = {
    Reason.RLS: Answer.HIDDEN,
    Reason.PERMISSION: Answer.PERMISSION,
    Reason.SCHEMA: Answer.SCHEMA,
    Reason.LOCK: Answer.LOCKED,
    Reason.TIMEOUT: Answer.SLOW,
}


def ask(sources: Sources) -> Evidence:
    """The latest run of each: of the exporter itself, or one run now."""
    failures = sources.failures
    if not failures:
        return Evidence(Answer.SUCCEED, "every collector of the database succeeds")
    reasons = list(_ANSWERS)
    name, first = min(
        failures, key=lambda each: reasons.index(each[1].reason) if each[1].reason in _ANSWERS else len(reasons)
    )
    failing = sorted({name for name, _ in failures})
    others = f" (failing: {', '.join(failing)})" if len(failing) > 1 else ""
    answer = _ANSWERS.get(first.reason, Answer.OTHER)
    message, remedy = first.message, ""
    if answer in (Answer.HIDDEN, Answer.PERMISSION):
        message, _, remedy = first.message.partition(": ")  # exporter.database.visibility
    return Evidence(answer, limited(f"collector {name} fails{others}: {message}"), remedy)
