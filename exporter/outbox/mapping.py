"""The mapping of meanings: which table holds the jobs, and which of its columns and values say what about a job.

A mapping has names only, never SQL. What it leaves out is not known of the jobs. The state of a row, the first that
holds:

- removed: `deleted` is set (true, or not NULL); the row is no job any more
- processed: a status of `status_processed`; without these, `processed` is not NULL
- cancelled: a status that is listed under no other meaning
- running: a status of `status_running`, or `running` is not NULL
- exhausted: a status of `status_failed`, `failed` is not NULL, `expires` has passed, or `attempts` has reached
  `max_attempts`
- scheduled: `due` is still to come
- pending, otherwise; failing when it was attempted before: `attempts` above 0, or a status of `status_retrying`

A job waits since it was created or since it is due, whichever is later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

Epoch = Literal["seconds", "milliseconds", "microseconds"]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxMapping:
    """The columns of the table of jobs, by meaning, and those of a table of their transitions, where there is one.

    `id` are the columns that identify a job. `created`, `processed`, `failed` (given up), `due` (not before), `expires`
    (not after) and `last_attempt` hold times: of a type for times, or numbers of `epoch` since 1970. `max_attempts` is a
    number or a column. `running` is not NULL while a worker has the job.

    `events_table` has a row per transition of a job: `events_job` refers to `id`, `events_type` says what happened,
    `events_at` when. `events_created`, `events_processed` and `events_failed` are the types that stand for a time which
    the table of jobs does not have. `events_queue` is its own column of the queue, for jobs whose row is gone.

    `is_removed_when_processed`: a processed job's row is deleted.
    Units: `events_due_types` none; a number of `max_attempts` counts attempts.
    """

    table: str
    schema: str = ""
    id: Names = ()
    created: str = ""
    processed: str = ""
    failed: str = ""
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
    events_table: str = ""
    events_job: Names = ()
    events_type: str = ""
    events_at: str = ""
    events_queue: str = ""
    events_created: Names = ()
    events_processed: Names = ()
    events_failed: Names = ()
    is_removed_when_processed: bool = False
