"""One sample's transaction."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg

from exporter.config.settings import DatabaseSettings
from exporter.core.errors import SampleError, TooSlow
from exporter.database import proof, queries, relations, text, visibility
from exporter.database.deadline import CLIENT_GRACE
from exporter.database.error_mapping import mapped_errors
from exporter.database.replay import Replay, ReplayTracker, address
from exporter.metrics.readings import ServerStart
from exporter.outbox.mapping import DEFAULT, OutboxMapping

Row = TypeVar("Row")
_Answer: TypeAlias = list[tuple[Any, ...]]

# DBAs meet this comment in pg_stat_activity.
_BEGIN = b"/* outbox-exporter: begin */ BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BITMAP_SCANS, _INDEX_SCANS = (
    b"SELECT set_config('enable_indexscan', '%b', true), set_config('enable_seqscan', 'off', true)" % index
    for index in (b"off", b"on")
)


class Expected(NamedTuple):
    """Parts of the message that begins a transaction, which would take a message of their own later.

    `filter`: the check of row security, where it applied to the same tables in the latest sample. `bitmap_scans`: as by
    `Session.prefer_bitmap_scans`.
    """

    filter: bool = False
    bitmap_scans: bool = False


class Session:
    """One sample's transaction: read-only, and proved to see every row of the tables in `reads`.

    `mapping` is that of the jobs. `tracker` remembers which server answered and how old its rows are. `is_filtered` is
    whether row security applies.
    `now` is the start of the transaction by the database's clock, Unix seconds: `now()` inside every statement.
    `rows` is how many rows the statements read, as noted by `note_rows`.
    All statements together may take `statement_timeout`. The caller ends the transaction.
    Raises: SampleError of the kind that the server's answer means; Stale when a standby answers that is too far behind;
    SchemaMismatch, PermissionDenied or RowsHidden with the statement that grants what is missing.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a transaction depends on
        self,
        connection: "psycopg.Connection[Any]",
        settings: DatabaseSettings,
        reads: tuple[visibility.Table, ...] = (),
        tracker: ReplayTracker | None = None,
        expected: Expected | None = None,
        mapping: OutboxMapping = DEFAULT,
    ) -> None:
        expected = expected or Expected()
        self._connection = connection
        self._tracker = tracker or ReplayTracker()
        self.schema = settings.schema
        self.mapping = mapping
        self._ends = time.monotonic() + settings.statement_timeout
        self._current_timeout: float = settings.statement_timeout
        self._prefers_bitmap_scans = expected.bitmap_scans
        self._encoding = "utf-8"
        facts, seen, plan = self._begin(settings, reads, expected)
        self._encoding = text.encoding(connection)
        if not facts.read_only or facts.isolation != "repeatable read":
            raise SampleError("the server did not give a read-only, repeatable-read transaction; nothing was sampled")
        self._tracker.check(settings.max_replay_lag, facts.role)
        visibility.check_access(facts.role, seen)
        visibility.check_markers(reads, seen)
        self._nullable = {column for found in seen for column in found.nullable_columns}
        self.is_filtered = any(found.row_security for found in seen)
        if self.is_filtered:
            proof.check_plan(facts.role, plan if plan is not None else self._plan_of_all_rows(reads))
        self._condition = proof.condition(seen)
        names = sorted(table.name for table in reads)
        self._unpartitioned = frozenset(name for name, found in zip(names, seen, strict=True) if found.relkind == "r")
        # Tables that a statement has checked and locked: nobody rewrites or replaces them before the transaction ends.
        self._locked: frozenset[str] = frozenset()
        self.now = facts.now
        self.role = facts.role
        self.rows = 0

    @property
    def is_standby(self) -> bool:
        """Whether a standby answers. It may show less than an earlier sample saw."""
        server = self._tracker.server
        return server is not None and server.in_recovery

    def fetch(self, name: str, row: type[Row], **parameters: object) -> list[Row]:
        """Run `sql/<name>.sql` and build one `row` (a dataclass with the columns as fields, in their order) per row.

        Raises: SampleError of the kind that the server's answer means.
        """
        _check_fields(name, row)
        self._limit_to_remaining_time()
        # Binary answers: thousands of ids and times are read from them in a third of the time that text takes.
        with mapped_errors(f"{name}: ", self._encoding), self._connection.cursor(binary=True) as cursor:
            cursor.execute(self._statement(name), parameters, prepare=False)
            answer = text.rows(cursor)
        # A partitioned table may be read, and locked, in part.
        self._locked |= self._unpartitioned.intersection(self._tables(name))
        return [row(*values) for values in answer]

    def fetch_one(self, name: str, row: type[Row], **parameters: object) -> Row:
        """The only row of a statement that always answers with one."""
        (only,) = self.fetch(name, row, **parameters)
        return only

    def may_be_null(self, column: str) -> bool:
        """Whether a column of `reads`, as `table.column`, is without a NOT NULL constraint."""
        return column in self._nullable

    def note_rows(self, rows: int) -> None:
        """Add to `rows` how many rows the statements read; the interval of an informational collector depends on it."""
        self.rows += rows

    def prefer_bitmap_scans(self, *, bitmap_scans: bool = True) -> None:
        """From now on have the planner choose bitmap scans, which read each page of the table once.

        Worth a round trip where rows lie close together but in another order than in the index: measured for 13,000
        jobs of an hour, 480 pages instead of 2,219; for 12,500 events of 1,000 courses, 4,300 instead of 16,500. Use
        `bitmap_scans=False` before a statement that wants the first rows of an index.
        Raises: SampleError.
        """
        if bitmap_scans is not self._prefers_bitmap_scans:
            self._prefers_bitmap_scans = bitmap_scans
            with mapped_errors(session_encoding=self._encoding):
                self._connection.execute(_BITMAP_SCANS if bitmap_scans else _INDEX_SCANS, prepare=False)

    def plan(self, name: str) -> None:
        """Have the server check and plan `sql/<name>.sql` without running it. Raises: SampleError."""
        nothing = {parameter.name: None for parameter in queries.load(name).parameters}
        with mapped_errors(f"{name}: ", self._encoding):
            self._connection.execute(b"EXPLAIN " + self._statement(name), nothing, prepare=False)

    def _statement(self, name: str) -> bytes:
        tables = tuple(table for table in self._tables(name) if table not in self._locked)
        condition = f"{self._condition} AND {proof.of_tables(self.schema, tables, self._unpartitioned)}"
        return queries.statement(name, self.schema, self._encoding, condition, self.mapping)

    def _tables(self, name: str) -> tuple[str, ...]:
        return relations.tables(self.mapping, queries.load(name).placeholders)

    def _plan_of_all_rows(self, reads: tuple[visibility.Table, ...]) -> _Answer:
        with mapped_errors("plan: ", self._encoding), self._connection.cursor() as cursor:
            return text.rows(cursor.execute(proof.plan_of_all_rows(self.schema, reads), prepare=False))

    def _limit_to_remaining_time(self) -> None:
        """Lower statement_timeout to the remaining time, once that is worth a round trip.

        So the server cancels a sample of many slow statements before the client gives up the connection.
        Raises: TooSlow when no time is left.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TooSlow("the statements of this sample took longer than statement_timeout together")
        if left < self._current_timeout - CLIENT_GRACE / 2:
            self._current_timeout = left
            with mapped_errors(session_encoding=self._encoding):
                setting = "SELECT set_config('statement_timeout', %s, true)"
                self._connection.execute(setting, (_milliseconds(left),), prepare=False)

    def _begin(
        self, settings: DatabaseSettings, reads: tuple[visibility.Table, ...], expected: Expected
    ) -> "tuple[_Facts, list[visibility.TableVisibility], _Answer | None]":
        """Send all that a transaction begins with in one message, and return its answers."""
        asks_replay = self._tracker.expects_standby
        limits = settings.schema, settings.timestamp_zone, settings.statement_timeout, settings.lock_timeout
        message = _opening(limits, reads, asks_replay, expected)
        with mapped_errors("session: "), self._connection.cursor() as cursor:
            cursor.execute(message)
            replays = _next(cursor, "replay", Replay) if asks_replay else []
            _next(cursor, "defaults", _Defaults)
            facts = _next(cursor, "session", _Facts)
            seen = _next(cursor, "visibility", visibility.TableVisibility) if reads else []
            plan = _answer(cursor) if expected.filter else None
        if self._note_server(facts[0], replays):
            return facts[0], seen, plan
        with mapped_errors():
            self._connection.rollback()
        return self._begin(settings, reads, expected)

    def _note_server(self, facts: "_Facts", replays: list[Replay]) -> bool:
        """Whether the answers are complete. An unexpected standby has to be asked for its replay first.

        Its replay position is of use only as of the snapshot, so that takes another transaction.
        """
        where = address(facts.host, facts.port)
        if not facts.in_recovery:
            self._tracker.found_primary(where, facts.server_start)
            return True
        if replays:
            self._tracker.found_standby(where, facts.now, replays[0], facts.server_start)
        else:
            self._tracker.expects_standby = True
        return bool(replays)


def _next(cursor: "psycopg.Cursor[Any]", name: str, row: type[Row]) -> list[Row]:
    """The answer to the next statement of a message, `sql/<name>.sql`."""
    _check_fields(name, row)
    return [row(*values) for values in _answer(cursor)]


def _answer(cursor: "psycopg.Cursor[Any]") -> _Answer:
    cursor.nextset()
    return text.rows(cursor)


def _check_fields(name: str, row: type[object]) -> None:
    """Raises: TypeError when the fields of the dataclass are not the columns of `sql/<name>.sql`, in their order.

    Values are assigned by position: matching names in every answer would cost a fifth of a transaction's beginning.
    """
    fields, columns = getattr(row, "__match_args__", ()), queries.load(name).column_names
    if fields != columns:
        raise TypeError(f"{row.__name__} has the fields {fields}, sql/{name}.sql the columns {columns}")


@lru_cache(maxsize=64)
def _opening(
    limits: tuple[str, str | None, float, float],
    reads: tuple[visibility.Table, ...],
    asks_replay: bool,
    expected: Expected,
) -> bytes:
    """BEGIN, sql/replay.sql for a standby, defaults.sql, session.sql, and visibility.sql where something is read.

    In UTF-8, in which the connection was made. Row security is checked last, by the plan: it shows whatever had changed
    before. `limits` are the schema, the zone of its timestamps, and the timeouts of statements and locks, seconds.
    Cached, because quoting all values takes longer than the rest of a sample.
    """
    schema, zone, statement_timeout, lock_timeout = limits
    timeouts = {
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(lock_timeout),
        "transaction_timeout": _milliseconds(statement_timeout + CLIENT_GRACE),
    }
    parts: list[tuple[str, Mapping[str, object]]] = [("replay", {})] if asks_replay else []
    parts += [("defaults", {}), ("session", timeouts)]
    if reads:
        parts.append(("visibility", visibility.question(schema, reads, zone)))
    statements = [_BEGIN, *(queries.load(name).with_literals(schema, parameters) for name, parameters in parts)]
    if expected.filter:
        statements.append(proof.plan_of_all_rows(schema, reads))
    if expected.bitmap_scans:
        statements.append(_BITMAP_SCANS)
    return b";\n".join(statements)


@dataclass(frozen=True, slots=True)
class _Defaults:
    settings: int


@dataclass(frozen=True, slots=True)
class _Facts:
    now: float
    read_only: bool
    isolation: str
    role: str
    in_recovery: bool
    host: str | None
    port: int | None
    started: float

    @property
    def server_start(self) -> ServerStart:
        """When the server was started."""
        return ServerStart(self.started, self.now - self.started)


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
