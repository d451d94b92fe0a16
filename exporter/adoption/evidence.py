"""What the rows of a table, and what the database writes into it, tell about the meaning of its columns."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.adoption.catalogue import ExpressionsRow, Relation, read_expressions
from exporter.config.settings import DatabaseSettings
from exporter.core.errors import LoginRefused, SampleError, Stale, Unreachable
from exporter.database import DatabaseClient, relations, statuses
from exporter.database.jobs.row import PER_SECOND
from exporter.database.statuses import ROW_LIMIT, StatusRow
from exporter.outbox.mapping import OutboxMapping

# Times of 2001 to 2286, in seconds. The same times in milliseconds or microseconds are other numbers.
_SECONDS = (1e9, 1e10)
# As the server writes `column IN (...)`.
_LIST = re.compile(r"CHECK \(++(?!NOT )[^']+ = ANY \(\(*ARRAY\[")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_NUMBERS = re.compile(r"ARRAY\[([0-9, ]+)\]")
_BEGINNING = re.compile(r"\(?'?(-?[0-9]+)")
# What writes the time of the session's zone into a column without zone, and what writes that of another zone.
_SESSION_TIME = re.compile(
    r"^\(?'?(now\(\)|current_timestamp|localtimestamp|clock_timestamp\(\)|transaction_timestamp\(\)|statement_timestamp\(\)"
    r"|now)",
    re.IGNORECASE,
)
_ZONE_TIME = re.compile(r"AT TIME ZONE '([^']+)'|timezone\('([^']+)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumbersRow:
    """The one row of sql/adoption/numbers.sql."""

    lowest: float | None
    highest: float | None

    @property
    def is_known(self) -> bool:
        """Whether there was a number."""
        return self.lowest is not None

    @property
    def unit(self) -> str:
        """The unit in which all numbers are times of our days; empty where none is, or none was read."""
        if self.lowest is None or self.highest is None:
            return ""
        lowest, highest = _SECONDS
        for unit, factor in PER_SECOND.items():
            if lowest * factor <= self.lowest and self.highest < highest * factor:
                return unit
        return ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`statuses` are None, and a column is not in `numbers`, where they could not be read; `unreadable` says why."""

    expressions: Mapping[str, ExpressionsRow] = field(default_factory=lambda: MappingProxyType({}))
    statuses: tuple[StatusRow, ...] | None = None
    numbers: Mapping[str, NumbersRow] = field(default_factory=lambda: MappingProxyType({}))
    unreadable: str = ""

    def admitted(self, column: str) -> tuple[str, ...]:
        """The values that a check constraint admits; empty without one that lists them."""
        checks = self.expressions[column].checks if column in self.expressions else []
        lists = [check for check in checks if _LIST.match(check)]
        texts = [value.replace("''", "'") for check in lists for value in _LITERAL.findall(check)]
        numbers = [value.strip() for check in lists for found in _NUMBERS.findall(check) for value in found.split(",")]
        return tuple(dict.fromkeys((*texts, *numbers)))

    def default(self, column: str) -> str:
        """The expression of the column's default; empty without one, or where that is NULL."""
        row = self.expressions.get(column)
        text = (row and row.default_value) or ""
        return "" if text.upper().startswith("NULL") else text

    def beginning(self, column: str) -> int | None:
        """The number with which a column begins; None where its default is none."""
        found = _BEGINNING.match(self.default(column))
        return int(found[1]) if found else None

    def written_zone(self, column: str) -> tuple[str, bool]:
        """The zone in which the column's default writes, and whether that is certain; empty where nothing tells."""
        row, text = self.expressions.get(column), self.default(column)
        if row and (named := _ZONE_TIME.search(text)):
            zone = named[1] or named[2]
            return ("UTC" if zone.upper() == "UTC" else zone), True
        return (row.zone, False) if row and _SESSION_TIME.match(text) else ("", False)


def gather(
    settings: DatabaseSettings, relation: Relation, question: OutboxMapping, numbers: tuple[str, ...] = ()
) -> Evidence:
    """Ask the database. `question` has the status and the columns of an id; `numbers` are columns that may be times.

    Raises: SampleError when the database cannot be asked at all.
    """
    settings = replace(settings, schema=relation.schema)
    with _client(settings, question) as client, client.sample() as session:
        found = Evidence(read_expressions(session, relation))
    try:
        if question.status:
            found = replace(found, statuses=_statuses(settings, question))
        return replace(found, numbers={column: _numbers(settings, question, column) for column in numbers})
    except (LoginRefused, Stale, Unreachable):
        raise
    except SampleError as error:
        return replace(found, unreadable=str(error))


def _statuses(settings: DatabaseSettings, question: OutboxMapping) -> tuple[StatusRow, ...]:
    with _client(settings, question) as client, client.sample(*relations.reads(question, "statuses")) as session:
        return statuses.read(session)


def _numbers(settings: DatabaseSettings, question: OutboxMapping, column: str) -> NumbersRow:
    """The range of a column, read as a time in microseconds."""
    asked = replace(question, created=column, epoch="microseconds")
    with _client(settings, asked) as client, client.sample(*relations.reads(asked, "all_jobs")) as session:
        return session.fetch_one("adoption/numbers", NumbersRow, count_limit=ROW_LIMIT)


@contextmanager
def _client(settings: DatabaseSettings, question: OutboxMapping) -> Iterator[DatabaseClient]:
    client = DatabaseClient(settings, question)
    client.open()
    try:
        yield client
    finally:
        client.close()
