"""The indexes of the watched tables, the statements that they make cheap, and those that would help.

Plans are chosen by the catalogue: the deployed schema lacks an index that the documented one has, and an index may be
dropped, or be invalid after a build that failed. `IndexCatalogue` reads and caches it; the rest is pure.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.database import Session
from exporter.database.jobs.row import PER_SECOND
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.outbox.mapping import OutboxMapping

# An inner page of an index on (entity_id, created_at) points to about so many below it: one of 585 and one of 8,178
# pages take 3 pages a descent, one of 80,000 pages 4, as measured.
BRANCHES = 150
# How many rows a page counts as against sampling.rows_per_second, when it is read only to find the rows of the last
# hour. So a table without the index that would help is read less often the larger it gets, at about the same cost: with
# 8, 100,000 events every five minutes, 10 million of 1,000 courses every ten.
ROWS_PER_PAGE = 8
# How long an answer of the catalogue is kept, seconds: an index that came or went changes the cost of a sample, never
# its result.
CACHE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One row of sql/indexes.sql: a usable index, or a table that has none."""

    table_name: str
    columns: list[str]
    predicate: str | None
    rows: float
    entities: float | None
    table_pages: int
    index_pages: int
    skips: bool

    @property
    def unquoted(self) -> "IndexRow":
        """With names as the catalogue of columns has them: the definition of an index quotes them where needed."""
        columns = [_without_casts(column.replace('"', "")) for column in self.columns]
        return replace(self, columns=columns, predicate=self.predicate and self.predicate.replace('"', ""))


@dataclass(frozen=True, slots=True)
class HelpfulIndex:
    """An index that statements rely on: led by `column` or an expression, whole or restricted by `predicate`.

    One serves as well that is led by one of the columns `serving`, or is restricted to some of their values; and one
    that is led by `status` and the column, where rows are read by both.
    """

    table: str
    column: str
    predicate: str | None = None
    serving: tuple[str, ...] = ()
    status: str = ""

    @property
    def definition(self) -> str:
        """Table, column and predicate, as people write them."""
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"{self.table} ({self.column}){where}"

    def found_in(self, rows: Iterable[IndexRow]) -> bool:
        """Whether one of these indexes is led by the column and holds at least the rows of interest."""
        mine = [row.unquoted for row in rows if row.table_name == self.table]
        return any(self._leads(row.columns) and self._covers(row.predicate) for row in mine) or any(
            row.columns[:1] == [column] or _names(row.predicate or "", column)
            for row in mine
            for column in self.serving
        )

    def _leads(self, columns: list[str]) -> bool:
        column = _without_casts(self.column)
        return columns[:1] == [column] or bool(self.status and columns[:2] == [self.status, column])

    def _covers(self, predicate: str | None) -> bool:
        return predicate is None or (
            self.predicate is not None and predicate.strip("()").upper() == self.predicate.upper()
        )


def _without_casts(expression: str) -> str:
    """A number is converted where it is none of that type yet."""
    return expression.replace("::double precision", "")


def _names(predicate: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", predicate) is not None


EVENTS = HelpfulIndex("fsm_events", "created_at")
EXPIRY = HelpfulIndex("idempotency_keys", "expires_at")


def pending(mapping: OutboxMapping) -> HelpfulIndex | None:
    """The index that makes counting the pending jobs cheap; None where every row of the table is one, or may be."""
    m = mapping
    first = m.due or m.created or (m.id[0] if m.id else m.status)
    if m.status:
        values = ", ".join(f"'{value}'" for value in (*m.status_pending, *m.status_retrying))
        return HelpfulIndex(m.table, first, f"{m.status} IN ({values})", (m.status,))
    if m.processed:
        return HelpfulIndex(m.table, first, f"{m.processed} IS NULL", () if m.is_conserved else (m.processed,))
    return None


def processed(mapping: OutboxMapping) -> HelpfulIndex | None:
    """The index that makes reading the latest processed jobs cheap; None where no row tells."""
    m = mapping
    if m.processed:
        time = f"to_timestamp({m.processed}::double precision / {PER_SECOND[m.epoch]})" if m.epoch else m.processed
        return HelpfulIndex(m.table, time, f"{m.processed} IS NOT NULL", status=m.status if m.status_processed else "")
    return HelpfulIndex(m.events_table, m.events_at) if m.events_processed and not m.processed else None


def helpful(mapping: OutboxMapping) -> tuple[HelpfulIndex, ...]:
    """All indexes that statements rely on."""
    return tuple(each for each in (pending(mapping), processed(mapping), EVENTS, EXPIRY) if each)


class IndexCatalogue:
    """The indexes by the catalogue, read again every few minutes and after every failed sample.

    Table by table: to read an index's predicate takes a lock on its table, which somebody may be holding; that must
    not fail a sample of another one. Use from one thread at a time.
    """

    def __init__(self) -> None:
        # When each table's rows were read, Unix seconds of the database's clock, and the rows.
        self._cache: dict[str, tuple[float, tuple[IndexRow, ...]]] = {}
        # The advice that followed from the rows of each table.
        self._advice: dict[str, tuple[tuple[IndexRow, ...] | None, tuple[Reading, ...]]] = {}

    def rows(self, session: Session, table: str) -> tuple[IndexRow, ...]:
        """The usable indexes of a table that the session reads. Raises: SampleError."""
        read_at, rows = self._cache.get(table, (-math.inf, ()))
        if abs(session.now - read_at) > CACHE_SECONDS:
            rows = tuple(session.fetch("indexes", IndexRow, schema=session.schema, tables=[table]))
            self._cache[table] = session.now, rows
        return rows

    def advice(self, session: Session, table: str) -> tuple[Reading, ...]:
        """For each index of that table that would help, whether it is not there. Raises: SampleError."""
        rows = self.rows(session, table)
        known, readings = self._advice.get(table, (None, ()))
        if known is not rows:
            readings = tuple(
                Reading(catalogue.HELPFUL_INDEX_MISSING, not index.found_in(rows), (index.definition,))
                for index in helpful(session.mapping)
                if index.table == table
            )
            self._advice[table] = rows, readings
        return readings

    def forget(self) -> None:
        """Read the catalogue again next time: a sample failed, and a changed schema may be the cause."""
        self._cache.clear()


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """How to count events, and about how many pages that reads besides those of the events.

    `by_course`: by two statements, of which one finds the courses. `by_skipping`: by the same index in one statement,
    where the server skips from course to course. Neither: by time, or by reading the table.
    """

    by_course: bool = False
    by_skipping: bool = False
    pages: int = 0

    @property
    def by_time(self) -> bool:
        """By an index on created_at, so that any part of the hour is read alone."""
        return not (self.by_course or self.by_skipping or self.pages)

    @property
    def rows(self) -> int:
        """How many rows these pages count as."""
        return ROWS_PER_PAGE * self.pages


def events_plan(rows: Iterable[IndexRow]) -> EventsPlan:
    """The cheapest way to count the last hour's events exactly.

    By the index on created_at; without it course by course, or by reading the table, whichever reads fewer pages.
    A server that skips through an index (PostgreSQL 18) never reads more than the whole index.
    """
    events = [row for row in rows if row.table_name == EVENTS.table]
    if not events or EVENTS.found_in(events):
        return EventsPlan()
    plans = [EventsPlan(pages=events[0].table_pages)]
    stepped = (row for row in events if row.columns[:2] == ["entity_id", "created_at"] and row.predicate is None)
    for index in stepped:
        courses, descent = _courses(index), _descent(index)
        if index.skips:
            pages = index.index_pages if courses is None else min(index.index_pages, descent * courses)
            plans.append(EventsPlan(by_skipping=True, pages=pages))
        elif courses is not None:
            # One descent to find the course, another for its hour.
            plans.append(EventsPlan(by_course=True, pages=2 * descent * courses))
    return min(plans, key=lambda plan: plan.pages)


def _descent(row: IndexRow) -> int:
    """How many pages lie between an index's root and a leaf, both counted."""
    return 1 + math.ceil(math.log(max(row.index_pages, 1), BRANCHES))


def _courses(row: IndexRow) -> int | None:
    if row.entities is None or row.rows <= 0:
        return None
    return round(row.entities if row.entities >= 0 else -row.entities * row.rows)
