"""The values of the status that stand in rows: what people have to hear of is a value that means nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.core.humanize import count
from exporter.database.session import Session
from exporter.outbox.mapping import OutboxMapping

# So many rows are read at most: people's commands read them, no sample does.
ROW_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of sql/adoption/statuses.sql."""

    status: str | None
    jobs: int


def read(session: Session) -> tuple[StatusRow, ...]:
    """The values of the status, by the first `ROW_LIMIT` rows. Raises: SampleError."""
    return tuple(session.fetch("adoption/statuses", StatusRow, count_limit=ROW_LIMIT))


def listed(mapping: OutboxMapping) -> tuple[str, ...]:
    """Every value that has a meaning."""
    m = mapping
    return (*m.status_pending, *m.status_retrying, *m.status_running, *m.status_processed, *m.status_failed)


def unlisted(mapping: OutboxMapping, rows: Iterable[StatusRow]) -> Iterator[str]:
    """The values that stand in rows and mean nothing in the mapping: such jobs count as cancelled."""
    known, rows = listed(mapping), tuple(rows)
    among = f" of the first {count(ROW_LIMIT)}" if sum(row.jobs for row in rows) >= ROW_LIMIT else ""
    for row in rows:
        if row.status not in known:
            value = "NULL" if row.status is None else f"'{row.status}'"
            counted = f"{count(row.jobs)} row{'' if row.jobs == 1 else 's'}{among}"
            yield f"{mapping.status} {value} ({counted}) means nothing in this mapping; counted nowhere"
