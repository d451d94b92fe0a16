"""The script tells the same story twice, and the traffic plays it against the database."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from exporter.lab import seed_data
from exporter.lab.application.telemetry import Telemetry
from exporter.lab.background import LabConnection
from exporter.lab.seed_data import Course
from exporter.lab.workload.traffic import QUEUES, Traffic, TrafficEvent, TrafficScript
from tests.postgres import Database, cloned

COURSE = Course(*[UUID(int=number) for number in (1, 2, 3)])


class Stage:
    """Traffic over a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.telemetry = Telemetry()
        self.links = LabConnection(database.dsn("service_role")), LabConnection(database.dsn("authenticated"))
        with database.connect() as connection:
            self.courses = seed_data.create_courses(connection, random.Random(1))
        self.traffic = Traffic(*self.links, self.courses, self.telemetry, TrafficScript(seed=1))

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.traffic.step()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def stage(embedded_database: Database) -> Iterator[Stage]:
    stage = Stage(embedded_database)
    yield stage
    for link in stage.links:
        link.close()


def test_the_same_seed_tells_the_same_story():
    """Acts, pauses and calls; another seed tells another."""

    def story(seed: int) -> list[object]:
        script = TrafficScript(seed)
        return [(script.event(), script.pause(3.0), script.call(COURSE)) for _ in range(50)]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_acts_keep_their_proportions():
    """Over many, each share is within a percent of its weight."""
    script = TrafficScript(3)
    counts = Counter(script.event() for _ in range(20_000))
    for event in TrafficEvent:
        assert counts[event] / 20_000 == pytest.approx(event.value / 100, abs=0.01)


def test_pauses_keep_the_rate():
    """Their mean is the inverse of the rate."""
    script = TrafficScript(3)
    assert sum(script.pause(2.0) for _ in range(10_000)) / 10_000 == pytest.approx(0.5, rel=0.05)


def test_a_doomed_call_differs_in_its_course_only():
    """The course does not exist; the rest is as it was."""
    call = TrafficScript(3).call(COURSE)
    failing_call = TrafficScript(4).failing_call(call)
    assert failing_call.course.id != COURSE.id
    assert replace(failing_call, course=COURSE) == call


def test_two_hundred_steps_touch_everything(stage):
    """Every queue and source, repeated keys, and a course that was replaced."""
    courses = set(stage.courses)
    stage.play(200)
    assert {queue for (queue,) in stage.rows("SELECT DISTINCT queue_name FROM job_outbox")} == set(QUEUES)
    assert {source for (source,) in stage.rows("SELECT DISTINCT created_by FROM fsm_events")} == {
        "API",
        "QUEUE",
        "WORKER",
    }
    figures = stage.telemetry.figures().initialisations
    assert figures.cache_hits > 20
    assert figures.cache_misses > 60
    assert set(stage.traffic._courses) != courses
    assert len(stage.traffic._courses) == len(courses)
    # What the application counts is what the database holds: courses that went took their rows along.
    events, keys = stage.rows(
        "SELECT (SELECT count(*) FROM fsm_events WHERE event_type = 'FSM_INITIALIZED'),"
        " (SELECT count(*) FROM idempotency_keys)"
    )[0]
    assert events == keys <= figures.cache_misses


def test_failing_calls_leave_no_row_and_are_counted(stage):
    """Every call for nowhere fails; a fallback layer does its work, as QUEUE or WORKER."""
    stage.traffic.failing_share = 1.0
    stage.play(60)
    figures = stage.telemetry.figures()
    assert figures.initialisations.failed > 20
    assert all("does not exist" in reason for reason in figures.initialisations.failure_reasons)
    assert figures.fallbacks.activations.total() == figures.initialisations.failed
    sources = stage.rows("SELECT DISTINCT created_by FROM fsm_events WHERE event_type = 'FSM_INITIALIZED' ORDER BY 1")
    assert sources == [("QUEUE",), ("WORKER",)]


def test_an_unreachable_database_is_a_failed_initialisation():
    """The application counts what it could not do."""
    telemetry = Telemetry()
    nowhere = LabConnection("postgresql://127.0.0.1:1/x")
    traffic = Traffic(nowhere, nowhere, [COURSE], telemetry, TrafficScript(seed=1))
    traffic._initialise()
    assert telemetry.figures().initialisations.failed == 1


def test_the_past_is_believable(stage):
    """The last hour holds processed jobs and events of every source; some keys have expired; nothing is pending."""
    with stage.database.connect() as connection:
        seed_data.insert_history(connection, random.Random(1))
    (figures,) = stage.rows("""
        SELECT
          (SELECT count(*) FROM job_outbox WHERE processed_at IS NULL),
          (SELECT count(*) FROM job_outbox WHERE processed_at >= NOW() - INTERVAL '1 hour') > 2000,
          (SELECT count(*) FROM job_outbox WHERE processed_at > NOW() OR processed_at < created_at),
          (SELECT avg(extract(epoch FROM processed_at - created_at)) FROM job_outbox
           WHERE created_at >= NOW() - INTERVAL '1 hour') BETWEEN 1.0 AND 1.4,
          (SELECT count(DISTINCT created_by) FROM fsm_events WHERE created_at >= NOW() - INTERVAL '1 hour'),
          (SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW()),
          (SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '24 hours'),
          (SELECT min(processed_at) < NOW() - INTERVAL '25 days' FROM job_outbox)
    """)
    assert figures == (0, True, 0, True, 3, 60, 0, True)


def test_the_same_seed_gives_the_same_past(embedded):
    """Averages of two databases agree."""

    def average() -> object:
        with cloned(embedded) as database:
            with database.connect() as connection:
                seed_data.create_courses(connection, random.Random(1))
                seed_data.insert_history(connection, random.Random(5))
            return database.value("SELECT sum(processed_at - created_at) FROM job_outbox")

    assert average() == average()
