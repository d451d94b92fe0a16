"""Rows with impossible values: no collector stops, all other numbers are unchanged, and left out rows are counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from exporter.config.settings import SamplingSettings
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics.readings import Reading, UnknownValue
from exporter.migration.report import CheckAnswer
from exporter.migration.rollback import rollback_check
from exporter.migration.rollback_options import RollbackOptions
from tests import postgres
from tests.database import rows
from tests.database.sampling import database_client, everything, sampler
from tests.postgres import Database

JOB = "INSERT INTO job_outbox (entity_id, queue_name, {columns}) SELECT id, {queue}, {values} FROM courses LIMIT 1"
EVENT = (
    "INSERT INTO fsm_events (entity_id, event_type, created_by, created_at) "
    "SELECT id, {event}, {source}, {at} FROM courses LIMIT 1"
)
KEY = "INSERT INTO idempotency_keys (key, expires_at) SELECT 'odd ' || count(*), {at} FROM idempotency_keys"
PENDING, OLDEST = "outbox_pending_jobs", "outbox_oldest_pending_timestamp_seconds"
QUEUE_PENDING, QUEUE_EXHAUSTED = "outbox_queue_pending_jobs", "outbox_queue_exhausted_jobs"
LAST_HOUR, QUEUE_LAST_HOUR = "outbox_last_hour_processed_jobs", "outbox_queue_last_hour_processed_jobs"
BY_SOURCE, BY_TYPE = "outbox_last_hour_fsm_events", "outbox_last_hour_fsm_events_by_type"
KEYS = "outbox_idempotency_keys"
RATIO, QUEUE_RATIO = "outbox_last_hour_failure_ratio", "outbox_queue_last_hour_failure_ratio"


def job(created: str = "now()", processed: str = "NULL", queue: str = "'odd'", **more: str) -> str:
    """A statement that inserts one; values as SQL."""
    columns = {"created_at": created, "processed_at": processed, **more}
    return JOB.format(columns=", ".join(columns), queue=queue, values=", ".join(columns.values()))


def event(at: str, event: str = "'ODD'", source: str = "'API'") -> str:
    """A statement that inserts one."""
    return EVENT.format(event=event, source=source, at=at)


Added = Mapping[tuple[str, tuple[str, ...]], float]


@dataclass(frozen=True)
class Case:
    """One statement, the series that it changes, and the kind under which it is counted."""

    statement: str
    adds: Added = field(default_factory=dict)
    odd: tuple[str, str] | None = None
    nullable: tuple[str, str] | None = None
    free: frozenset[tuple[str, tuple[str, ...]]] = frozenset()


NEW_QUEUE = frozenset({("outbox_queue_oldest_pending_timestamp_seconds", ("odd",))})
NO_QUEUE = frozenset({("outbox_queue_oldest_pending_timestamp_seconds", ("other",))})
# The correct changes for a further job of the last hour with both its times.
AVERAGES = frozenset(("outbox_last_hour_processing_time_avg_seconds", (cohort,)) for cohort in ("created", "processed"))
BLOCKED = ("outbox_head_blocked_jobs", ())
NONE_EXHAUSTED: Added = {(QUEUE_EXHAUSTED, ("odd",)): 0.0}
WAITING: Added = {(PENDING, ("waiting",)): 1.0, (QUEUE_PENDING, ("odd",)): 1.0, **NONE_EXHAUSTED}
PROCESSED: Added = {(LAST_HOUR, ()): 1.0, (QUEUE_LAST_HOUR, ("odd",)): 1.0, (QUEUE_RATIO, ("odd",)): 0.0}
INFINITE, OUT, NULL = "infinite", "out_of_range", "null"
OUTBOX, EVENTS_TABLE, KEYS_TABLE = "job_outbox", "fsm_events", "idempotency_keys"

CASES = {
    # Jobs that wait are a backlog, whatever their time.
    "waiting since -infinity": Case(job("'-infinity'"), WAITING, (OUTBOX, INFINITE)),
    "waiting since infinity": Case(job("'infinity'"), WAITING, (OUTBOX, INFINITE)),
    "waiting since 4713 BC": Case(job("'4713-01-01 BC'"), WAITING, (OUTBOX, OUT)),
    "waiting since the zero of Go": Case(job("'0001-01-01'"), WAITING, (OUTBOX, OUT)),
    "waiting since the zero of Unix": Case(job("'1970-01-01 00:00:00+00'"), WAITING, (OUTBOX, OUT)),
    "waiting since tomorrow": Case(job("now() + interval '1 day'"), WAITING, (OUTBOX, OUT)),
    "waiting since the last year there is": Case(job("'294276-12-31'"), WAITING, (OUTBOX, OUT)),
    "unknown time of creation": Case(job("NULL"), WAITING, (OUTBOX, NULL), (OUTBOX, "created_at")),
    "waiting in no queue": Case(
        job(queue="NULL"),
        {(PENDING, ("waiting",)): 1.0, (QUEUE_PENDING, ("other",)): 1.0, (QUEUE_EXHAUSTED, ("other",)): 0.0},
        (OUTBOX, NULL),
        (OUTBOX, "queue_name"),
        NO_QUEUE,
    ),
    "waiting without a number of attempts": Case(
        job(attempts="NULL"), WAITING, (OUTBOX, NULL), (OUTBOX, "attempts"), NEW_QUEUE
    ),
    "failing at infinity": Case(
        job(attempts="2", last_attempt_at="'infinity'"),
        {(PENDING, ("failing",)): 1.0, (QUEUE_PENDING, ("odd",)): 1.0, BLOCKED: 1.0, **NONE_EXHAUSTED},
        (OUTBOX, INFINITE),
        free=NEW_QUEUE,
    ),
    "failing tomorrow": Case(
        job(attempts="2", last_attempt_at="now() + interval '1 day'"),
        {(PENDING, ("failing",)): 1.0, (QUEUE_PENDING, ("odd",)): 1.0, BLOCKED: 1.0, **NONE_EXHAUSTED},
        (OUTBOX, OUT),
        free=NEW_QUEUE,
    ),
    # A completion that is at no time is in no hour, and is no backlog either.
    "parked for ever": Case(job(processed="'infinity'"), {}, (OUTBOX, INFINITE)),
    "processed at -infinity": Case(job(processed="'-infinity'"), {}, (OUTBOX, INFINITE)),
    "processed in the year 9999": Case(job(processed="'9999-12-31'"), {}, (OUTBOX, OUT)),
    "processed BC": Case(job(processed="'0044-03-15 BC'"), {}, (OUTBOX, OUT)),
    "processed 20 minutes ahead": Case(job(processed="now() + interval '20 minutes'"), {}, (OUTBOX, OUT)),
    "processed 5 minutes ahead": Case(
        job("now() + interval '5 minutes'", "now() + interval '5 minutes'"), PROCESSED, free=AVERAGES
    ),
    # A completion with an unknown beginning counts, and its duration is unknown.
    "processed since -infinity": Case(job("'-infinity'", "now()"), PROCESSED, (OUTBOX, INFINITE)),
    "processed since infinity": Case(job("'infinity'", "now()"), PROCESSED, (OUTBOX, INFINITE)),
    "processed since BC": Case(job("'0044-03-15 BC'", "now()"), PROCESSED, (OUTBOX, OUT)),
    "unknown beginning of processing": Case(job("NULL", "now()"), PROCESSED, (OUTBOX, NULL), (OUTBOX, "created_at")),
    "processed in no queue": Case(
        job("now() - interval '1 minute'", "now()", queue="NULL"),
        {(LAST_HOUR, ()): 1.0, (QUEUE_LAST_HOUR, ("other",)): 1.0, (QUEUE_RATIO, ("other",)): 0.0},
        (OUTBOX, NULL),
        (OUTBOX, "queue_name"),
        AVERAGES,
    ),
    # Events.
    "event at infinity": Case(event("'infinity'"), {}, (EVENTS_TABLE, INFINITE)),
    "event at -infinity": Case(event("'-infinity'"), {}, (EVENTS_TABLE, INFINITE)),
    "event BC": Case(event("'0044-03-15 BC'"), {}, (EVENTS_TABLE, OUT)),
    "event in the last year there is": Case(event("'294276-12-31'"), {}, (EVENTS_TABLE, OUT)),
    "event tomorrow": Case(event("now() + interval '1 day'"), {}, (EVENTS_TABLE, OUT)),
    "event at no time": Case(event("NULL"), {}, (EVENTS_TABLE, NULL), (EVENTS_TABLE, "created_at")),
    "event of no type": Case(
        event("now()", event="NULL"),
        {(BY_SOURCE, ("API",)): 1.0, (BY_TYPE, ("other",)): 1.0},
        (EVENTS_TABLE, NULL),
        (EVENTS_TABLE, "event_type"),
    ),
    "event without a user": Case(
        event("now()", source="NULL"),
        {(BY_SOURCE, ("other",)): 1.0, (BY_TYPE, ("ODD",)): 1.0},
        (EVENTS_TABLE, NULL),
        (EVENTS_TABLE, "created_by"),
    ),
    # Keys.
    "key for ever": Case(KEY.format(at="'infinity'"), {(KEYS, ("live",)): 1.0}),
    "key of the year 9999": Case(KEY.format(at="'9999-12-31'"), {(KEYS, ("live",)): 1.0}),
    "key without an end": Case(
        KEY.format(at="NULL"), {(KEYS, ("live",)): 1.0}, (KEYS_TABLE, NULL), (KEYS_TABLE, "expires_at")
    ),
    "key that was never good": Case(KEY.format(at="'-infinity'"), {(KEYS, ("expired",)): 1.0}, (KEYS_TABLE, INFINITE)),
    "key that ended BC": Case(KEY.format(at="'0044-03-15 BC'"), {(KEYS, ("expired",)): 1.0}, (KEYS_TABLE, OUT)),
}


HOUR, MINUTE = rows.HOUR, 60 * rows.SECOND
ORDINARY = rows.Content(
    jobs=[
        rows.Job(0, "a", -3 * HOUR),
        rows.Job(1, "b", -2 * HOUR, None, 2, "ECONNREFUSED", -30 * MINUTE),
        rows.Job(2, "b", -5 * HOUR, None, 7, "ECONNREFUSED", -4 * HOUR),
        rows.Job(3, "a", -20 * MINUTE, -10 * MINUTE),
        rows.Job(4, "c", -4 * HOUR, -30 * MINUTE),
        rows.Job(5, "c", -9 * HOUR, -8 * HOUR),
    ],
    keys=[rows.Key(0, rows.DAY), rows.Key(1, -HOUR), rows.Key(2, -2 * HOUR)],
    events=[
        rows.Event(0, "FSM_INITIALIZED", "API", -20 * MINUTE),
        rows.Event(1, "FSM_INITIALIZED", "WORKER", -30 * MINUTE),
        rows.Event(2, "OTHER_TYPE", "API", -9 * HOUR),
    ],
)


@pytest.fixture(scope="module", params=list(Schema), ids=lambda schema: schema.value)
def ordinary(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Database]:
    """Ordinary rows that give the same numbers for minutes."""
    with postgres.cloned(cluster, request.param) as database:
        with database.connect() as connection:
            rows.write(connection, ORDINARY)
        yield database


def execute(database: Database, *statements: str) -> None:
    """All of them in one session and transaction: most of their time is that of a new session."""
    database.execute("; ".join(statements))


@contextmanager
def among_others(database: Database, case: Case) -> Iterator[None]:
    """The odd row, in a table that admits it."""
    null = ["ALTER TABLE {} ALTER {} {{}} NOT NULL".format(*case.nullable)] if case.nullable else []
    try:
        execute(database, *(each.format("DROP") for each in null), case.statement)
        yield
    finally:
        execute(
            database,
            "DELETE FROM job_outbox WHERE queue_name = 'odd' OR queue_name IS NULL",
            "DELETE FROM fsm_events WHERE event_type = 'ODD' OR event_type IS NULL",
            "DELETE FROM idempotency_keys WHERE key LIKE 'odd %'",
            *(each.format("SET") for each in null),
        )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_odd_row_changes_only_the_numbers_it_belongs_to(ordinary: Database, case: Case):
    """Every gauge of every collector, to the last bit: sums with the row, ages and averages without it."""
    before = everything(ordinary.dsn())
    with among_others(ordinary, case):
        after = everything(ordinary.dsn())
    expected = {key: before.get(key, 0.0) + case.adds.get(key, 0.0) for key in {*before, *case.adds}}
    if case.odd:
        expected["outbox_odd_rows", case.odd] = 1.0
    expected[RATIO, ()] = 1 / (1 + expected[LAST_HOUR, ()])
    assert {key: value for key, value in after.items() if key not in case.free} == {
        key: value for key, value in expected.items() if key not in case.free
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_counters_count_on_beside_an_odd_row(ordinary: Database, case: Case):
    """A job that is processed, and an event that comes, while it is there: each counted once, and in the histogram."""
    with sampler(ordinary.dsn()) as sampling, among_others(ordinary, case):
        throughput, events = (
            next(collector for collector in sampling.database_collectors if collector.name == name)
            for name in ("throughput", "events")
        )

        def counted() -> tuple[float, float, float]:
            found: dict[str, float] = {}
            for collector in (throughput, events):
                with sampling.database.sample(*collector.reads) as session:
                    for reading in collector.read(session):
                        assert not isinstance(reading, UnknownValue)
                        value = float(reading.value if isinstance(reading, Reading) else sum(reading.counts))
                        found[reading.metric.name] = found.get(reading.metric.name, 0.0) + value
            return tuple(
                found[name]
                for name in ("outbox_processed_jobs_total", "outbox_processing_time_seconds", "outbox_fsm_events_total")
            )  # type: ignore[return-value]

        assert counted() == (0, 0, 0)
        execute(ordinary, job("now() - interval '1 second'", "now()"), event("now()"))
        assert counted() == (1, 1, 1)
        assert counted() == (1, 1, 1)
        execute(ordinary, job("'-infinity'", "now()"), job("now()", "'infinity'"), event("'infinity'"))
        assert counted() == (2, 1, 1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rollback_check_accepts_an_odd_row(ordinary: Database, case: Case):
    """The checks read the same rows and give their results."""
    with among_others(ordinary, case), database_client(ordinary.dsn()) as opened:
        report = rollback_check(opened, SamplingSettings(), RollbackOptions(), time.time())
    assert [finding.check for finding in report.findings if finding.answer is CheckAnswer.UNKNOWN] == []


def test_all_of_them_at_once(ordinary: Database):
    """Kinds add up over all columns of a table."""
    cases = [case for case in CASES.values() if case.nullable is None]
    with ExitStack() as stack:
        for case in cases:
            stack.enter_context(among_others(ordinary, case))
        found = everything(ordinary.dsn())
    odd = Counter(case.odd for case in cases if case.odd)
    assert {key[1]: value for key, value in found.items() if key[0] == "outbox_odd_rows"} == odd
    assert odd["job_outbox", "infinite"] >= 5
    assert odd["job_outbox", "out_of_range"] >= 5
