"""What stands for the placeholders of statements: the watched tables, and the jobs of a mapping by state.

The jobs of a state are a subquery that gives the columns the names of the default table. The server makes it part of
the statement, so that an index serves as if the columns were written there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from psycopg import sql

from exporter.database.visibility import Table
from exporter.outbox.mapping import DEFAULT, Names, OutboxMapping

JOBS = "job_outbox"
TABLES = (JOBS, "idempotency_keys", "fsm_events")

_Part = sql.Composable
_NULL = sql.SQL("NULL")
# The columns of a table of queues, as a join renames them.
_QUEUE_ID, _QUEUE_NAME = "outbox_queue_id", "outbox_queue_name"
_PER_SECOND = {"seconds": "1", "milliseconds": "1000", "microseconds": "1000000"}


@lru_cache(maxsize=16)
def compose(mapping: OutboxMapping, schema: str) -> Mapping[str, sql.Composable]:
    """The SQL of every placeholder."""
    tables = {name: sql.Identifier(schema, name) for name in TABLES}
    jobs = _Jobs(mapping, schema)
    return {**tables, JOBS: sql.Identifier(schema, mapping.table), **{name: jobs.relation(name) for name in RELATIONS}}


def reads(mapping: OutboxMapping, *relations: str) -> tuple[Table, ...]:
    """The tables, and of each the columns, that these relations read."""
    needed = {column for relation in relations for column in RELATIONS[relation](mapping)}
    times = {mapping.created, mapping.processed, mapping.failed, mapping.due, mapping.expires, mapping.last_attempt}
    kinds = {
        **dict.fromkeys(times, "number" if mapping.epoch else "time"),
        **dict.fromkeys(mapping.id, "id"),
        mapping.queue: "text",
        mapping.attempts: "integer",
        mapping.max_attempts: "integer",
    }
    columns = tuple(column for column in job_columns(mapping) if column in needed)
    found = [Table(mapping.table, columns, tuple(kinds.get(column, "") for column in columns))] if columns else []
    if any(_reads_events(mapping, relation) for relation in relations):
        found.append(_events(mapping))
    if any(_reads_queues(mapping, relation) for relation in relations):
        found.append(Table(mapping.queues_table, (mapping.queues_id, mapping.queues_name), ("", "text")))
    return tuple(found)


def job_columns(mapping: OutboxMapping) -> tuple[str, ...]:
    """The columns of the table of jobs that have a meaning, each once."""
    m = mapping
    columns = (
        *m.id, m.queue, m.attempts, m.created, m.processed, m.last_attempt, m.status, m.running, m.failed, m.error,
        m.due, m.expires, _limit(m), m.deleted,
    )  # fmt: skip
    return tuple(dict.fromkeys(column for column in columns if column))


def watched_tables(mapping: OutboxMapping) -> tuple[str, ...]:
    """The names of all tables that are watched."""
    if mapping == DEFAULT:
        return TABLES
    return tuple(name for name in (mapping.table, mapping.events_table, mapping.queues_table) if name)


def tables(mapping: OutboxMapping, placeholders: Iterable[str]) -> tuple[str, ...]:
    """The names of the tables that stand behind these placeholders."""
    found: list[str] = []
    for each in placeholders:
        is_jobs = each == JOBS or each in RELATIONS
        found.append(mapping.table if is_jobs else each)
        if _reads_events(mapping, each):
            found.append(mapping.events_table)
        if _reads_queues(mapping, each):
            found.append(mapping.queues_table)
    return tuple(dict.fromkeys(found))


def _pending(m: OutboxMapping) -> Names:
    return (*m.id, m.queue, m.attempts, m.created, m.processed, m.status, m.running, m.failed, *_terms(m), m.deleted)


def _processed(m: OutboxMapping) -> Names:
    if m.events_processed and not m.processed:
        return (*m.id, m.queue, m.created)
    return (*m.id, m.queue, m.created, m.processed, m.error, m.status if m.status_processed else "", m.deleted)


def _failing(m: OutboxMapping) -> Names:
    by_events = (*m.id, m.queue, m.status) if m.events_failed else ()
    if by_events and not m.last_attempt:
        return by_events
    state = (m.status, m.running, m.failed, m.error, m.deleted)
    by_rows = (m.queue, m.attempts, m.created, m.processed, m.last_attempt, *state)
    return (*by_events, *by_rows, *([_limit(m)] if m.is_cancelled_below_max_attempts else []))


def _other(m: OutboxMapping) -> Names:
    state = (m.status, m.running, m.failed, m.error, *_terms(m), m.deleted)
    return (m.queue, m.attempts, m.created, m.processed, *state)


def _all(m: OutboxMapping) -> Names:
    return (*m.id, m.created, m.processed, m.deleted)


def _statuses(m: OutboxMapping) -> Names:
    return (m.status, m.deleted)


def _terms(m: OutboxMapping) -> Names:
    return (m.due, m.expires, _limit(m))


def _limit(m: OutboxMapping) -> str:
    """The column that limits the attempts, if one does."""
    return "" if m.max_attempts.isdigit() else m.max_attempts


# By name: the columns of the table of jobs that the relation reads.
RELATIONS: Mapping[str, Callable[[OutboxMapping], Names]] = MappingProxyType(
    {
        "pending_jobs": _pending,
        "processed_jobs": _processed,
        "failing_jobs": _failing,
        "other_jobs": _other,
        "all_jobs": _all,
        "statuses": _statuses,
    }
)


def _events(mapping: OutboxMapping) -> Table:
    m = mapping
    columns = tuple(
        dict.fromkeys((*m.events_job, m.events_type, m.events_at, *([m.events_queue] * bool(m.events_queue))))
    )
    kinds = {m.events_at: "time", m.events_queue: "text"}
    return Table(m.events_table, columns, tuple(kinds.get(column, "") for column in columns))


def _reads_events(mapping: OutboxMapping, relation: str) -> bool:
    m = mapping
    created = bool(m.events_created and not m.created)
    by_relation = {
        "processed_jobs": bool(m.events_processed and not m.processed) or created,
        "failing_jobs": bool(m.events_failed) or created,
    }
    return by_relation.get(relation, created and relation in RELATIONS)


def _reads_queues(mapping: OutboxMapping, relation: str) -> bool:
    return bool(mapping.queues_table) and mapping.queue in RELATIONS.get(relation, _none)(mapping)


def _none(_: OutboxMapping) -> Names:
    return ()


class _Jobs:
    """The subqueries about the jobs of one mapping. Conditions are lists, all of which have to hold."""

    def __init__(self, mapping: OutboxMapping, schema: str) -> None:
        self._m = mapping
        self._schema = schema

    def relation(self, name: str) -> _Part:
        """A subquery: the rows with the names of the default table's columns."""
        build: dict[str, Callable[[], _Part]] = {
            "pending_jobs": self._pending,
            "processed_jobs": self._processed,
            "failing_jobs": self._failing,
            "other_jobs": self._other,
            "all_jobs": self._all,
            "statuses": self._statuses,
        }
        return sql.SQL("({}) AS {}").format(build[name](), sql.Identifier(name))

    def _pending(self) -> _Part:
        return self._select(
            (self._id, self._queue, self._attempts, (self._waiting_since, "created_at")),
            [*self._alive, *self._open, *self._not_running, *self._not_used_up, *self._due],
        )

    def _processed(self) -> _Part:
        if self._m.events_processed and not self._m.processed:
            return self._processed_by_events()
        done = [self._status(self._m.status_processed)] if self._m.status_processed else []
        if self._m.processed and not done:
            done = [_is_set(self._m.processed), *([_not_set(self._m.error)] if self._m.error else [])]
        times = (self._created, "created_at"), (self._time(self._m.processed), "processed_at")
        return self._select((self._id, self._queue, *times), [*self._alive, *done])

    def _failing(self) -> _Part:
        m = self._m
        if not m.events_failed:
            return self._failing_by_rows()
        if not m.last_attempt:
            return self._failing_by_events()
        return sql.SQL("{} UNION ALL {}").format(self._failing_by_rows(), self._failing_by_events())

    def _failing_by_rows(self) -> _Part:
        times = (self._created, "created_at"), (self._time(self._m.last_attempt), "last_attempt_at")
        unprocessed = _all_of(self._open)
        if self._m.status_failed:
            unprocessed = _any_of([unprocessed, self._failed])
        elif self._m.error:
            unprocessed = _any_of([unprocessed, self._ended_in_error])
        elif self._m.failed and self._m.processed:
            unprocessed = _not_set(self._m.processed)
        return self._select((self._queue, self._attempts, *times), [*self._alive, unprocessed, *self._not_running])

    def _other(self) -> _Part:
        m = self._m
        states: list[tuple[str, _Part]] = []
        if m.status_running:
            states.append(("running", self._status(m.status_running)))
        if m.running:
            states.append(("running", _all_of([*self._open, _is_set(m.running)])))
        if m.status_failed:
            states.append(("exhausted", self._failed))
        if m.failed:
            states.append(("exhausted", _all_of([*self._unprocessed, _is_set(m.failed)])))
        if m.error:
            states.append(("exhausted", self._ended_in_error))
        states += [("exhausted", _all_of([*self._open, *self._not_running, each])) for each in self._used_up]
        if m.due:
            states.append(("scheduled", _all_of([*self._open, *self._not_running, *self._not_used_up, self._later])))
        if not states:
            states.append(("", sql.SQL("false")))
        cases = sql.SQL(" ").join(sql.SQL("WHEN {} THEN {}").format(part, sql.Literal(name)) for name, part in states)
        state = sql.SQL("CASE {} END").format(cases), "state"
        return self._select(
            (self._queue, state, (self._created, "created_at")), [*self._alive, _any_of([part for _, part in states])]
        )

    def _all(self) -> _Part:
        times = (self._created, "created_at"), (self._time(self._m.processed), "processed_at")
        return self._select((self._id, *times), self._alive)

    def _statuses(self) -> _Part:
        status = sql.SQL("{}::text").format(sql.Identifier(self._m.status)) if self._m.status else sql.SQL("NULL::text")
        return self._select(((status, "status"),), self._alive)

    # --- by the table of transitions ---

    def _processed_by_events(self) -> _Part:
        m = self._m
        queue = _column("events", m.events_queue) if m.events_queue else self._of_job(m.queue)
        # The row of a processed job may be gone.
        created = self._created_by_events("events", m.events_job) if m.events_created else self._of_job(m.created)
        return self._select_events(
            (
                (_joined([_column("events", column) for column in m.events_job]), "outbox_id"),
                (queue, "queue_name"),
                (created, "created_at"),
                (_column("events", m.events_at), "processed_at"),
            ),
            [self._type("events", m.events_processed)],
        )

    def _failing_by_events(self) -> _Part:
        m = self._m
        at = _column("events", m.events_at)
        queue = _column("events", m.events_queue) if m.events_queue else self._of_job(m.queue)
        done = [self._type("later", m.events_processed), *self._same_job("later", m.events_job, "events")]
        unprocessed = [self._not_exists("later", _all_of(done))] if m.events_processed else []
        if m.last_attempt:  # the jobs that have a row are told by it
            unprocessed.append(self._no_job())
        elif m.status:
            unprocessed.append(self._no_job(self._has_not_failed))
        # A job counts once: an earlier failure of it is left out.
        newer = [self._type("later", m.events_failed), *self._same_job("later", m.events_job, "events")]
        newer.append(sql.SQL("{} > {}").format(_column("later", m.events_at), at))
        lately = sql.SQL("{} >= now() - interval '1 hour'").format(at)
        return self._select_events(
            ((queue, "queue_name"), (sql.SQL("1"), "attempts"), (at, "created_at"), (at, "last_attempt_at")),
            [self._type("events", m.events_failed), lately, *unprocessed, self._not_exists("later", _all_of(newer))],
        )

    # --- columns ---

    @property
    def _id(self) -> tuple[_Part, str]:
        return _joined([sql.Identifier(column) for column in self._m.id]), "outbox_id"

    @property
    def _queue(self) -> tuple[_Part, str]:
        if self._m.queues_table:
            return sql.Identifier(_QUEUE_NAME), "queue_name"
        return (sql.Identifier(self._m.queue) if self._m.queue else sql.SQL("''::text")), "queue_name"

    @property
    def _attempts(self) -> tuple[_Part, str]:
        m = self._m
        number: _Part = sql.Identifier(m.attempts) if m.attempts else sql.SQL("0")
        if m.attempts and m != DEFAULT:
            # Some libraries begin with NULL; in the default table it is an error of its writer.
            number = sql.SQL("coalesce({}, 0)").format(number)
        retried = [*m.status_retrying, *m.status_failed]
        if retried:
            number = sql.SQL("CASE WHEN {} THEN greatest({}, 1) ELSE {} END").format(
                self._status(retried), number, number
            )
        return number, "attempts"

    @property
    def _created(self) -> _Part:
        if self._m.created or not self._m.events_created:
            return self._time(self._m.created)
        return self._created_by_events("jobs", self._m.id)

    @property
    def _waiting_since(self) -> _Part:
        created = self._created
        if not self._m.due:
            return created
        return sql.SQL("greatest({}, {})").format(created, self._time(self._m.due))

    def _time(self, column: str) -> _Part:
        if not column:
            return sql.SQL("NULL::timestamptz")
        if not self._m.epoch:
            return sql.Identifier(column)
        units = sql.SQL(_PER_SECOND[self._m.epoch])
        return sql.SQL("to_timestamp({}::double precision / {})").format(sql.Identifier(column), units)

    # --- conditions ---

    @property
    def _alive(self) -> Sequence[_Part]:
        """The row is a job: it is not marked as removed."""
        if not self._m.deleted:
            return ()
        return (sql.SQL("coalesce({}::text, 'false') IN ('false', '0')").format(sql.Identifier(self._m.deleted)),)

    @property
    def _unprocessed(self) -> Sequence[_Part]:
        m = self._m
        if m.status:
            return (self._status((*m.status_pending, *m.status_retrying)),)
        return (_not_set(m.processed),) if m.processed else ()

    @property
    def _open(self) -> Sequence[_Part]:
        """A worker may take the job, now or later, or has it."""
        return (*self._unprocessed, *([_not_set(self._m.failed)] if self._m.failed else []))

    @property
    def _not_running(self) -> Sequence[_Part]:
        return (_not_set(self._m.running),) if self._m.running else ()

    @property
    def _limit(self) -> _Part:
        limit = self._m.max_attempts
        return sql.SQL(limit) if limit.isdigit() else sql.Identifier(limit)

    @property
    def _has_reached_limit(self) -> _Part:
        return sql.SQL("coalesce({}, 0) >= {}").format(sql.Identifier(self._m.attempts), self._limit)

    @property
    def _failed(self) -> _Part:
        """The status says that the job is not attempted any more."""
        failed = self._status(self._m.status_failed)
        return _all_of([failed, self._has_reached_limit]) if self._m.is_cancelled_below_max_attempts else failed

    @property
    def _used_up(self) -> Sequence[_Part]:
        """Each one a reason for which an open job is not attempted any more."""
        m, found = self._m, []
        if m.max_attempts:
            found.append(self._has_reached_limit)
        if m.expires:
            found.append(sql.SQL("{} <= now()").format(self._time(m.expires)))
        return found

    @property
    def _ended_in_error(self) -> _Part:
        return _all_of([_is_set(self._m.processed), _is_set(self._m.error)])

    @property
    def _not_used_up(self) -> Sequence[_Part]:
        m, found = self._m, []
        if m.max_attempts:
            found.append(sql.SQL("coalesce({}, 0) < {}").format(sql.Identifier(m.attempts), self._limit))
        if m.expires:
            expires = self._time(m.expires)
            found.append(sql.SQL("({} IS NULL OR {} > now())").format(expires, expires))
        return found

    @property
    def _due(self) -> Sequence[_Part]:
        due = self._time(self._m.due)
        return (sql.SQL("({} IS NULL OR {} <= now())").format(due, due),) if self._m.due else ()

    @property
    def _later(self) -> _Part:
        return sql.SQL("{} > now()").format(self._time(self._m.due))

    @property
    def _has_not_failed(self) -> _Part:
        """The job's latest attempt has not failed: it is running, processed or cancelled."""
        pending = self._status((*self._m.status_pending, *self._m.status_retrying))
        return sql.SQL("NOT {}").format(_any_of([pending, self._failed] if self._m.status_failed else [pending]))

    def _status(self, values: Iterable[str]) -> _Part:
        # Not IN, which no index serves that is partial to one of the values.
        status = sql.Identifier(self._m.status)
        return _any_of([sql.SQL("{} = {}").format(status, sql.Literal(value)) for value in values])

    # --- the other table ---

    @property
    def _events_table(self) -> _Part:
        return sql.Identifier(self._schema, self._m.events_table)

    def _type(self, alias: str, values: Iterable[str]) -> _Part:
        return sql.SQL("{} IN ({})").format(_column(alias, self._m.events_type), _comma(map(sql.Literal, values)))

    def _same_job(self, alias: str, columns: Sequence[str], other: str) -> list[_Part]:
        pairs = zip(self._m.events_job, columns, strict=True)
        return [sql.SQL("{} = {}").format(_column(alias, ours), _column(other, theirs)) for ours, theirs in pairs]

    def _created_by_events(self, other: str, columns: Sequence[str]) -> _Part:
        m = self._m
        conditions = [self._type("made", m.events_created), *self._same_job("made", columns, other)]
        return sql.SQL("(SELECT min({}) FROM {} AS made WHERE {})").format(
            _column("made", m.events_at), self._events_table, _all_of(conditions)
        )

    def _of_job(self, column: str) -> _Part:
        """A column of the job of an event; NULL where its row is gone."""
        if not column:
            return sql.SQL("NULL::text")
        return sql.SQL("(SELECT {} FROM {} AS jobs WHERE {})").format(
            _column("jobs", column), sql.Identifier(self._schema, self._m.table), _all_of(self._job_of_event)
        )

    def _no_job(self, *conditions: _Part) -> _Part:
        """The job of an event has no row, or none that meets these conditions."""
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS jobs WHERE {})").format(
            sql.Identifier(self._schema, self._m.table), _all_of([*self._job_of_event, *conditions])
        )

    @property
    def _job_of_event(self) -> list[_Part]:
        pairs = zip(self._m.id, self._m.events_job, strict=True)
        return [sql.SQL("{} = {}").format(_column("jobs", ours), _column("events", theirs)) for ours, theirs in pairs]

    def _not_exists(self, alias: str, condition: _Part) -> _Part:
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS {} WHERE {})").format(
            self._events_table, sql.Identifier(alias), condition
        )

    # --- subqueries ---

    def _select(self, columns: Iterable[tuple[_Part, str]], conditions: Sequence[_Part]) -> _Part:
        table = sql.Identifier(self._schema, self._m.table)
        listed = _comma(sql.SQL("{} AS {}").format(part, sql.Identifier(name)) for part, name in columns)
        where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
        return sql.SQL("SELECT {} FROM {} AS jobs{}{}").format(listed, table, self._names_of_queues, where)

    @property
    def _names_of_queues(self) -> _Part:
        """A join, whose columns have names that the table of jobs does not have; nothing where the jobs have names.

        Each id has one row, whether or not the table says so: no job counts twice.
        """
        m = self._m
        if not m.queues_table:
            return sql.SQL("")
        names = sql.SQL("SELECT {id} AS {unique_id}, min({name}) AS {one_name} FROM {table} GROUP BY {id}").format(
            id=sql.Identifier(m.queues_id),
            unique_id=sql.Identifier(_QUEUE_ID),
            name=sql.Identifier(m.queues_name),
            one_name=sql.Identifier(_QUEUE_NAME),
            table=sql.Identifier(self._schema, m.queues_table),
        )
        return sql.SQL(" LEFT JOIN ({}) AS queues ON {} = {}").format(
            names, sql.Identifier(_QUEUE_ID), _column("jobs", m.queue)
        )

    def _select_events(self, columns: Iterable[tuple[_Part, str]], conditions: Sequence[_Part]) -> _Part:
        listed = _comma(sql.SQL("{} AS {}").format(part, sql.Identifier(name)) for part, name in columns)
        return sql.SQL("SELECT {} FROM {} AS events WHERE {}").format(listed, self._events_table, _all_of(conditions))


def _column(alias: str, column: str) -> _Part:
    return sql.Identifier(alias, column)


def _comma(parts: Iterable[_Part]) -> _Part:
    return sql.SQL(", ").join(parts)


def _joined(columns: Sequence[_Part]) -> _Part:
    """The columns that identify a job, as one value."""
    if len(columns) == 1:
        return columns[0]
    return sql.SQL(" || '/' || ").join(sql.SQL("{}::text").format(column) for column in columns)


def _is_set(column: str) -> _Part:
    return sql.SQL("{} IS NOT NULL").format(sql.Identifier(column))


def _not_set(column: str) -> _Part:
    return sql.SQL("{} IS NULL").format(sql.Identifier(column))


def _all_of(conditions: Sequence[_Part]) -> _Part:
    if not conditions:
        return sql.SQL("true")
    return conditions[0] if len(conditions) == 1 else sql.SQL("({})").format(sql.SQL(" AND ").join(conditions))


def _any_of(conditions: Sequence[_Part]) -> _Part:
    return conditions[0] if len(conditions) == 1 else sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))
