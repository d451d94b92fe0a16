"""The sequence of events is reproducible, and the traffic applies it to the database."""

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
from tests.postgres import Database

COURSE = Course(*[UUID(int=number) for number in (1, 2, 3)])


class TrafficSetup:
    """Traffic over a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.telemetry = Telemetry()
        self.connections = LabConnection(database.dsn("service_role")), LabConnection(database.dsn("authenticated"))
        with database.connect() as connection:
            self.courses = seed_data.create_courses(connection, random.Random(1))
        self.traffic = Traffic(*self.connections, self.courses, self.telemetry, TrafficScript(seed=1))

    def apply(self, steps: int) -> None:
        for _ in range(steps):
            self.traffic.step()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def setup(embedded_database: Database) -> Iterator[TrafficSetup]:
    setup = TrafficSetup(embedded_database)
    yield setup
    for connection in setup.connections:
        connection.close()


def test_the_same_seed_gives_the_same_sequence():
    """Of events, pauses and calls; another seed gives another sequence."""

    def sequence(seed: int) -> list[object]:
        script = TrafficScript(seed)
        return [(script.event(), script.pause(3.0), script.call(COURSE)) for _ in range(50)]

    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)


def test_events_keep_their_proportions():
    """Over many, each share is within a percent of its weight."""
    script = TrafficScript(3)
    counts = Counter(script.event() for _ in range(20_000))
    for event in TrafficEvent:
        assert counts[event] / 20_000 == pytest.approx(event.value / 100, abs=0.01)


def test_pauses_keep_the_rate():
    """Their mean is the inverse of the rate."""
    script = TrafficScript(3)
    assert sum(script.pause(2.0) for _ in range(10_000)) / 10_000 == pytest.approx(0.5, rel=0.05)


def test_a_failing_call_differs_in_its_course_only():
    """The course does not exist; the rest is as it was."""
    call = TrafficScript(3).call(COURSE)
    failing_call = TrafficScript(4).failing_call(call)
    assert failing_call.course.id != COURSE.id
    assert replace(failing_call, course=COURSE) == call


def test_two_hundred_events_cover_all_kinds(setup):
    """Every queue and source, repeated keys, and a course that was replaced."""
    courses = set(setup.courses)
    setup.apply(200)
    assert {queue for (queue,) in setup.rows("SELECT DISTINCT queue_name FROM job_outbox")} == set(QUEUES)
    assert {source for (source,) in setup.rows("SELECT DISTINCT created_by FROM fsm_events")} == {
        "API",
        "QUEUE",
        "WORKER",
    }
    figures = setup.telemetry.figures().initialisations
    assert figures.cache_hits > 20
    assert figures.cache_misses > 60
    assert set(setup.traffic._courses) != courses
    assert len(setup.traffic._courses) == len(courses)
    # The application's counters equal the rows of the database: deleted courses took their rows along.
    events, keys = setup.rows(
        "SELECT (SELECT count(*) FROM fsm_events WHERE event_type = 'FSM_INITIALIZED'),"
        " (SELECT count(*) FROM idempotency_keys)"
    )[0]
    assert events == keys <= figures.cache_misses


def test_failing_calls_leave_no_row_and_are_counted(setup):
    """Every call for an unknown course fails; a fallback layer initialises it, as QUEUE or WORKER."""
    setup.traffic.failing_share = 1.0
    setup.apply(60)
    figures = setup.telemetry.figures()
    assert figures.initialisations.failed > 20
    assert all("does not exist" in reason for reason in figures.initialisations.failure_reasons)
    assert figures.fallbacks.activations.total() == figures.initialisations.failed
    sources = setup.rows("SELECT DISTINCT created_by FROM fsm_events WHERE event_type = 'FSM_INITIALIZED' ORDER BY 1")
    assert sources == [("QUEUE",), ("WORKER",)]


def test_an_unreachable_database_is_a_failed_initialisation():
    """The application counts the failure."""
    telemetry = Telemetry()
    unreachable = LabConnection("postgresql://127.0.0.1:1/x")
    traffic = Traffic(unreachable, unreachable, [COURSE], telemetry, TrafficScript(seed=1))
    traffic._initialise()
    assert telemetry.figures().initialisations.failed == 1
