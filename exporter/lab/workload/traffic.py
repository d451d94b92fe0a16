"""Live traffic: users who start courses through the RPC, events of workers, and deleted courses."""

import json
import random
import time
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final
from uuid import UUID

import psycopg

from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.background import LabConnection
from exporter.lab.seed_data import Course, add_course

DEFAULT_RATE: Final = 3.0  # events per second; about two of them are calls of the RPC, with a new key or a known one
QUEUES: Final = ("document-processing", "lesson-generation", "structure-analysis")
_EVENTS: Final = ("STAGE_STARTED", "STAGE_COMPLETED", "LESSON_GENERATED")
_REMEMBERED: Final = 200  # calls that may be repeated
# A healthy ratio (5 % is critical) that still causes a failure within minutes.
_HEALTHY_FAILURES: Final = 0.005

_CALL: Final = """
    SELECT initialize_fsm_with_outbox(
      p_entity_id := %s, p_user_id := %s, p_organization_id := %s, p_idempotency_key := %s,
      p_initiated_by := %s, p_initial_state := %s, p_job_data := %s, p_metadata := %s)
"""
_CLAIM: Final = "SELECT set_config('request.jwt.claims', %s, true)"
_REPORT: Final = "INSERT INTO fsm_events (entity_id, event_type, created_by, user_id) VALUES (%s, %s, %s, %s)"
_DELETE: Final = """
    DELETE FROM courses
    WHERE id = %s
        AND NOT EXISTS (SELECT FROM job_outbox WHERE entity_id = courses.id AND processed_at IS NULL)
"""


class TrafficEvent(Enum):
    """The kinds of events with their weights; repeats give the healthy example's cache hit rate of 35 %."""

    INITIALISE = 52
    REPEAT = 28
    REPORT = 19
    REPLACE_COURSE = 1


@dataclass(frozen=True, slots=True)
class TrafficCall:
    """One call of the RPC."""

    course: Course
    key: str
    initiated_by: str
    state: str
    jobs: tuple[str, ...]  # queue names
    signed_in: bool  # as the user, otherwise as service_role


class TrafficScript:
    """Chooses the events; the same seed gives the same sequence."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - reproducible, not secret

    def event(self) -> TrafficEvent:
        """The next event."""
        return self.rng.choices(list(TrafficEvent), [event.value for event in TrafficEvent])[0]

    def pause(self, rate: float) -> float:
        """Seconds until the next event: exponentially distributed, as for independent users."""
        return self.rng.expovariate(rate)

    def call(self, course: Course) -> TrafficCall:
        """A new initialisation of a course: one to four jobs, mostly by the API."""
        return TrafficCall(
            course=course,
            key=f"init-{self.rng.getrandbits(96):024x}",
            initiated_by=self.rng.choices(("API", "QUEUE", "WORKER", "ADMIN"), (75, 8, 12, 5))[0],
            state=self.rng.choice(("stage_2_init", "stage_4_init")),
            jobs=tuple(self.rng.choices(QUEUES, (5, 3, 2), k=self.rng.randint(1, 4))),
            signed_in=self.rng.random() < 0.5,  # noqa: PLR2004 - half and half
        )

    def failing_call(self, call: TrafficCall) -> TrafficCall:
        """The same call for a course that does not exist."""
        nowhere = UUID(int=self.rng.getrandbits(128), version=4)
        return replace(call, course=replace(call.course, id=nowhere))


class Traffic:
    """Applies the events of a script to a database, and counts them as the application does.

    Args:
        service: a connection as service_role.
        user: a connection as authenticated.
        courses: the courses at the start.
        telemetry: the application's metrics.
        script: chooses the events.
    """

    def __init__(
        self,
        service: LabConnection,
        user: LabConnection,
        courses: list[Course],
        telemetry: Telemetry,
        script: TrafficScript,
    ) -> None:
        self.rate = DEFAULT_RATE
        self.failing_share = _HEALTHY_FAILURES
        self._service = service
        self._user = user
        self._courses = courses
        self._telemetry = telemetry
        self._script = script
        self._earlier: deque[TrafficCall] = deque(maxlen=_REMEMBERED)

    def step(self) -> float:
        """Applies the next event; returns the seconds until the one after it."""
        event = self._script.event()
        if event is TrafficEvent.INITIALISE or (event is TrafficEvent.REPEAT and not self._earlier):
            self._initialise()
        elif event is TrafficEvent.REPEAT:
            self._send(self._script.rng.choice(self._earlier), cached=True)
        elif event is TrafficEvent.REPORT:
            self._report()
        else:
            self._replace_course()
        return self._script.pause(self.rate)

    def _initialise(self) -> None:
        call = self._script.call(self._script.rng.choice(self._courses))
        if self._script.rng.random() < self.failing_share:
            self._send(self._script.failing_call(call))
            self._fall_back(call)
        elif self._send(call):
            self._earlier.append(call)

    def _send(self, call: TrafficCall, *, cached: bool = False) -> bool:
        """Calls the RPC and counts the result; a failure is a result as well."""
        started = time.monotonic()
        try:
            if call.signed_in:
                self._as_user(call)
            else:
                _execute(self._service.open(), call)
        except psycopg.Error as error:
            self._telemetry.initialisation_failed(str(error).partition("\n")[0])
            return False
        self._telemetry.initialised((time.monotonic() - started) * 1000, cached=cached)
        return True

    def _as_user(self, call: TrafficCall) -> None:
        connection = self._user.open()
        with connection.transaction():
            connection.execute(_CLAIM, (json.dumps({"sub": str(call.course.user_id), "role": "authenticated"}),))
            _execute(connection, call)

    def _fall_back(self, call: TrafficCall) -> None:
        """Initialises the course through the queue (layer 2) or the worker (layer 3) after a failure of the API."""
        layer, initiator = self._script.rng.choices(((2, "QUEUE"), (3, "WORKER")), (9, 1))[0]
        succeeded = self._send(replace(call, initiated_by=initiator, signed_in=False))
        self._telemetry.fell_back(layer, utc_now(), succeeded=succeeded)

    def _report(self) -> None:
        course = self._script.rng.choice(self._courses)
        event = self._script.rng.choice(_EVENTS)
        source = self._script.rng.choices(("WORKER", "QUEUE"), (4, 1))[0]
        self._service.open().execute(_REPORT, (course.id, event, source, course.user_id))

    def _replace_course(self) -> None:
        """Deletes a course with its jobs, events and keys, and inserts another one; not while it has pending jobs."""
        position = self._script.rng.randrange(len(self._courses))
        old = self._courses[position]
        connection = self._service.open()
        with connection.transaction():
            if not connection.execute(_DELETE, (old.id,)).rowcount:
                return
            new = add_course(connection, old.user_id, old.organization_id, self._script.rng)
        self._courses[position] = new
        self._earlier = deque((call for call in self._earlier if call.course != old), _REMEMBERED)


def _execute(connection: psycopg.Connection, call: TrafficCall) -> None:
    course = call.course
    jobs = [{"queue": queue, "data": {"courseId": str(course.id)}, "options": {"attempts": 3}} for queue in call.jobs]
    connection.execute(
        _CALL,
        (
            course.id,
            course.user_id,
            course.organization_id,
            call.key,
            call.initiated_by,
            call.state,
            json.dumps(jobs),
            json.dumps({"plan": "standard"}),
        ),
    )
