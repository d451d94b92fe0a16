"""Created = processed + growth of the backlog + unaccounted jobs, with writers that interleave on a real server."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from exporter.collectors import backlog
from exporter.collectors.inserted_rows import CONSECUTIVE_SAMPLES
from exporter.config.settings import SamplingSettings
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.sampling import sampler
from tests.postgres import Database, cloned
from tests.standby import standby_of

STEPS = 600
WRITERS = 4
KINDS = ("removed", "uncounted", "doubled")
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


class Truth:
    """What became of each job that samples could see, by brute force over the whole table."""

    def __init__(self) -> None:
        self.pending_at_start: int | None = None
        self.totals: Counter[str] = Counter()
        # Each job that was seen: pending, counted, or lost with a processed_at that no counter reads.
        self._state: dict[str, str] = {}
        self._stamps: dict[str, datetime] = {}
        self._backlog: set[str] = set()
        self._counts = False

    def backlog_sampled(self, table: dict[str, datetime | None]) -> None:
        """The backlog was read: a pending job that was not pending before has been created."""
        self._backlog = {job for job, at in table.items() if at is None}
        for job in self._backlog:
            if self._state.get(job) != "pending":
                self.totals["created"] += self.pending_at_start is not None
                self._state[job] = "pending"
                self._stamps.pop(job, None)

    def completions_sampled(self, table: dict[str, datetime | None], now: datetime) -> None:
        """The processed jobs were read: those stamped within the window are counted."""
        readable = {
            job: at for job, at in table.items() if at and now - timedelta(seconds=600) < at < now + timedelta(days=1)
        }
        for job, at in readable.items():
            if self._state.get(job) == "counted":
                self.totals["doubled"] += self._stamps[job] != at
            else:
                self.totals["processed"] += self._counts
                self.totals["created"] += self._counts and job not in self._state
                self._state[job] = "counted"
            self._stamps[job] = at
        for job, state in list(self._state.items()):
            if state == "counted" and job not in readable:
                del self._state[job]  # opened again, or deleted
            elif state == "pending" and job not in self._backlog and job not in table:
                self.totals["removed"] += 1
                del self._state[job]
            elif state == "pending" and job not in self._backlog and table[job] is not None:
                self.totals["uncounted"] += 1
                self._state[job] = "lost"
        self._counts = True
        if self.pending_at_start is None:
            self.pending_at_start = sum(state == "pending" for state in self._state.values())

    @property
    def lost(self) -> int:
        """Removed and uncounted jobs."""
        return self.totals["removed"] + self.totals["uncounted"]


# What writers do to a backlog that is listed whole, and to a long one: there a job that is opened again or stamped
# twice has consequences that only its id tells.
STEPS_OF_ANY = ("create", "process", "end")
STEPS_OF_WHOLE = (
    *(3 * STEPS_OF_ANY),
    "arrive processed",
    "backdate",
    "behind",
    "retry",
    "reopen",
    "restamp",
    "delete",
    "delete",
    "course",
)
STEPS_OF_LONG = (*(4 * STEPS_OF_ANY), "create", "create", "arrive processed", "behind", "retry", "delete", "course")


# Which row is changed, and how; the clocks that stamp it lead or lag.
CHANGES = {
    "retry": ("processed_at IS NULL", "attempts = attempts + 1, last_error = 'x'"),
    "reopen": ("processed_at IS NOT NULL", "processed_at = NULL"),
    "restamp": ("processed_at > now() - interval '9 minutes'", "processed_at = clock_timestamp()"),
    "process": ("processed_at IS NULL", "processed_at = now() - interval '{minutes} seconds'"),
    "behind": ("processed_at IS NULL", "processed_at = now() - interval '{hours} hours'"),
}


class Writers:
    """Transactions at work, which interleave."""

    def __init__(self, janitor: psycopg.Connection[Any], writers: list[Writer], rng: random.Random) -> None:
        self._janitor = janitor
        self._writers = writers
        self._rng = rng

    def table(self) -> tuple[dict[str, datetime | None], datetime]:
        """All jobs with the time at which they were processed; and now."""
        found = self._janitor.execute("SELECT outbox_id::text, processed_at FROM job_outbox").fetchall()
        now = self._janitor.execute("SELECT now()").fetchone()
        assert now is not None
        return dict(found), now[0]

    def step(self, steps: tuple[str, ...]) -> None:
        """One writer does one thing to a row that no other has locked."""
        writer, rng = self._rng.choice(self._writers), self._rng
        match rng.choice(steps):
            case "create":
                self._create(writer, rng.uniform(-40, 40), "NULL")
            case "backdate":  # by an application with its own idea of the time
                self._create(writer, rng.choice((-3600, 3600, 5 * 3600, 24 * 3600 * 90)), "NULL")
            case "arrive processed":
                self._create(writer, rng.uniform(0, 40), f"clock_timestamp() - interval '{rng.uniform(0, 30)} seconds'")
            case "delete":
                if job := self._free("true"):
                    writer.execute("DELETE FROM job_outbox WHERE outbox_id = %s", job)
                    writer.locked.add(job)
            case "course":
                if not any(each.locked for each in self._writers) and rng.random() < 0.1:
                    self._janitor.execute("DELETE FROM job_outbox WHERE entity_id = %s", (rng.choice(COURSES),))
            case "end":
                writer.end(commits=rng.random() < 0.8)
            case change:
                which, how = CHANGES[change]
                hours = rng.choice((0.25, 1, 5, 13, 24 * 400))
                self._change(writer, which, how.format(minutes=self._lag(), hours=hours))

    def _create(self, writer: Writer, late: float, processed: str) -> None:
        writer.execute(
            f"INSERT INTO job_outbox (outbox_id, entity_id, queue_name, created_at, processed_at)"
            f" VALUES (%s, %s, %s, clock_timestamp() - %s * interval '1 second', {processed})",
            UUID(int=self._rng.getrandbits(128)),
            self._rng.choice(COURSES),
            self._rng.choice(("a", "b", "b")),
            late,
        )

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


@dataclass
class Exporter:
    """An exporter that samples while writers work, and is restarted now and then; and the truth beside it."""

    database: Database
    writers: Writers
    life: ExitStack
    count_limit: int = 1_000_000
    planted: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """A new process has no earlier readings. Nothing happens before its second sample."""
        self.life.close()
        self._sampling = self.life.enter_context(sampler(self.database.dsn()))
        self._sampling.database_collectors[0]._settings = SamplingSettings(count_limit=self.count_limit)  # type: ignore[attr-defined]
        self.truth = Truth()
        self.sample()
        self.sample()

    def sample(self, between: Callable[[], None] = lambda: None) -> tuple[Counter[str], int]:
        """The totals after a sample, and how many jobs are pending; something may happen in the middle of it."""
        before = self.truth.totals.copy()
        table, _ = self.writers.table()
        sample(self._sampling, "backlog")
        self.truth.backlog_sampled(table)
        between()
        table, now = self.writers.table()
        found = sample(self._sampling, "throughput")
        self.truth.completions_sampled(table, now)
        self.planted += self.truth.totals - before
        assert found["outbox_created_jobs_total",] == sum(
            jobs for (name, *_), jobs in found.items() if name == "outbox_queue_created_jobs_total"
        )
        totals = Counter({kind: int(found["outbox_unaccounted_jobs_total", kind]) for kind in KINDS})
        totals["created"] = int(found["outbox_created_jobs_total",])
        totals["processed"] = int(found["outbox_processed_jobs_total",])
        return +totals, sum(at is None for at in table.values())


@contextmanager
def exporter(database: Database, seed: int, count_limit: int = 1_000_000) -> Iterator[Exporter]:
    """Writers and an exporter on an outbox without rows."""
    with ExitStack() as stack:
        janitor = stack.enter_context(database.connect())
        rows.write(janitor, rows.Content())
        connections = [stack.enter_context(database.connect(autocommit=False)) for _ in range(WRITERS)]
        writers = Writers(janitor, [Writer(each) for each in connections], random.Random(seed))
        watched = Exporter(database, writers, stack.enter_context(ExitStack()), count_limit)
        watched.start()
        yield watched
        for connection in connections:
            connection.rollback()


@pytest.mark.parametrize("seed", range(3))
def test_each_job_is_accounted_for(database: Database, seed: int):
    """Late commits, roll-backs, retries, reopened and restamped rows, any created_at, restarts: the plain truth.

    And created jobs are those processed, those unaccounted for, and the growth of the backlog.
    """
    rng = random.Random(seed)
    with exporter(database, seed) as watched:
        for _ in range(STEPS):
            watched.writers.step(STEPS_OF_WHOLE)
            if rng.random() < 0.15:
                is_split = rng.random() < 0.3
                between = partial(watched.writers.step, STEPS_OF_WHOLE) if is_split else lambda: None
                totals, pending = watched.sample(between)
                truth = watched.truth
                assert totals == +truth.totals
                if not is_split:
                    left = totals["processed"] + totals["removed"] + totals["uncounted"]
                    assert totals["created"] == left + pending - (truth.pending_at_start or 0)
            if rng.random() < 0.01:
                watched.start()
        assert min(watched.planted[kind] for kind in KINDS) > 1
        assert watched.planted["created"] > 30


@pytest.mark.parametrize("seed", range(3))
def test_a_long_backlog_is_accounted_for_by_number(database: Database, seed: int, monkeypatch: pytest.MonkeyPatch):
    """Which is listed in part, then whole, then in part: the same totals, but a removed job may be stamped wrong."""
    monkeypatch.setattr(backlog, "HEAD", 6)
    monkeypatch.setattr(backlog, "SHORT_BACKLOG", 20)
    rng = random.Random(seed)
    lengths = []
    with exporter(database, seed) as watched:
        for _ in range(STEPS):
            watched.writers.step(STEPS_OF_LONG)
            if rng.random() < 0.15:
                is_split = rng.random() < 0.3
                between = partial(watched.writers.step, STEPS_OF_LONG) if is_split else lambda: None
                totals, pending = watched.sample(between)
                lengths.append(pending)
                truth = watched.truth
                assert {name: totals[name] for name in ("created", "processed", "doubled")} == {
                    name: truth.totals[name] for name in ("created", "processed", "doubled")
                }
                assert totals["removed"] + totals["uncounted"] == truth.lost
            if rng.random() < 0.01:
                watched.start()
        assert min(lengths) < 20 < max(lengths)
        assert watched.planted["removed"] > 2


def test_beyond_the_count_limit_nothing_is_claimed_that_is_not_so(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Created jobs are counted, as far as they were created lately; of losses only those among the oldest are known."""
    monkeypatch.setattr(backlog, "HEAD", 6)
    monkeypatch.setattr(backlog, "SHORT_BACKLOG", 10)
    rng = random.Random(7)
    with exporter(database, 7, count_limit=15) as watched:
        for _ in range(STEPS):
            watched.writers.step(STEPS_OF_LONG)
            if rng.random() < 0.15:
                totals, _ = watched.sample()
                assert totals["created"] == watched.truth.totals["created"]
                assert totals["removed"] + totals["uncounted"] <= watched.truth.lost
        assert 0 < totals["removed"] < watched.truth.totals["removed"]


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
        asked = [collector._conservation for collector in sampling.database_collectors if collector.name == "last_hour"]  # type: ignore[attr-defined]
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
        conservation = next(q for q in sampling.database_collectors if q.name == "last_hour")._conservation  # type: ignore[attr-defined]
        assert unaccounted(found) == {"removed": 0, "uncounted": 0}
        assert conservation.balance._next < 0


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
    """Each kind has a series, also at 0."""
    assert catalogue.UNACCOUNTED_KINDS == ("removed", "uncounted", "doubled")
