"""The values of the status: those of rows, and those that the catalogue knows without reading rows.

What people have to hear of: a value that means nothing, and one that the time of processing contradicts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.core.humanize import count
from exporter.database.session import Session
from exporter.outbox.mapping import OutboxMapping

# So many rows are read at most: people's commands read them, no sample does.
ROW_LIMIT = 100_000
# So many values, and characters of each, are shown on the status page and in the log.
_MAX_VALUES, _MAX_LENGTH = 5, 40


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of sql/adoption/statuses.sql."""

    status: str | None
    meaning: str | None
    is_timed: bool | None
    jobs: int


@dataclass(frozen=True, slots=True)
class StatusValue:
    """One row of sql/status_values.sql."""

    value: str
    is_label: bool


def read(session: Session) -> tuple[StatusRow, ...]:
    """The values of the status, by the first `ROW_LIMIT` rows. Raises: SampleError."""
    return tuple(session.fetch("adoption/statuses", StatusRow, count_limit=ROW_LIMIT))


def read_known(session: Session) -> tuple[StatusValue, ...]:
    """The values that the catalogue knows: labels of an enumeration, or what ANALYZE found in rows.

    Shape: empty where nothing is known, as of a column that this role may not read or under row-level security. The
    mapping has a status. Raises: SampleError.
    """
    m = session.mapping
    return tuple(session.fetch("status_values", StatusValue, schema=session.schema, table=m.table, column=m.status))


def listed(mapping: OutboxMapping) -> tuple[str, ...]:
    """Every value that has a meaning."""
    m = mapping
    return (*m.status_pending, *m.status_retrying, *m.status_running, *m.status_processed, *m.status_failed)


def unlisted(mapping: OutboxMapping, values: Iterable[StatusValue]) -> tuple[str, ...]:
    """Messages about the values that the mapping does not list: those of the type, and those of rows."""
    known = {*listed(mapping), *mapping.status_cancelled}
    found = [each for each in values if each.value not in known]
    of_type = [each.value for each in found if each.is_label]
    of_rows = [each.value for each in found if not each.is_label]
    texts = ((of_type, "is a value of its type that"), (of_rows, "stood in rows at the latest ANALYZE and"))
    return tuple(
        f"{_quoted(mapping, names)} {text} means nothing in this mapping; counted nowhere"
        for names, text in texts
        if names
    )


def _quoted(mapping: OutboxMapping, values: Sequence[str]) -> str:
    """The first values. A column that is no status may have many, and long ones."""
    shown = ", ".join(f"'{value[:_MAX_LENGTH]}'" for value in values[:_MAX_VALUES])
    more = f" and {count(len(values) - _MAX_VALUES)} more" if len(values) > _MAX_VALUES else ""
    return f"{mapping.status} {shown}{more}"


def problems(mapping: OutboxMapping, rows: Iterable[StatusRow]) -> Iterator[str]:
    """The values that mean nothing in the mapping, which count as cancelled, and those that their rows contradict."""
    rows = tuple(rows)
    among = f" of the first {count(ROW_LIMIT)}" if sum(row.jobs for row in rows) >= ROW_LIMIT else ""
    unlisted: Counter[str | None] = Counter()
    for row in rows:
        if row.meaning is None:
            unlisted[row.status] += row.jobs
    for status, jobs in unlisted.items():
        named = f"{_value(mapping, status)} ({_rows(jobs)}{among})"
        yield f"{named} means nothing in this mapping; counted nowhere"
    for row in rows:
        if contradiction := _contradiction(mapping, row):
            yield f"{_value(mapping, row.status)}: {_rows(row.jobs)}{among} {contradiction}"


def _contradiction(mapping: OutboxMapping, row: StatusRow) -> str:
    if row.meaning == "processed" and row.is_timed is False:
        return f"without {mapping.processed}: in no figure of processed jobs, nor in the backlog"
    if row.meaning == "pending" and row.is_timed:
        return f"with {mapping.processed}: in the backlog, as the status says, and in no figure of processed jobs"
    return ""


def _value(mapping: OutboxMapping, status: str | None) -> str:
    return f"{mapping.status} " + ("NULL" if status is None else f"'{status}'")


def _rows(number: int) -> str:
    return f"{count(number)} row{'' if number == 1 else 's'}"
