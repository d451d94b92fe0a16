"""Counters and histogram against brute force, with writers whose transactions interleave on a real server."""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from exporter.collectors.database import DatabaseCollector
from exporter.metrics import catalogue
from exporter.metrics.readings import Distribution, Reading, UnknownValue
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.sampling import sampler
from tests.postgres import Database

COURSE = "00000000-0000-0000-0000-000000000000"
STEPS = 400
WRITERS = 5


@dataclass(frozen=True)
class Written:
    """A row that a writer wrote, as brute force remembers it."""

    id: str
    kind: str
    label: str
    seconds: float = 0.0


@dataclass
class CounterModel:
    """The writes, which of them are committed, and which each sample could see."""

    committed: dict[str, Written] = field(default_factory=dict)
    pending: dict[int, list[Written]] = field(default_factory=dict)
    before: set[str] | None = None
    counted: dict[str, Written] = field(default_factory=dict)

    def sampled(self) -> None:
        """A sample now: rows that are new to it count, unless it is the first sample."""
        if self.before is None:
            self.before = set(self.committed)
        self.counted |= {name: row for name, row in self.committed.items() if name not in self.before}

    def of(self, kind: str) -> list[Written]:
        return [row for row in self.counted.values() if row.kind == kind]


def write_job(connection: psycopg.Connection[Any], rng: random.Random) -> Written:
    """A processed job, stamped up to nine minutes ago, sometimes by a clock that is behind."""
    row = connection.execute(
        "INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)"
        " VALUES (%s, %s, clock_timestamp() - %s * interval '1 second', clock_timestamp() - %s * interval '1 second')"
        " RETURNING outbox_id::text, queue_name, extract(epoch FROM processed_at - created_at)::float8",
        (COURSE, f"q{rng.randrange(4)}", rng.uniform(0, 4000), rng.uniform(0, 540)),
    ).fetchone()
    assert row is not None
    return Written(row[0], "job", row[1], row[2])


def write_event(connection: psycopg.Connection[Any], rng: random.Random) -> Written:
    row = connection.execute(
        "INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)"
        " VALUES (%s, 'FSM_INITIALIZED', %s, clock_timestamp() - %s * interval '1 second')"
        " RETURNING event_id::text, created_by",
        (COURSE, rng.choice(("API", "WORKER")), rng.uniform(0, 540)),
    ).fetchone()
    assert row is not None
    return Written(row[0], "event", row[1])


def delete(connection: psycopg.Connection[Any], row: Written) -> None:
    table, key = ("job_outbox", "outbox_id") if row.kind == "job" else ("fsm_events", "event_id")
    connection.execute(f"DELETE FROM {table} WHERE {key} = %s".encode(), (row.id,))


def sample(sampling: Sampler) -> list[Reading | Distribution]:
    found: list[Reading | Distribution] = []
    for collector in sampling.database_collectors:
        if collector.name in {"throughput", "events"}:
            with sampling.database.sample(*collector.reads) as session:
                found += [each for each in collector.read(session) if not isinstance(each, UnknownValue)]
    return found


def step(model: CounterModel, writers: list[psycopg.Connection[Any]], rng: random.Random, janitor: Any) -> None:
    """One writer writes, commits or rolls back; or another session deletes a committed row."""
    number = rng.randrange(WRITERS)
    writer, mine = writers[number], model.pending.setdefault(number, [])
    match rng.choice(("job", "job", "event", "commit", "commit", "rollback", "delete")):
        case "job":
            mine.append(write_job(writer, rng))
        case "event":
            mine.append(write_event(writer, rng))
        case "commit":
            writer.commit()
            model.committed |= {row.id: row for row in mine}
            mine.clear()
        case "rollback" if rng.random() < 0.3:
            writer.rollback()
            mine.clear()
        case "delete" if model.committed:
            row = model.committed.pop(rng.choice(sorted(model.committed)))
            delete(janitor, row)


def check(model: CounterModel, readings: Iterable[Reading | Distribution]) -> None:
    jobs, events = model.of("job"), model.of("event")
    values = {(r.metric, r.labels): r.value for r in readings if isinstance(r, Reading)}
    (histogram,) = (r for r in readings if isinstance(r, Distribution))
    assert values[catalogue.PROCESSED_JOBS, ()] == len(jobs)
    by_queue = {
        labels[0]: value for (metric, labels), value in values.items() if metric == catalogue.QUEUE_PROCESSED_JOBS
    }
    assert by_queue == Counter(job.label for job in jobs)
    assert values[catalogue.CLOCK_SKEW_JOBS, ()] == sum(job.seconds < 0 for job in jobs)
    buckets = Counter(bisect_left(catalogue.PROCESSING_TIME_BUCKETS, max(0.0, job.seconds)) for job in jobs)
    assert list(histogram.counts) == [buckets[n] for n in range(len(catalogue.PROCESSING_TIME_BUCKETS) + 1)]
    assert histogram.total == pytest.approx(sum(max(0.0, job.seconds) for job in jobs))
    by_source = {labels[0]: value for (metric, labels), value in values.items() if metric == catalogue.EVENTS}
    assert by_source == {"API": 0, "QUEUE": 0, "WORKER": 0} | Counter(event.label for event in events)
    if events:
        assert values[catalogue.EVENTS_BY_TYPE, ("FSM_INITIALIZED",)] == len(events)


@pytest.mark.parametrize("seed", range(3))
def test_interleaved_writers_are_counted_exactly(database: Database, seed: int):
    """Out-of-order commits, late stamps, roll-backs, deletions: each row that a sample can see counts once."""
    rng = random.Random(seed)
    model = CounterModel()
    with ExitStack() as stack:
        janitor = stack.enter_context(database.connect())
        rows.write(janitor, rows.Content())
        writers = [stack.enter_context(database.connect(autocommit=False)) for _ in range(WRITERS)]
        sampling = stack.enter_context(sampler(database.dsn()))
        for _ in range(STEPS):
            step(model, writers, rng, janitor)
            if rng.random() < 0.1:
                model.sampled()
                check(model, sample(sampling))
        assert len(model.of("job")) > 20
        assert len(model.of("event")) > 5
        for writer in writers:
            writer.rollback()


def test_a_failed_sample_loses_nothing(database: Database):
    """Rows written while sampling failed are counted by the next successful sample."""
    rng = random.Random(1)
    with database.connect() as writer, sampler(database.dsn(), lock_timeout=0.05) as sampling:
        rows.write(writer, rows.Content())
        sample(sampling)
        for _ in range(5):
            write_job(writer, rng)
        with database.connect(autocommit=False) as locker:
            locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Exception, match="lock timeout"):
                sample(sampling)
            locker.rollback()
        values = {r.metric: r.value for r in sample(sampling) if isinstance(r, Reading)}
    assert values[catalogue.PROCESSED_JOBS] == 5


@pytest.mark.parametrize(("kind", "name"), [("job", "throughput"), ("event", "events")])
def test_rows_before_the_window_are_recognised_by_their_count_and_sum(database: Database, kind: str, name: str):
    """To the microsecond, so that nothing is read twice that is as it was; one row more, and all is."""
    rng, write = random.Random(2), {"job": write_job, "event": write_event}[kind]
    with database.connect() as writer, sampler(database.dsn()) as sampling:
        rows.write(writer, rows.Content())
        for _ in range(200):
            write(writer, rng)
        sample(sampling)
        asked = QueryCounter(next(each for each in sampling.database_collectors if each.name == name))
        assert asked.of(sampling) == 1
        while write(writer, rng) and asked.of(sampling) == 1:
            pass  # its time may be of the last few seconds
        assert asked.of(sampling) == 1


@dataclass(frozen=True)
class QueryCounter:
    """Counts how often a collector reads rows at a sample: twice when the known rows have changed."""

    collector: DatabaseCollector

    def of(self, sampling: Sampler) -> int:
        asked: list[str] = []
        with sampling.database.sample(*self.collector.reads) as session:
            fetch = session.fetch

            def counting(name: str, *arguments: Any, **parameters: Any) -> Any:
                asked.append(name)
                return fetch(name, *arguments, **parameters)

            session.fetch = counting  # type: ignore[method-assign]
            tuple(self.collector.read(session))
        counter: Any = getattr(self.collector, "_completions", self.collector)
        assert counter._watermark.settled_window(session.now).rows > 100
        return asked.count({"throughput": "processed_since", "events": "events"}[self.collector.name])
