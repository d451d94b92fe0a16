"""One row of the table of jobs, as SQL: what its columns mean, and the conditions for its state."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from exporter.database.jobs.fragments import Part, all_of, any_of, is_set, joined, not_set
from exporter.database.jobs.transitions import Transitions
from exporter.outbox.mapping import DEFAULT, OutboxMapping

# The name of a queue, as a join with the table of queues names it.
QUEUE_NAME = "outbox_queue_name"
PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
# 9999-12-31 23:59:59 UTC: later than any time that is believed.
_LAST_SECOND = "253402300799"


class JobRow:
    """Parts of SQL about a row of the table of jobs, which has the alias `jobs`.

    Columns come with the name that they have in the default table. Of a list of conditions all have to hold.
    """

    def __init__(self, mapping: OutboxMapping, transitions: Transitions) -> None:
        self._m = mapping
        self._transitions = transitions

    @property
    def id(self) -> tuple[Part, str]:
        """What identifies the job."""
        return joined([sql.Identifier(column) for column in self._m.id]), "outbox_id"

    @property
    def queue(self) -> tuple[Part, str]:
        """The name of its queue; empty where the jobs have none."""
        if self._m.queues_table:
            return sql.Identifier(QUEUE_NAME), "queue_name"
        return (sql.Identifier(self._m.queue) if self._m.queue else sql.SQL("''::text")), "queue_name"

    @property
    def attempts(self) -> tuple[Part, str]:
        """How often it was attempted: once at least, where its status says that it was."""
        m = self._m
        number: Part = sql.Identifier(m.attempts) if m.attempts else sql.SQL("0")
        if m.attempts and m != DEFAULT:
            # Some libraries begin with NULL; in the default table it is an error of its writer.
            number = sql.SQL("coalesce({}, 0)").format(number)
        retried = [*m.status_retrying, *m.status_failed]
        if retried:
            number = sql.SQL("CASE WHEN {} THEN greatest({}, 1) ELSE {} END").format(
                self.status(retried), number, number
            )
        return number, "attempts"

    @property
    def created(self) -> Part:
        """When it was created; NULL where no row tells."""
        if self._m.created or not self._m.events_created:
            return self.time(self._m.created)
        return self._transitions.created_at("jobs", self._m.id)

    @property
    def waiting_since(self) -> Part:
        """Since when it waits: since it was created or since it is due, whichever is later."""
        created = self.created
        if not self._m.due:
            return created
        return sql.SQL("greatest({}, {})").format(created, self.time(self._m.due))

    def time(self, column: str) -> Part:
        """The time in this column; NULL without one."""
        if not column:
            return sql.SQL("NULL::timestamptz")
        if not self._m.epoch:
            return sql.Identifier(column)
        number, units = sql.Identifier(column), sql.Literal(PER_SECOND[self._m.epoch])
        seconds = sql.SQL("{}::double precision / {}").format(number, units)
        if column == self._m.processed:
            return sql.SQL("to_timestamp({})").format(seconds)  # an index may be on this
        # The largest integer stands for "never", and the server has no time for it, nor for NaN, which is larger still.
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN to_timestamp(greatest(0, least({}, {}))) END").format(
            number, seconds, sql.SQL(_LAST_SECOND)
        )

    @property
    def alive(self) -> Sequence[Part]:
        """The row is a job: it is not marked as removed."""
        if not self._m.deleted:
            return ()
        return (sql.SQL("coalesce({}::text, 'false') IN ('false', '0')").format(sql.Identifier(self._m.deleted)),)

    @property
    def unprocessed(self) -> Sequence[Part]:
        """The job is neither processed nor cancelled, as far as its status, or the time of processing, says."""
        m = self._m
        if m.status:
            return (self.status((*m.status_pending, *m.status_retrying)),)
        return (not_set(m.processed),) if m.processed else ()

    @property
    def open(self) -> Sequence[Part]:
        """A worker may take the job, now or later, or has it."""
        return (*self.unprocessed, *([not_set(self._m.failed)] if self._m.failed else []))

    @property
    def not_running(self) -> Sequence[Part]:
        """No worker has the job."""
        return (not_set(self._m.running),) if self._m.running else ()

    @property
    def _has_reached_limit(self) -> Part:
        return self._compared(">=", "false")

    def _compared(self, operator: str, unlimited: str) -> Part:
        """The attempts with their limit; a job whose limit is NULL has none."""
        limit, attempts = self._m.max_attempts, sql.Identifier(self._m.attempts)
        if limit.isdigit():
            return sql.SQL(f"coalesce({{}}, 0) {operator} {limit}").format(attempts)
        return sql.SQL(f"coalesce(coalesce({{}}, 0) {operator} {{}}, {unlimited})").format(
            attempts, sql.Identifier(limit)
        )

    @property
    def failed(self) -> Part:
        """The status says that the job is not attempted any more."""
        failed = self.status(self._m.status_failed)
        return all_of([failed, self._has_reached_limit]) if self._m.is_cancelled_below_max_attempts else failed

    @property
    def used_up(self) -> Sequence[Part]:
        """Each one a reason for which an open job is not attempted any more."""
        m, found = self._m, []
        if m.max_attempts:
            found.append(self._has_reached_limit)
        if m.expires:
            found.append(sql.SQL("{} <= now()").format(self.time(m.expires)))
        return found

    @property
    def ended_in_error(self) -> Part:
        """The job was given up: it has a time of processing, and an error."""
        return all_of([is_set(self._m.processed), is_set(self._m.error)])

    @property
    def not_used_up(self) -> Sequence[Part]:
        """None of these reasons holds."""
        m, found = self._m, []
        if m.max_attempts:
            found.append(self._compared("<", "true"))
        if m.expires:
            expires = self.time(m.expires)
            found.append(sql.SQL("({} IS NULL OR {} > now())").format(expires, expires))
        return found

    @property
    def due(self) -> Sequence[Part]:
        """The job may be run now."""
        due = self.time(self._m.due)
        return (sql.SQL("({} IS NULL OR {} <= now())").format(due, due),) if self._m.due else ()

    @property
    def later(self) -> Part:
        """The job is not due yet."""
        return sql.SQL("{} > now()").format(self.time(self._m.due))

    @property
    def has_not_failed(self) -> Part:
        """The job's latest attempt has not failed: it is running, processed or cancelled."""
        pending = self.status((*self._m.status_pending, *self._m.status_retrying))
        return sql.SQL("NOT {}").format(any_of([pending, self.failed] if self._m.status_failed else [pending]))

    def status(self, values: Iterable[str]) -> Part:
        """The status is one of these."""
        # Not IN, which no index serves that is partial to one of the values.
        status = sql.Identifier(self._m.status)
        return any_of([sql.SQL("{} = {}").format(status, sql.Literal(value)) for value in values])
