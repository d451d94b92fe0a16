"""What the rows of a table, and what the database writes into it, tell about the meaning of its columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from exporter.adoption.catalogue import ExpressionsRow, Relation, read_expressions
from exporter.config.settings import DatabaseSettings
from exporter.core.errors import LoginRefused, SampleError, Stale, Unreachable
from exporter.database import DatabaseClient, relations, statuses
from exporter.database.statuses import ROW_LIMIT, StatusRow
from exporter.outbox.mapping import OutboxMapping

# Times of 2001 to 2286, in seconds. The same times in milliseconds or microseconds are other numbers.
_SECONDS = (1e9, 1e10)
_PER_SECOND = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6}
# As the server writes `column IN (...)`.
_LIST = re.compile(r"CHECK \(++(?!NOT )[^']+ = ANY \(")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """`statuses` and `numbers` are None where they could not be read; `unreadable` says why."""

    expressions: Mapping[str, ExpressionsRow] = field(default_factory=lambda: MappingProxyType({}))
    statuses: tuple[StatusRow, ...] | None = None
    numbers: NumbersRow | None = None
    unreadable: str = ""

    def admitted(self, column: str) -> tuple[str, ...]:
        """The values that a check constraint admits; empty without one that lists them."""
        checks = self.expressions[column].checks if column in self.expressions else []
        lists = [check for check in checks if _LIST.match(check)]
        return tuple(dict.fromkeys(value.replace("''", "'") for check in lists for value in _LITERAL.findall(check)))

    @property
    def unit(self) -> str:
        """The unit in which all numbers are times of our days; empty where none is, or none was read."""
        found = self.numbers
        if found is None or found.lowest is None or found.highest is None:
            return ""
        lowest, highest = _SECONDS
        for unit, factor in _PER_SECOND.items():
            if lowest * factor <= found.lowest and found.highest < highest * factor:
                return unit
        return ""

    def written_zone(self, column: str) -> tuple[str, bool]:
        """The zone in which the column's default writes, and whether that is certain; empty where nothing tells."""
        row = self.expressions.get(column)
        text = (row and row.default_value) or ""
        if row and (named := _ZONE_TIME.search(text)):
            zone = named[1] or named[2]
            return ("UTC" if zone.upper() == "UTC" else zone), True
        return (row.zone, False) if row and _SESSION_TIME.match(text) else ("", False)


def gather(settings: DatabaseSettings, relation: Relation, question: OutboxMapping, *, numbers: bool) -> Evidence:
    """Ask the database. `question` has the status, or the column of `numbers`, and the columns of an id.

    Raises: SampleError when the database cannot be asked at all.
    """
    client = DatabaseClient(replace(settings, schema=relation.schema), question)
    client.open()
    try:
        with client.sample() as session:
            found = Evidence(read_expressions(session, relation))
        return _with_rows(client, found, numbers=numbers)
    finally:
        client.close()


def _with_rows(client: DatabaseClient, found: Evidence, *, numbers: bool) -> Evidence:
    """What the rows tell, as far as the role may read them."""
    mapping = client.mapping
    try:
        if mapping.status:
            with client.sample(*relations.reads(mapping, "statuses")) as session:
                found = replace(found, statuses=statuses.read(session))
        if numbers:
            with client.sample(*relations.reads(mapping, "all_jobs")) as session:
                found = replace(found, numbers=session.fetch_one("adoption/numbers", NumbersRow, count_limit=ROW_LIMIT))
    except (LoginRefused, Stale, Unreachable):
        raise
    except SampleError as error:
        return replace(found, unreadable=str(error))
    return found
