"""The jobs of a mapping by state, as SQL: subqueries with the names of the default table's columns."""

from collections.abc import Callable, Iterable, Sequence

from psycopg import sql

from exporter.database.jobs.fragments import Part, all_of, any_of, column, comma, is_set, joined, not_set
from exporter.database.jobs.row import QUEUE_NAME, JobRow
from exporter.database.jobs.transitions import Transitions
from exporter.outbox.mapping import OutboxMapping

# A column of the table of queues, as the join renames it.
_QUEUE_ID = "outbox_queue_id"


class JobRelations:
    """The subqueries about the jobs of one mapping."""

    def __init__(self, mapping: OutboxMapping, schema: str) -> None:
        self._m = mapping
        self._schema = schema
        self._transitions = Transitions(mapping, schema)
        self._row = JobRow(mapping, self._transitions)

    def relation(self, name: str) -> Part:
        """A subquery: the rows with the names of the default table's columns."""
        build: dict[str, Callable[[], Part]] = {
            "pending_jobs": self._pending,
            "processed_jobs": self._processed,
            "failing_jobs": self._failing,
            "other_jobs": self._other,
            "all_jobs": self._all,
            "statuses": self._statuses,
        }
        return sql.SQL("({}) AS {}").format(build[name](), sql.Identifier(name))

    def _pending(self) -> Part:
        return self._select(
            (self._row.id, self._row.queue, self._row.attempts, (self._row.waiting_since, "created_at")),
            [*self._row.alive, *self._row.open, *self._row.not_running, *self._row.not_used_up, *self._row.due],
        )

    def _processed(self) -> Part:
        if self._m.events_processed and not self._m.processed:
            return self._processed_by_events()
        done = [self._row.status(self._m.status_processed)] if self._m.status_processed else []
        if self._m.processed and not done:
            done = [is_set(self._m.processed), *([not_set(self._m.error)] if self._m.error else [])]
        times = (self._row.created, "created_at"), (self._row.time(self._m.processed), "processed_at")
        return self._select((self._row.id, self._row.queue, *times), [*self._row.alive, *done])

    def _failing(self) -> Part:
        m = self._m
        if not m.events_failed:
            return self._failing_by_rows()
        if not m.last_attempt:
            return self._failing_by_events()
        return sql.SQL("{} UNION ALL {}").format(self._failing_by_rows(), self._failing_by_events())

    def _failing_by_rows(self) -> Part:
        times = (self._row.created, "created_at"), (self._row.time(self._m.last_attempt), "last_attempt_at")
        unprocessed = all_of(self._row.open)
        if self._m.status_failed:
            unprocessed = any_of([unprocessed, self._row.failed])
        elif self._m.error:
            unprocessed = any_of([unprocessed, self._row.ended_in_error])
        elif self._m.failed and self._m.processed:
            unprocessed = not_set(self._m.processed)
        return self._select(
            (self._row.queue, self._row.attempts, *times), [*self._row.alive, unprocessed, *self._row.not_running]
        )

    def _other(self) -> Part:
        row, states = self._row, self._states() or [("", sql.SQL("false"))]
        cases = sql.SQL(" ").join(sql.SQL("WHEN {} THEN {}").format(part, sql.Literal(name)) for name, part in states)
        state = sql.SQL("CASE {} END").format(cases), "state"
        conditions = [*row.alive, any_of([part for _, part in states])]
        return self._select((row.queue, state, (row.created, "created_at")), conditions)

    def _states(self) -> list[tuple[str, Part]]:
        """The states besides pending and processed, each with its condition; of several the first one counts."""
        m, row = self._m, self._row
        found: list[tuple[str, Part]] = []
        if m.status_running:
            found.append(("running", row.status(m.status_running)))
        if m.running:
            found.append(("running", all_of([*row.open, is_set(m.running)])))
        if m.status_failed:
            found.append(("exhausted", row.failed))
        if m.failed:
            found.append(("exhausted", all_of([*row.unprocessed, is_set(m.failed)])))
        if m.error:
            found.append(("exhausted", row.ended_in_error))
        found += [("exhausted", all_of([*row.open, *row.not_running, each])) for each in row.used_up]
        if m.due:
            found.append(("scheduled", all_of([*row.open, *row.not_running, *row.not_used_up, row.later])))
        return found

    def _all(self) -> Part:
        times = (self._row.created, "created_at"), (self._row.time(self._m.processed), "processed_at")
        return self._select((self._row.id, *times), self._row.alive)

    def _statuses(self) -> Part:
        m = self._m
        status = sql.SQL("{}::text").format(sql.Identifier(m.status)) if m.status else sql.SQL("NULL::text")
        meanings = {
            "pending": (*m.status_pending, *m.status_retrying),
            "running": m.status_running,
            "processed": m.status_processed,
            "failed": m.status_failed,
            "cancelled": m.status_cancelled,
        }
        # The server compares, as in every other statement: 't' is a value of a boolean, and its text is 'true'.
        cases = [
            sql.SQL("WHEN {} THEN {}").format(self._row.status(values), sql.Literal(meaning))
            for meaning, values in meanings.items()
            if values
        ]
        meaning = sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases)) if cases else sql.SQL("NULL::text")
        is_timed = is_set(m.processed) if m.processed else sql.SQL("NULL::boolean")
        return self._select(((status, "status"), (meaning, "meaning"), (is_timed, "is_timed")), self._row.alive)

    # --- by the table of transitions ---

    def _processed_by_events(self) -> Part:
        m = self._m
        queue = column("events", m.events_queue) if m.events_queue else self._of_job(m.queue)
        # The row of a processed job may be gone.
        created = self._transitions.created_at("events", m.events_job) if m.events_created else self._of_job(m.created)
        return self._transitions.select(
            (
                (joined([column("events", name) for name in m.events_job]), "outbox_id"),
                (queue, "queue_name"),
                (created, "created_at"),
                (column("events", m.events_at), "processed_at"),
            ),
            [self._transitions.type_in("events", m.events_processed)],
        )

    def _failing_by_events(self) -> Part:
        m = self._m
        at = column("events", m.events_at)
        queue = column("events", m.events_queue) if m.events_queue else self._of_job(m.queue)
        done = [
            self._transitions.type_in("later", m.events_processed),
            *self._transitions.same_job("later", m.events_job, "events"),
        ]
        unprocessed = [self._transitions.none("later", all_of(done))] if m.events_processed else []
        if m.last_attempt:  # the jobs that have a row are told by it
            unprocessed.append(self._no_job())
        elif m.status:
            unprocessed.append(self._no_job(self._row.has_not_failed))
        # A job counts once: an earlier failure of it is left out.
        newer = [
            self._transitions.type_in("later", m.events_failed),
            *self._transitions.same_job("later", m.events_job, "events"),
        ]
        newer.append(sql.SQL("{} > {}").format(column("later", m.events_at), at))
        lately = sql.SQL("{} >= now() - interval '1 hour'").format(at)
        return self._transitions.select(
            ((queue, "queue_name"), (sql.SQL("1"), "attempts"), (at, "created_at"), (at, "last_attempt_at")),
            [
                self._transitions.type_in("events", m.events_failed),
                lately,
                *unprocessed,
                self._transitions.none("later", all_of(newer)),
            ],
        )

    def _of_job(self, name: str) -> Part:
        """A column of the job of an event; NULL where its row is gone."""
        if not name:
            return sql.SQL("NULL::text")
        return sql.SQL("(SELECT {} FROM {} AS jobs WHERE {})").format(
            column("jobs", name), sql.Identifier(self._schema, self._m.table), all_of(self._job_of_event)
        )

    def _no_job(self, *conditions: Part) -> Part:
        """The job of an event has no row, or none that meets these conditions."""
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS jobs WHERE {})").format(
            sql.Identifier(self._schema, self._m.table), all_of([*self._job_of_event, *conditions])
        )

    @property
    def _job_of_event(self) -> list[Part]:
        pairs = zip(self._m.id, self._m.events_job, strict=True)
        return [sql.SQL("{} = {}").format(column("jobs", ours), column("events", theirs)) for ours, theirs in pairs]

    def _select(self, columns: Iterable[tuple[Part, str]], conditions: Sequence[Part]) -> Part:
        table = sql.Identifier(self._schema, self._m.table)
        listed = comma(sql.SQL("{} AS {}").format(part, sql.Identifier(name)) for part, name in columns)
        where = sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
        return sql.SQL("SELECT {} FROM {} AS jobs{}{}").format(listed, table, self._names_of_queues, where)

    @property
    def _names_of_queues(self) -> Part:
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
            one_name=sql.Identifier(QUEUE_NAME),
            table=sql.Identifier(self._schema, m.queues_table),
        )
        return sql.SQL(" LEFT JOIN ({}) AS queues ON {} = {}").format(
            names, sql.Identifier(_QUEUE_ID), column("jobs", m.queue)
        )
