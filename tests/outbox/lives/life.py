"""The life of an outbox: what a real library does to its table, and what is true of it."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

Outcome = Literal["succeed", "fail", "retry_later"]


@dataclass(frozen=True)
class Truth:
    """What is true of an outbox, by its library's API or the plain question in SQL.

    Units: `oldest_` Unix seconds; `seconds_avg` from creation to processing. `None`: this library cannot tell.
    """

    waiting: int
    failing: int | None
    exhausted: int | None
    scheduled: int
    running: int
    oldest_waiting: float | None = None
    oldest_failing: float | None = None
    by_queue: dict[str, int] = field(default_factory=dict)
    processed_last_hour: int | None = None
    processed_by_queue: dict[str, int] | None = None
    seconds_avg: float | None = None
    failing_last_hour: int | None = None
    oldest_processed: float | None = None


class Life(Protocol):
    """A library with its tables in one database. Nothing happens between two calls."""

    profile: str

    def close(self) -> None:
        """End every process and connection."""

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """A job that is due now. `fail`: every attempt fails, retried at once; `retry_later`: in an hour."""

    def schedule(self, queue: str) -> None:
        """A job that is due tomorrow."""

    def run(self, jobs: int) -> None:
        """The library's own worker takes at most so many due jobs, and is idle again."""

    def crash(self, queue: str) -> None:
        """A worker is killed while it runs a job."""

    def cancel(self) -> None:
        """A pending job is cancelled by the library's API, where it has one."""

    def prune(self) -> None:
        """Finished jobs are removed by the library's own clean-up, where it has one."""

    def truth(self) -> Truth:
        """What is true now."""
