"""The processor behaves as deployed-application.md describes, including its defects."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from exporter.lab.application.telemetry import Telemetry
from exporter.lab.background import LabConnection
from exporter.lab.workload.processor import (
    JobOutcome,
    Processor,
    groups_of_ten,
    next_poll_interval,
    partition_results,
)
from exporter.lab.workload.queues import OutboxJob, QueueRefusedError, Queues
from tests.postgres import Database

NOW = datetime(2025, 11, 18, 12, 0, tzinfo=UTC)


def job(number: int = 1, queue: str = "q", created_at: datetime = NOW) -> OutboxJob:
    return OutboxJob(UUID(int=number), queue, created_at)


class Bench:
    """A processor on a database of its own, which records rests instead of sleeping."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queues = Queues(latency=0.0)
        self.telemetry = Telemetry()
        self.rests: list[float] = []
        self.connection = LabConnection(database.dsn("service_role"))
        self.processor = Processor(self.connection, self.queues, self.telemetry, rest=self.rests.append)
        self.course = database.value(
            "WITH o AS (INSERT INTO organizations (name) VALUES ('o') RETURNING id),"
            " u AS (INSERT INTO auth.users DEFAULT VALUES RETURNING id)"
            " INSERT INTO courses (title, slug, user_id, organization_id) SELECT 'c', 'c', u.id, o.id FROM u, o"
            " RETURNING id"
        )

    def add(self, count: int, queue: str = "q", age: str = "1 second") -> None:
        self.database.execute(
            "INSERT INTO job_outbox (entity_id, queue_name, created_at)"
            " SELECT %s, %s, NOW() - %s::interval + n * INTERVAL '1 microsecond' FROM generate_series(1, %s) AS n",
            (self.course, queue, age, count),
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def bench(embedded_database: Database) -> Iterator[Bench]:
    bench = Bench(embedded_database)
    yield bench
    bench.connection.close()


def test_idle_polls_back_off_by_half_up_to_thirty_seconds():
    """1, 1.5, 2.25 ... 30 s; one job brings it back to one second."""
    pause = 1.0
    seen = []
    for _ in range(11):
        pause = next_poll_interval(pause, found=0)
        seen.append(pause)
    assert seen[:3] == [1.5, 2.25, 3.375]
    assert seen[-2:] == [30.0, 30.0]
    assert next_poll_interval(30.0, found=1) == 1.0
    assert next_poll_interval(3.0, found=0, longest=4.0) == 4.0


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (100, [10] * 10)])
def test_jobs_are_delivered_in_groups_of_ten(count, sizes):
    """In order; the last group has the rest."""
    jobs = [job(number) for number in range(count)]
    groups = list(groups_of_ten(jobs))
    assert [len(group) for group in groups] == sizes
    assert [one for group in groups for one in group] == jobs


def test_only_lost_connections_are_retried():
    """Success and refusal are final; a lost connection is final after the last attempt."""
    done, refused, lost = (
        JobOutcome(job(number), error)
        for number, error in enumerate([None, QueueRefusedError("no"), ConnectionError("gone")])
    )
    assert partition_results([done, refused, lost], is_last=False) == ([done, refused], [lost.job])
    assert partition_results([done, refused, lost], is_last=True) == ([done, refused, lost], [])


def test_success_is_stamped_by_the_applications_clock(bench):
    """processed_at is the time of the application's clock, even when that is before created_at; attempts stay 0."""
    bench.add(3)
    bench.processor.clock = lambda: NOW
    bench.processor.poll()
    assert bench.rows("SELECT DISTINCT processed_at, attempts, last_error, last_attempt_at FROM job_outbox") == [
        (NOW, 0, None, None)
    ]
    assert bench.telemetry.figures().processing.succeeded == 3


def test_a_poll_takes_the_oldest_hundred(bench):
    """Of 150 the 50 youngest stay pending until the next poll."""
    bench.add(50, "young", "1 minute")
    bench.add(100, "old", "2 minutes")
    assert bench.processor.poll() == 1.0
    pending = "SELECT queue_name, count(*) FROM job_outbox WHERE processed_at IS NULL GROUP BY 1"
    assert bench.rows(pending) == [("young", 50)]
    bench.processor.poll()
    assert bench.rows(pending) == []
    assert bench.telemetry.figures().processing.batches == 2


def test_a_permanent_failure_stays_pending_and_is_fetched_by_every_poll(bench):
    """attempts, last_error and last_attempt_at are written, processed_at stays NULL."""
    bench.add(1, "retired")
    bench.queues.refused.add("retired")
    bench.processor.clock = lambda: NOW
    for polls in (1, 2, 3):
        bench.processor.poll()
        assert bench.rows("SELECT processed_at, attempts, last_error, last_attempt_at FROM job_outbox") == [
            (None, polls, "queue retired does not exist", NOW)
        ]


def test_a_later_success_keeps_the_old_error(bench):
    """last_error does not describe the present."""
    bench.add(1, "retired")
    bench.queues.refused.add("retired")
    bench.processor.poll()
    bench.queues.refused.clear()
    bench.processor.poll()
    assert bench.rows("SELECT processed_at IS NOT NULL, attempts, last_error FROM job_outbox") == [
        (True, 1, "queue retired does not exist")
    ]


def test_a_hundred_failing_rows_starve_everything_behind_them(bench):
    """The processor polls and is alive, and a good job behind the failing ones is never processed."""
    bench.add(100, "retired", "1 hour")
    bench.add(1, "good")
    bench.queues.refused.add("retired")
    for _ in range(3):
        assert bench.processor.poll() == 1.0
    assert bench.rows("SELECT processed_at FROM job_outbox WHERE queue_name = 'good'") == [(None,)]


def test_a_lost_connection_is_retried_in_process_and_leaves_attempts_alone(bench):
    """Two lost attempts cost 1 + 2 s; then success, with attempts still 0."""
    bench.add(2)
    bench.queues.dropped_attempts = 2
    bench.processor.poll()
    assert bench.rests == [0.0, 1.0, 2.0]
    assert bench.rows("SELECT processed_at IS NOT NULL, attempts FROM job_outbox") == [(True, 0)] * 2
    assert bench.telemetry.figures().processing.retries == 2


def test_after_five_lost_attempts_the_job_has_failed(bench):
    """1 + 2 + 4 + 8 s, then a permanent failure."""
    bench.add(1)
    bench.queues.dropped_attempts = 5
    bench.processor.poll()
    assert bench.rests == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert bench.rows("SELECT processed_at, attempts, last_error FROM job_outbox") == [
        (None, 1, "connection to the queue was lost")
    ]


def test_an_empty_poll_updates_last_processed(bench):
    """And counts no batch."""
    bench.processor.clock = lambda: NOW
    assert bench.processor.poll() == 1.5
    figures = bench.telemetry.figures().processing
    assert (figures.polled_at, figures.batches, figures.depth) == (NOW, 0, 0)


def test_an_interrupted_poll_keeps_its_results(bench):
    """The first ten are processed, the rest waits; the poll is counted."""
    bench.add(15)

    def stop_at_the_second(seconds: float) -> None:
        bench.rests.append(seconds)
        if len(bench.rests) > 1:
            raise InterruptedError

    bench.processor.rest = stop_at_the_second
    with pytest.raises(InterruptedError):
        bench.processor.poll()
    assert bench.rows("SELECT count(*) FROM job_outbox WHERE processed_at IS NULL") == [(5,)]
    assert bench.telemetry.figures().processing.depth == 15


def test_a_job_deleted_during_delivery_is_no_error(bench):
    """Its course was deleted in the meantime."""
    bench.add(2)
    bench.processor.rest = lambda _: bench.database.execute("DELETE FROM courses")
    bench.processor.poll()
    assert bench.rows("SELECT count(*) FROM job_outbox") == [(0,)]
