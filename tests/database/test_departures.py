"""Jobs that leave the backlog uncounted, with writers that interleave on a real server: each is noticed."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from exporter.collectors.departures import CONSECUTIVE_SAMPLES
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.sampling import sampler
from tests.postgres import Database, cloned
from tests.standby import standby_of

STEPS = 700
WRITERS = 4
COURSES = [f"00000000-0000-0000-0000-{number:012d}" for number in range(rows.COURSES)]


def sample(sampling: Sampler, *collectors: str) -> dict[tuple[str, ...], float]:
    """The collectors' readings of departed jobs, by metric and label."""
    found: dict[tuple[str, ...], float] = {}
    for collector in sampling.database_collectors:
        if collector.name in (collectors or ("backlog", "throughput")):
            with sampling.database.sample(*collector.reads) as session:
                for reading in collector.read(session):
                    if isinstance(reading, Reading):
                        found[(reading.metric.name, *reading.labels)] = reading.value
    return found


def unaccounted(found: dict[tuple[str, ...], float]) -> Counter[str]:
    """The number of reported jobs of each kind."""
    return Counter({kind: int(found["outbox_unaccounted_jobs_total", kind]) for kind in ("removed", "uncounted")})


@dataclass
class Writer:
    """A transaction that may be open for a while, and the rows that it has locked."""

    connection: psycopg.Connection[Any]
    locked: set[str] = field(default_factory=set)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def end(self, *, commits: bool) -> None:
        self.connection.commit() if commits else self.connection.rollback()
        self.locked.clear()


class DepartureModel:
    """Writers at work, and the expected result by brute force over the whole table."""

    def __init__(self, janitor: psycopg.Connection[Any], writers: list[Writer], rng: random.Random) -> None:
        self._janitor = janitor
        self._writers = writers
        self._rng = rng
        self._pending: set[str] | None = None
        self.expected: Counter[str] = Counter(removed=0, uncounted=0)
        self.planted: Counter[str] = Counter()

    def restarted(self) -> None:
        """A new exporter has no earlier readings."""
        self._pending, self.expected = None, Counter(removed=0, uncounted=0)

    def sampled(self) -> None:
        """The rows of the table that are new to a sample now."""
        table = dict(
            self._janitor.execute(
                "SELECT outbox_id::text, extract(epoch FROM now() - processed_at)::float8 FROM job_outbox"
            ).fetchall()
        )
        pending = {job for job, age in table.items() if age is None}
        for job in (self._pending or set()) - pending:
            if job not in table:
                self.expected["removed"] += 1
            elif not -3600 < table[job] < 600:
                self.expected["uncounted"] += 1
        self.planted += self.expected
        self._pending = pending

    def step(self) -> None:
        """One writer does one thing to a row that no other has locked."""
        writer = self._rng.choice(self._writers)
        match self._rng.choice(
            (
                "create",
                "create",
                "process",
                "process",
                "behind",
                "retry",
                "reopen",
                "delete",
                "course",
                "end",
                "end",
                "end",
            )
        ):
            case "create":
                late = self._rng.uniform(0, 300)
                writer.execute(
                    "INSERT INTO job_outbox (entity_id, queue_name, created_at)"
                    " VALUES (%s, 'q', clock_timestamp() - %s * interval '1 second')",
                    self._rng.choice(COURSES),
                    late,
                )
            case "process":  # by a clock that leads or lags, by minutes at most
                self._change(writer, "processed_at IS NULL", f"processed_at = now() - interval '{self._lag()} seconds'")
            case "behind":
                hours = self._rng.choice((0.25, 1, 5, 13, 24 * 400))
                self._change(writer, "processed_at IS NULL", f"processed_at = now() - interval '{hours} hours'")
            case "retry":
                self._change(writer, "processed_at IS NULL", "attempts = attempts + 1, last_error = 'x'")
            case "reopen":
                self._change(writer, "processed_at IS NOT NULL", "processed_at = NULL")
            case "delete":
                if job := self._free("true"):
                    writer.execute("DELETE FROM job_outbox WHERE outbox_id = %s", job)
                    writer.locked.add(job)
            case "course" if not any(each.locked for each in self._writers) and self._rng.random() < 0.1:
                self._janitor.execute("DELETE FROM job_outbox WHERE entity_id = %s", (self._rng.choice(COURSES),))
            case "end":
                writer.end(commits=self._rng.random() < 0.8)

    def _lag(self) -> float:
        return self._rng.choice((0.0, -5.0, 5.0, self._rng.uniform(0, 500), -self._rng.uniform(0, 500)))

    def _change(self, writer: Writer, which: str, how: str) -> None:
        if job := self._free(which):
            writer.execute(f"UPDATE job_outbox SET {how} WHERE outbox_id = %s", job)
            writer.locked.add(job)

    def _free(self, which: str) -> str | None:
        """A committed row that is not locked."""
        found = self._janitor.execute(
            f"SELECT outbox_id::text FROM job_outbox"
            f" WHERE {which} AND NOT outbox_id::text = ANY (%s) ORDER BY 1".encode(),
            ([job for writer in self._writers for job in writer.locked],),
        ).fetchall()
        return self._rng.choice(found)[0] if found else None


@pytest.mark.parametrize("seed", range(4))
def test_each_loss_is_found_and_nothing_else(database: Database, seed: int):
    """Late commits, roll-backs, retries, reopened rows, different clocks, restarts: the lost jobs are reported."""
    rng = random.Random(seed)
    with ExitStack() as stack:
        janitor = stack.enter_context(database.connect())
        rows.write(janitor, rows.Content())
        connections = [stack.enter_context(database.connect(autocommit=False)) for _ in range(WRITERS)]
        model = DepartureModel(janitor, [Writer(each) for each in connections], rng)
        life = stack.enter_context(ExitStack())
        sampling = life.enter_context(sampler(database.dsn()))
        for _ in range(STEPS):
            model.step()
            if rng.random() < 0.15:
                model.sampled()
                assert unaccounted(sample(sampling)) == model.expected
            if rng.random() < 0.01:
                life.close()
                sampling = life.enter_context(sampler(database.dsn()))
                model.restarted()
        assert min(model.planted["removed"], model.planted["uncounted"]) > 10
        for connection in connections:
            connection.rollback()


def create(connection: psycopg.Connection[Any], jobs: int) -> None:
    connection.execute(
        "INSERT INTO job_outbox (entity_id, queue_name) SELECT %s, 'x' FROM generate_series(1, %s)", (COURSES[0], jobs)
    )


def stamp(connection: psycopg.Connection[Any], how: str) -> None:
    connection.execute(f"UPDATE job_outbox SET processed_at = {how} WHERE processed_at IS NULL".encode())


def flushed(connection: psycopg.Connection[Any]) -> None:
    """The server's statistics have flushed the work of this session."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")


@pytest.fixture
def empty(database: Database) -> Database:
    with database.connect() as connection:
        rows.write(connection, rows.Content())
    return database


def test_a_clock_five_hours_behind(empty):
    """Naive local time as UTC: the jobs that were pending are reported as uncounted, and as clock skew."""
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        create(connection, 40)
        sample(sampling)
        stamp(connection, "now() - interval '5 hours'")
        found = sample(sampling)
        assert unaccounted(found) == {"removed": 0, "uncounted": 40}
        assert found["outbox_clock_skew_jobs_total",] == 40
        assert found["outbox_processed_jobs_total",] == 0
        assert unaccounted(sample(sampling)) == {"removed": 0, "uncounted": 40}


def test_the_processing_of_a_course_that_is_deleted(empty):
    """Its pending jobs go with it."""
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        create(connection, 7)
        sample(sampling)
        connection.execute("DELETE FROM courses WHERE id = %s", (COURSES[0],))
        assert unaccounted(sample(sampling)) == {"removed": 7, "uncounted": 0}


def test_an_id_with_spaces_is_one_job(empty):
    """A text that is an id may hold anything that people write."""
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        create(connection, 5)
        connection.execute("ALTER TABLE job_outbox ALTER outbox_id DROP DEFAULT")
        connection.execute("ALTER TABLE job_outbox ALTER outbox_id TYPE text USING 'job no ' || outbox_id::text")
        sample(sampling)
        connection.execute("DELETE FROM job_outbox WHERE outbox_id = (SELECT min(outbox_id) FROM job_outbox)")
        assert unaccounted(sample(sampling)) == {"removed": 1, "uncounted": 0}


@pytest.mark.parametrize("kind", ["bigint", "text", "varchar(40)", "number"])
def test_ids_of_any_type(empty, kind):
    """The columns that identify jobs, of any type."""
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        create(connection, 5)
        connection.execute("CREATE DOMAIN number AS bigint")
        connection.execute("ALTER TABLE job_outbox ALTER outbox_id DROP DEFAULT")
        connection.execute(
            f"ALTER TABLE job_outbox ALTER outbox_id TYPE {kind} USING abs(hashtext(outbox_id::text))".encode()
        )
        sample(sampling)
        connection.execute("DELETE FROM job_outbox WHERE outbox_id = (SELECT min(outbox_id) FROM job_outbox)")
        assert unaccounted(sample(sampling)) == {"removed": 1, "uncounted": 0}


def test_jobs_that_are_never_seen_pending(empty):
    """Created and stamped between two samples: the statistics give reason to look, and looking finds each once."""
    everything = ("backlog", "throughput", "last_hour")
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        for _ in range(CONSECUTIVE_SAMPLES):
            sample(sampling, *everything)
        create(connection, 40)
        stamp(connection, "now() - interval '5 hours'")
        create(connection, 10)
        stamp(connection, "now()")
        flushed(connection)
        for _ in range(CONSECUTIVE_SAMPLES + 1):
            found = sample(sampling, *everything)
        assert unaccounted(found) == {"removed": 0, "uncounted": 40}
        assert found["outbox_clock_skew_jobs_total",] == 40
        assert found["outbox_processed_jobs_total",] == 10
        for _ in range(2 * CONSECUTIVE_SAMPLES):
            found = sample(sampling, *everything)
        assert unaccounted(found) == {"removed": 0, "uncounted": 40}


def test_inserts_that_were_rolled_back_are_no_loss(empty):
    """The statistics count them, so the collector searches; it finds nothing and reports nothing."""
    everything = ("backlog", "throughput", "last_hour")
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        for _ in range(CONSECUTIVE_SAMPLES):
            sample(sampling, *everything)
        with connection.transaction(force_rollback=True):
            create(connection, 20)
        flushed(connection)
        for _ in range(CONSECUTIVE_SAMPLES + 2):
            found = sample(sampling, *everything)
        assert unaccounted(found) == {"removed": 0, "uncounted": 0}
        asked = [collector._departures for collector in sampling.database_collectors if collector.name == "last_hour"]  # type: ignore[attr-defined]
        assert asked[0].balance._next > 0


def test_ordinary_traffic_is_not_searched(empty):
    """Jobs come, wait, are processed and deleted: nothing is searched."""
    everything = ("backlog", "throughput", "last_hour")
    rng = random.Random(1)
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        for _ in range(40):
            create(connection, rng.randrange(20))
            if rng.random() < 0.6:
                stamp(connection, "clock_timestamp()")
            flushed(connection)
            found = sample(sampling, *everything)
            if rng.random() < 0.2:
                connection.execute("DELETE FROM job_outbox WHERE processed_at IS NOT NULL")
        departures = next(q for q in sampling.database_collectors if q.name == "last_hour")._departures  # type: ignore[attr-defined]
        assert unaccounted(found) == {"removed": 0, "uncounted": 0}
        assert departures.balance._next < 0


def test_a_backlog_longer_than_the_known_jobs(empty):
    """Of 800 jobs the oldest 200 are known: those of them that leave are reported, and no job twice."""
    with empty.connect() as connection, sampler(empty.dsn()) as sampling:
        connection.execute(
            "INSERT INTO job_outbox (entity_id, queue_name, created_at)"
            " SELECT %s, 'x', now() - n * interval '1 second' FROM generate_series(1, 800) AS n",
            (COURSES[0],),
        )
        sample(sampling)
        connection.execute(
            "DELETE FROM job_outbox WHERE outbox_id IN (SELECT outbox_id FROM job_outbox ORDER BY created_at LIMIT 200)"
        )
        connection.execute(
            "DELETE FROM job_outbox WHERE outbox_id IN"
            " (SELECT outbox_id FROM job_outbox ORDER BY created_at DESC LIMIT 50)"
        )
        assert unaccounted(sample(sampling)) == {"removed": 200, "uncounted": 0}
        stamp(connection, "now()")
        assert unaccounted(sample(sampling)) == {"removed": 200, "uncounted": 0}


def test_nothing_is_lost_while_samples_fail(empty):
    """A lock on the table: jobs that leave meanwhile are reported by the next successful sample."""
    with empty.connect() as connection, sampler(empty.dsn(), lock_timeout=0.05) as sampling:
        create(connection, 9)
        sample(sampling)
        with empty.connect(autocommit=False) as locker:
            locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
            for _ in range(2):
                with pytest.raises(Exception, match="lock timeout"):
                    sample(sampling)
            locker.execute("DELETE FROM job_outbox WHERE ctid IN (SELECT ctid FROM job_outbox LIMIT 4)")
            locker.execute("UPDATE job_outbox SET processed_at = now() - interval '5 hours'")
            locker.commit()
        assert unaccounted(sample(sampling)) == {"removed": 4, "uncounted": 5}


def test_a_standby_has_no_totals_of_unaccounted_jobs(cluster):
    """The standby may be behind earlier readings: there the series are absent, and nothing counts as removed."""
    with standby_of(cluster) as standby, cloned(cluster) as database:
        with database.connect() as connection:
            rows.write(connection, rows.Content())
            create(connection, 5)
        standby.wait_until_caught_up()
        replica = Database(standby, database.name)
        with sampler(replica.dsn()) as sampling:
            for _ in range(2):
                found = sample(sampling, "backlog", "throughput", "last_hour")
                assert found["outbox_pending_jobs", "waiting"] in (0, 5)
                assert not [name for name, *_ in found if name == "outbox_unaccounted_jobs_total"]
                database.execute("DELETE FROM job_outbox")
                standby.wait_until_caught_up()


def test_the_series_are_of_the_catalogue():
    """Both kinds have a series, also at 0."""
    assert catalogue.UNACCOUNTED_KINDS == ("removed", "uncounted")
