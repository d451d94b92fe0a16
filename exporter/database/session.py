"""One sample's transaction."""

import time
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg

from exporter.config.settings import DatabaseSettings
from exporter.core.errors import SampleError, TooSlow
from exporter.database import proof, queries, text, visibility
from exporter.database.deadline import CLIENT_GRACE
from exporter.database.error_mapping import mapped_errors
from exporter.database.replay import Replay, ReplayTracker, address

Row = TypeVar("Row")
_Answer: TypeAlias = list[tuple[Any, ...]]

# DBAs meet this comment in pg_stat_activity.
_BEGIN = b"/* outbox-exporter: begin */ BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BITMAP_SCANS, _INDEX_SCANS = (
    b"SELECT set_config('enable_indexscan', '%b', true), set_config('enable_seqscan', 'off', true)" % index
    for index in (b"off", b"on")
)


@dataclass(frozen=True, slots=True)
class Prefetch:
    """What a sample will ask first, so that the message that begins its transaction can ask for it: it takes no other.

    `name` and `parameters` as for `Session.fetch_one`; None for no statement. `gather`: `Session.gather_pages` then.
    """

    name: str | None = None
    parameters: tuple[tuple[str, object], ...] = ()
    bitmap_scans: bool = False


NO_PREFETCH = Prefetch()


@dataclass(frozen=True, slots=True)
class PreviousSample:
    """What earlier samples found, so that no more messages are needed where it is still so.

    `filtered`: row security applies. `plain`: tables without partitions. `tracker` knows which server answered, and
    what proves how old its rows are.
    """

    filtered: bool = False
    plain: frozenset[str] = frozenset()
    tracker: ReplayTracker = field(default_factory=ReplayTracker)


class Session:
    """One sample's transaction, begun here, proved read-only and proved to see every row of the tables in `reads`.

    What is asked `ahead` is answered when it is fetched, and believed no sooner than everything else. `filtered` says
    afterwards whether row security applies, `plain` which of the tables have no partitions.
    `now` is the transaction's start by the database's clock, Unix seconds: what `now()` is inside every statement.
    All statements together may take as long as one. The transaction is whoever's to end who made the session.
    Raises: SampleError of the kind that the server's answer means; Stale when a standby answers that is too far behind;
    SchemaMismatch, PermissionDenied or Blind with what is missing for the tables and columns to be seen.
    """

    def __init__(
        self,
        connection: "psycopg.Connection[Any]",
        settings: DatabaseSettings,
        reads: tuple[visibility.Table, ...] = (),
        prefetch: Prefetch = NO_PREFETCH,
        known: PreviousSample | None = None,
    ) -> None:
        known = known or PreviousSample()
        self._connection = connection
        self._tracker = known.tracker
        self.schema = settings.schema
        self._ends = time.monotonic() + settings.statement_timeout
        self._current_timeout: float = settings.statement_timeout
        self._ahead = prefetch
        self._prefers_bitmap_scans = prefetch.bitmap_scans
        self._encoding = "utf-8"
        facts, seen, self._answer, plan = self._begin(settings, reads, known)
        self._encoding = text.encoding(connection)
        if not facts.read_only or facts.isolation != "repeatable read":
            raise SampleError("the server did not give a read-only, repeatable-read transaction; nothing was sampled")
        self._tracker.check(settings.max_replay_lag, facts.role)
        visibility.check_access(facts.role, seen)
        self._nullable = {column for found in seen for column in found.nullable_columns}
        self.filtered = any(found.row_security for found in seen)
        if self.filtered:
            proof.check_plan(facts.role, plan if plan is not None else self._plan_of_all_rows(reads))
        self._condition = proof.condition(seen)
        names = sorted(table.name for table in reads)
        self.plain = frozenset(name for name, found in zip(names, seen, strict=True) if found.relkind == "r")
        # Tables that a statement has proved and locked: nobody rewrites or replaces them before this transaction ends.
        self._locked = _locked_by(prefetch.name, self.plain) if prefetch.name else frozenset()
        self.now = facts.now
        self.role = facts.role
        self.rows = 0

    @property
    def is_standby(self) -> bool:
        """Whether a standby answers, which may show less than was seen before."""
        server = self._tracker.server
        return server is not None and server.in_recovery

    def fetch(self, name: str, row: type[Row], **parameters: object) -> list[Row]:
        """Run `sql/<name>.sql` and build one `row` (a dataclass with the columns as fields, in their order) per row.

        Raises: SampleError of the kind that the server's answer means.
        """
        _check_fields(name, row)
        if self._answer is not None and self._ahead == Prefetch(
            name, tuple(parameters.items()), self._ahead.bitmap_scans
        ):
            answer, self._answer = self._answer, None
            return [row(*values) for values in answer]
        self._limit_to_remaining_time()
        # Binary answers: thousands of ids and times are read from them in a third of the time that text takes.
        with mapped_errors(f"{name}: ", self._encoding), self._connection.cursor(binary=True) as cursor:
            cursor.execute(self._statement(name), parameters, prepare=False)
            answer = text.rows(cursor)
        self._locked |= _locked_by(name, self.plain)
        return [row(*values) for values in answer]

    def fetch_one(self, name: str, row: type[Row], **parameters: object) -> Row:
        """The only row of a statement that always answers with one."""
        (only,) = self.fetch(name, row, **parameters)
        return only

    def may_be_null(self, column: str) -> bool:
        """Whether a column that was proved readable, as `table.column`, is without a NOT NULL constraint."""
        return column in self._nullable

    def note_rows(self, rows: int) -> None:
        """Note that the statements read so many rows, for a question that may be asked less often when there are many.

        `rows` adds up what was noted; a question that pages notes nothing.
        """
        self.rows += rows

    def prefer_bitmap_scans(self, *, bitmap_scans: bool = True) -> None:
        """From now on, have statements find all their rows' pages before reading any, so that each is read once.

        Worth a round trip where rows lie close together but in another order than the index has them: measured for
        13,000 jobs of an hour, 480 pages instead of 2,219; for 12,500 events of 1,000 courses, 4,300 instead of
        16,500. Not for statements that want the first few rows of an index: `gather=False` before those.
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
        condition = f"{self._condition} AND {_of_tables(name, self.schema, self.plain, self._locked)}"
        return queries.statement(name, self.schema, self._encoding, condition)

    def _plan_of_all_rows(self, reads: tuple[visibility.Table, ...]) -> _Answer:
        with mapped_errors("plan: ", self._encoding), self._connection.cursor() as cursor:
            return text.rows(cursor.execute(proof.plan_of_all_rows(self.schema, reads), prepare=False))

    def _limit_to_remaining_time(self) -> None:
        """Lower statement_timeout to what is left, once that is worth a round trip.

        So the server ends a sample of many slow statements, and says so, before the client takes it for dead.
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
        self, settings: DatabaseSettings, reads: tuple[visibility.Table, ...], known: PreviousSample
    ) -> "tuple[_Facts, list[visibility.TableVisibility], _Answer | None, _Answer | None]":
        """All that a transaction begins with, in one message: it is half of what most samples have to say."""
        prefetch, asks_replay = self._ahead, self._tracker.expects_standby
        limits = settings.schema, settings.timestamp_zone, settings.statement_timeout, settings.lock_timeout
        message = _opening(limits, reads, prefetch, _Expected(known.filtered, asks_replay, known.plain))
        with mapped_errors(f"{prefetch.name or 'session'}: "), self._connection.cursor() as cursor:
            cursor.execute(message)
            replays = _next(cursor, "replay", Replay) if asks_replay else []
            _next(cursor, "defaults", _Defaults)
            facts = _next(cursor, "session", _Facts)
            seen = _next(cursor, "visibility", visibility.TableVisibility) if reads else []
            answer = _answer(cursor) if prefetch.name else None
            plan = _answer(cursor) if known.filtered else None
        if self._note_server(facts[0], replays):
            return facts[0], seen, answer, plan
        with mapped_errors():
            self._connection.rollback()
        return self._begin(settings, reads, known)

    def _note_server(self, facts: "_Facts", replays: list[Replay]) -> bool:
        """Whether all is known of the server that answers: of a standby that is unexpected, it has to be asked first.

        Where a standby has replayed WAL to is of use only as of the snapshot, so that takes another transaction.
        """
        where = address(facts.host, facts.port)
        if not facts.in_recovery:
            self._tracker.found_primary(where)
            return True
        if replays:
            self._tracker.found_standby(where, facts.now, replays[0])
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

    Values are told by their place: looking for names in every answer would cost a fifth of a transaction's beginning.
    """
    named = getattr(row, "__match_args__", ())
    if named != _columns(name):
        raise TypeError(f"{row.__name__} has the fields {named}, sql/{name}.sql the columns {_columns(name)}")


@cache
def _columns(name: str) -> tuple[str, ...]:
    return tuple(column.name for column in queries.load(name).columns)


@cache
def _of_tables(name: str, schema: str, plain: frozenset[str], locked: frozenset[str] = frozenset()) -> str:
    return proof.of_tables(schema, [table for table in queries.load(name).tables if table not in locked], plain)


@cache
def _locked_by(name: str, plain: frozenset[str]) -> frozenset[str]:
    """The tables that stay as they are once a statement has read them; a partitioned one may be read in part."""
    return plain.intersection(queries.load(name).tables)


class _Expected(NamedTuple):
    """What is asked for because it was needed by the sample before."""

    filtered: bool
    standby: bool
    plain: frozenset[str]


@lru_cache(maxsize=64)
def _opening(
    limits: tuple[str, str | None, float, float],
    reads: tuple[visibility.Table, ...],
    prefetch: Prefetch,
    expected: _Expected,
) -> bytes:
    """BEGIN, sql/replay.sql of a standby, defaults.sql, session.sql, visibility.sql where something is read, `ahead`.

    In UTF-8, in which the connection was made: the same few always. What is filtered is planned last, after the
    question: whatever had changed before that one, the plan shows. `limits` are the schema, the zone of its
    timestamps, and the timeouts of statements and of locks, seconds.
    """
    schema, zone, statement_timeout, lock_timeout = limits
    timeouts = {
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(lock_timeout),
        "transaction_timeout": _milliseconds(statement_timeout + CLIENT_GRACE),
    }
    statements = [_BEGIN]
    if expected.standby:
        statements.append(queries.load("replay").with_literals(schema, {}))
    statements += [
        queries.load("defaults").with_literals(schema, {}),
        queries.load("session").with_literals(schema, timeouts),
    ]
    if reads:
        statements.append(queries.load("visibility").with_literals(schema, visibility.question(schema, reads, zone)))
    if prefetch.name:
        condition = _of_tables(prefetch.name, schema, expected.plain)
        statements.append(queries.load(prefetch.name).with_literals(schema, dict(prefetch.parameters), condition))
    if expected.filtered:
        statements.append(proof.plan_of_all_rows(schema, reads))
    if prefetch.bitmap_scans:
        statements.append(_BITMAP_SCANS)  # last: nobody waits for its answer
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


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
