"""The mapping of meanings: which table holds the jobs, and which of its columns and values say what about a job.

A mapping has names only, never SQL. What it leaves out is not known of the jobs. The state of a row, the first that
holds:

- removed: `deleted` is set (true, or not NULL); the row is no job any more
- processed: a status of `status_processed`; without these, `processed` is not NULL, unless `error` is not NULL either
- cancelled: a status of `status_cancelled`, or one that is listed under no meaning
- running: a status of `status_running`
- exhausted: a status of `status_failed`, `failed` is not NULL, or both `processed` and `error` are not NULL; with
  `is_cancelled_below_max_attempts`, a status of `status_failed` is cancelled before that
- running as well: `running` is not NULL
- exhausted as well: `expires` has passed, or `attempts` has reached `max_attempts`
- scheduled: `due` is still to come
- pending, otherwise; failing when it was attempted before: `attempts` above 0, or a status of `status_retrying`

A job waits since it was created or since it is due, whichever is later.
"""

from dataclasses import dataclass
from typing import Literal

Epoch = Literal["seconds", "milliseconds", "microseconds"]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxMapping:
    """The columns of the table of jobs, by meaning, and those of a table of their transitions, where there is one.

    `id` are the columns that identify a job. `created`, `processed`, `failed` (given up), `due` (not before), `expires`
    (not after) and `last_attempt` hold times: of a type for times, or numbers of `epoch` since 1970. `max_attempts` is
    a number or a column. `running` is not NULL while a worker has the job. `error` is not NULL after an attempt that
    failed: where `processed` is the end of the job, however it ended, it tells which jobs were given up.

    `events_table` has a row per transition of a job: `events_job` refers to `id`, `events_type` says what happened,
    `events_at` when. `events_created`, `events_processed` and `events_failed` are the types that stand for a time which
    the table of jobs does not have. `events_queue` is its own column of the queue, for jobs whose row is gone.

    `queues_table` holds the names of queues, where the column `queue` only refers to them: by its `queues_id`, the name
    is in its `queues_name`.

    `status_cancelled` are values of jobs that count nowhere. Another value that is not listed is reported.

    `is_removed_when_processed`: a processed job's row is deleted. `is_cancelled_below_max_attempts`: a cancelled job
    has the status of a failed one.
    Shape: names are those of the catalogue, unquoted; an empty one is not known. Units: `max_attempts` attempts.
    """

    table: str
    schema: str = ""
    id: Names = ()
    created: str = ""
    processed: str = ""
    failed: str = ""
    error: str = ""
    due: str = ""
    expires: str = ""
    last_attempt: str = ""
    epoch: Epoch | None = None
    attempts: str = ""
    max_attempts: str = ""
    running: str = ""
    deleted: str = ""
    queue: str = ""
    status: str = ""
    status_pending: Names = ()
    status_retrying: Names = ()
    status_running: Names = ()
    status_processed: Names = ()
    status_failed: Names = ()
    status_cancelled: Names = ()
    events_table: str = ""
    events_job: Names = ()
    events_type: str = ""
    events_at: str = ""
    events_queue: str = ""
    events_created: Names = ()
    events_processed: Names = ()
    events_failed: Names = ()
    queues_table: str = ""
    queues_id: str = ""
    queues_name: str = ""
    is_removed_when_processed: bool = False
    is_cancelled_below_max_attempts: bool = False

    def __hash__(self) -> int:
        # Every statement looks up its text by the mapping; one of all fields would take longer than the rest of that.
        return hash((self.table, self.schema))

    @property
    def has_processed(self) -> bool:
        """Whether it is known when jobs were processed."""
        return bool(self.processed or self.events_processed)

    @property
    def has_created(self) -> bool:
        """Whether it is known when jobs were created."""
        return bool(self.created or self.events_created)

    @property
    def has_attempts(self) -> bool:
        """Whether it is known which jobs were attempted."""
        return bool(self.attempts or self.status_retrying)

    @property
    def has_failures(self) -> bool:
        """Whether it is known when attempts failed."""
        return bool(self.events_failed or (self.last_attempt and (self.has_attempts or self.status_failed)))

    @property
    def has_exhausted(self) -> bool:
        """Whether it is known which jobs are not attempted any more."""
        return bool(self.status_failed or self.failed or self.error or self.expires or self.max_attempts)

    @property
    def has_running(self) -> bool:
        """Whether it is known which jobs a worker has."""
        return bool(self.status_running or self.running)

    @property
    def has_other_states(self) -> bool:
        """Whether a job may be neither pending nor processed nor gone."""
        return bool(self.has_exhausted or self.has_running or self.due)

    @property
    def markers(self) -> Names:
        """The columns that say that something has happened to a job by not being NULL."""
        processed = "" if self.status_processed else self.processed
        return tuple(column for column in (processed, self.failed, self.error, self.running, self.deleted) if column)

    @property
    def is_conserved(self) -> bool:
        """Whether a job leaves the backlog only when it is processed or removed."""
        known = len(self.id) == 1 and self.created and self.processed
        return bool(known and not (self.has_other_states or self.status or self.deleted or self.epoch))


# Source: reference document, table job_outbox.
DEFAULT = OutboxMapping(
    table="job_outbox",
    id=("outbox_id",),
    created="created_at",
    processed="processed_at",
    last_attempt="last_attempt_at",
    attempts="attempts",
    queue="queue_name",
)
