"""Does the database answer?"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, reason_of
from exporter.core.errors import LoginRefused, SampleError, SecretUnavailable, Stale
from exporter.core.humanize import duration

# A start that may explain what began lately, seconds.
RECENT_START: Final = 1800.0


class Answer(StrEnum):
    """How an attempt to begin a sample ended."""

    ANSWERS = "answers"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    NAME = "unknown-name"
    CERTIFICATE = "certificate"
    LOGIN = "login-refused"
    SECRET = "no-secret"  # noqa: S105 - the name of a failure
    FULL = "no-connection-left"
    STARTING = "starting-or-stopping"
    BEHIND = "behind"
    UNREACHABLE = "unreachable"


# Messages of libpq, of PostgreSQL's postmaster and of PgBouncer. Those of the server are in its own language: where
# none matches, the answer is UNREACHABLE and the message is shown as it is.
_PATTERNS: Final = (
    (Answer.FULL, r"too many (?:clients|connections)|remaining connection slots|no more connections allowed"),
    (Answer.STARTING, r"starting up|shutting down|in recovery mode|not (?:yet )?accepting connections"),
    (Answer.CERTIFICATE, r"certificate|SSL|TLS"),
    (Answer.NAME, r"could not translate host name|failed to resolve|Name or service not known|name resolution"),
    (Answer.REFUSED, r"[Cc]onnection refused|No such file or directory"),
    (Answer.NO_ANSWER, r"time(?:d )?out|in time|No route to host|Network is unreachable"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """The row of sql/diagnosis/server.sql. Units: `started` seconds."""

    started: float
    connections: int
    max_connections: int


def ask(sources: Sources) -> Evidence:
    """Begin a sample that reads no table."""
    try:
        with sources.sample() as session:
            found = session.fetch_one("diagnosis/server", Server)
            server = sources.database.server
    except SampleError as error:
        return Evidence(classify(error), f"{sources.database.target}: {reason_of(error)}")
    lag = f", at most {duration(server.lag)} behind" if server and server.lag is not None else ""
    used = f"{found.connections} of {found.max_connections} connections are in use"
    note = ", a short time ago" if found.started < RECENT_START else ""
    text = f"{server} answers{lag}; it was started {duration(found.started)} ago{note}; {used}"
    return Evidence(Answer.ANSWERS, text)


def classify(error: SampleError) -> Answer:
    """The answer for a failure to begin a sample."""
    kinds = ((SecretUnavailable, Answer.SECRET), (LoginRefused, Answer.LOGIN), (Stale, Answer.BEHIND))
    for kind, answer in kinds:
        if isinstance(error, kind):
            return answer
    return next((answer for answer, pattern in _PATTERNS if re.search(pattern, str(error))), Answer.UNREACHABLE)
