"""With which kinds of error do jobs fail?"""

from dataclasses import dataclass
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import COUNT_LIMIT, Sources, reason_of
from exporter.core.errors import PermissionDenied, SampleError
from exporter.database.visibility import Table
from exporter.outbox.mapping import DEFAULT

_READS = Table("job_outbox", ("created_at", "processed_at", "attempts", "last_error"))


class Answer(StrEnum):
    """The most frequent kind of error."""

    NONE = "none"
    CONNECTION = "connection"
    MISSING = "missing"
    CONTENT = "content"
    ACCESS = "access"
    RESOURCES = "resources"
    OTHER = "other"


_MEANINGS = {
    Answer.CONNECTION: "the connection to the queue's backend",
    Answer.MISSING: "a queue or worker that does not exist",
    Answer.CONTENT: "the content of the jobs",
    Answer.ACCESS: "permissions or credentials",
    Answer.RESOURCES: "memory, disk or a quota",
    Answer.OTHER: "another kind",
}


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A row of sql/diagnosis/errors.sql."""

    kind: str
    jobs: int


def ask(sources: Sources) -> Evidence:
    """The server classifies the texts; they are not read."""
    if sources.mapping != DEFAULT:
        return Evidence(None, "not known of this outbox: the texts of errors are read of the default table only")
    try:
        with sources.sample(_READS) as session:
            kinds = session.fetch("diagnosis/errors", ErrorKind, count_limit=COUNT_LIMIT)
    except PermissionDenied as error:
        # The column may hold data of users, so the script for the role does not grant it.
        _, _, grant = str(error).rpartition(": ")
        return Evidence(None, "this role may not read last_error", f"{grant} shows kinds of errors, never their texts")
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if not kinds:
        return Evidence(Answer.NONE, "no pending job has failed")
    named = ", ".join(f"{_MEANINGS[Answer(each.kind)]} ({each.jobs} jobs)" for each in kinds[:3])
    return Evidence(Answer(kinds[0].kind), f"the latest errors are about {named}")
