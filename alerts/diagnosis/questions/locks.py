"""Which session locks a table of the outbox, or lets others wait?"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited, reason_of
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.database.relations import watched_tables
from exporter.database.replay import grant_statistics

# Waiting sessions that are looked at.
WAITING_LIMIT: Final = 50

# Words with which a statement begins; others, which may be names, are not shown.
_COMMANDS: Final = re.compile(
    "ALTER|ANALYZE|CALL|CLUSTER|COMMENT|COPY|CREATE|DELETE|DO|DROP|GRANT|INSERT|LOCK|MERGE|REFRESH|REINDEX|REVOKE"
    "|SELECT|TRUNCATE|UPDATE|VACUUM|WITH"
)
_OBJECTS: Final = re.compile("FULL|FUNCTION|INDEX|MATERIALIZED|POLICY|TABLE|TRIGGER")


class Answer(StrEnum):
    """HELD: a table of the outbox is locked, or about to be; WAITED: other sessions wait for one."""

    HELD = "table-locked"
    WAITED = "sessions-wait"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Holder:
    """A row of sql/diagnosis/locks.sql. Units: `since` and `waited` seconds."""

    pid: int
    role: str | None
    application: str | None
    state: str | None
    since: float | None
    command: str | None
    tables: list[str]
    waiting: int
    waited: float | None
    version: int


def ask(sources: Sources) -> Evidence:
    """From the lock table alone: no table is touched, so a lock cannot block this."""
    try:
        with sources.sample() as session:
            tables = list(watched_tables(session.mapping))
            holders = session.fetch(
                "diagnosis/locks", Holder, schema=session.schema, tables=tables, count_limit=WAITING_LIMIT
            )
            role = session.role
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if not holders:
        return Evidence(Answer.FREE, "no session locks a table of the outbox, and none waits for another one")
    first = holders[0]
    more = f"; {len(holders) - 1} more sessions hold back others" if len(holders) > 1 else ""
    remedy = f"{grant_statistics(first.version, role)}; shows since when, in which state and by which statement"
    return Evidence(
        Answer.HELD if first.tables else Answer.WAITED,
        limited(described(first) + more),
        remedy if first.state is None else "",
    )


def described(holder: Holder) -> str:
    """Who holds what, since when, and how many sessions wait for it."""
    who = f"session {holder.pid}" if holder.pid else "a prepared transaction"
    application = f' ("{holder.application}")' if holder.application else ""
    what = f"locks {', '.join(holder.tables)} exclusively" if holder.tables else "blocks other sessions"
    since = f" for {duration(holder.since)}" if holder.since is not None else ""
    state = f", {holder.state}" if holder.state not in (None, "prepared") else ""
    command = f", last statement {shown}" if (shown := shown_command(holder.command)) else ""
    waited = f", the longest for {duration(holder.waited)}" if holder.waited is not None else ""
    sessions = "1 session waits" if holder.waiting == 1 else f"{holder.waiting} sessions wait"
    waiting = f"; {sessions} for it{waited}" if holder.waiting else ""
    return f"{who} of role {holder.role or 'unknown'}{application} {what}{since}{state}{command}{waiting}"


def shown_command(words: str | None) -> str:
    """The first words of a statement as far as they are SQL's own; empty where they are not."""
    command, _, of_what = " ".join((words or "").split()).partition(" ")
    if not _COMMANDS.fullmatch(command):
        return ""
    return f"{command} {of_what}" if _OBJECTS.fullmatch(of_what) else command
