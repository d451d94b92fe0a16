"""A backlog around `count_limit`: the oldest so many jobs are counted, and never one that does not exist."""

from collections import Counter
from typing import Any

import psycopg
import pytest

from exporter.collectors.backlog import BacklogCollector
from exporter.collectors.completions import Completions
from exporter.collectors.conservation import Conservation
from exporter.config.settings import DatabaseSettings, SamplingSettings
from exporter.core.errors import TooSlow
from exporter.core.types import Secret
from exporter.database import DatabaseClient, Session
from exporter.database.indexes import IndexCatalogue
from exporter.metrics import catalogue
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import Reading
from tests.database import rows
from tests.database.sampling import database_client
from tests.postgres import Database

LIMIT = 100
# A twentieth of LIMIT: less than this beyond it is counted whole.
BARELY = 5
# Attempts by position in the line, so that states and queues are mixed, and the newest are not all alike.
ATTEMPTS = (0, 0, 2, 0, 7, 0, 0)
STATES = {0: "waiting", 2: "failing", 7: "exhausted"}


def collector(database: Database) -> BacklogCollector:
    """One of this limit; the samples are taken by another client."""
    client = DatabaseClient(DatabaseSettings(dsn=Secret(database.dsn())))
    queues = LabelLimit(20)
    return BacklogCollector(
        client, IndexCatalogue(), SamplingSettings(count_limit=LIMIT), queues, Completions(queues, Conservation())
    )


def fill(connection: psycopg.Connection[Any], jobs: int) -> None:
    """So many pending jobs, each a second younger than the one before; job n is in queue n mod 3."""
    line = [
        rows.Job(
            course=number % rows.COURSES,
            queue=f"q{number % 3}",
            created=-rows.DAY + number * rows.SECOND,
            attempts=ATTEMPTS[number % len(ATTEMPTS)],
        )
        for number in range(jobs)
    ]
    rows.write(connection, rows.Content(jobs=line))


def expected(connection: psycopg.Connection[Any], jobs: int) -> dict[tuple[str, tuple[str, ...]], float]:
    """Brute force over the oldest LIMIT jobs of the line."""
    counted = range(min(jobs, LIMIT))
    states = [STATES[ATTEMPTS[number % len(ATTEMPTS)]] for number in counted]
    line = [
        row[0]
        for row in connection.execute(
            "SELECT extract(epoch FROM created_at)::float8 FROM job_outbox ORDER BY created_at"
        )
    ]
    found: dict[tuple[str, tuple[str, ...]], float] = {(catalogue.PENDING_TRUNCATED.name, ()): jobs >= LIMIT}
    amounts = Counter(states)
    for state in catalogue.STATES:
        found[catalogue.PENDING_JOBS.name, (state,)] = amounts[state]
        if state in states:
            found[catalogue.OLDEST_PENDING.name, (state,)] = line[states.index(state)]
    for queue, count in Counter(f"q{number % 3}" for number in counted).items():
        found[catalogue.QUEUE_PENDING_JOBS.name, (queue,)] = count
        found[catalogue.QUEUE_OLDEST_PENDING.name, (queue,)] = line[int(queue[1:])]
    return found


@pytest.mark.parametrize(
    "lengths",
    [
        (LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + BARELY - 1),
        (LIMIT + BARELY, LIMIT + BARELY - 1, LIMIT + 1, LIMIT, LIMIT - 1, LIMIT + 1),
        (3 * LIMIT, 3 * LIMIT, 7, 0, LIMIT + 2),
        (7, 3 * LIMIT, 7),
    ],
    ids=["growing past the limit", "shrinking from far beyond", "far beyond and back", "far beyond at once"],
)
def test_around_the_limit(database: Database, lengths: tuple[int, ...]):
    """Counts, ages and the mark of truncation are those of the oldest jobs up to the limit, whatever was before."""
    backlog = collector(database)
    with database.connect() as connection, database_client(database.dsn()) as opened:
        for jobs in lengths:
            fill(connection, jobs)
            with opened.sample(*backlog.reads) as session:
                readings = [one for one in backlog.read(session) if isinstance(one, Reading)]
            found = {(one.metric.name, one.labels): float(one.value) for one in readings}
            assert {key: found.get(key) for key in expected(connection, jobs)} == expected(connection, jobs), jobs
            ours = {
                catalogue.OLDEST_PENDING.name,
                catalogue.QUEUE_PENDING_JOBS.name,
                catalogue.QUEUE_OLDEST_PENDING.name,
            }
            assert {key for key in found if key[0] in ours} <= expected(connection, jobs).keys(), jobs


def test_counting_is_always_limited(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Whatever the latest sample found, or whether it failed: a backlog may have grown without bound meanwhile."""
    backlog = collector(database)
    limits: list[tuple[str, object]] = []
    fetch = Session.fetch

    def recording(session: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
        if name.startswith("backlog"):
            limits.append((name, parameters["count_limit"]))
        return fetch(session, name, row, **parameters)

    def failing(session: Session, name: str, row: type[Any], **parameters: object) -> list[Any]:
        if name.startswith("backlog"):
            raise TooSlow("canceling statement due to statement timeout")
        return fetch(session, name, row, **parameters)

    def sample() -> None:
        with opened.sample(*backlog.reads) as session:
            tuple(backlog.read(session))

    with database.connect() as connection, database_client(database.dsn()) as opened:
        for jobs in (7, 3 * LIMIT, 7):
            fill(connection, jobs)
            monkeypatch.setattr(Session, "fetch", failing)
            with pytest.raises(TooSlow):
                sample()
            monkeypatch.setattr(Session, "fetch", recording)
            sample()
    head = ("backlog_head", 200)
    assert limits == [head, head, ("backlog", 105), ("backlog", 100), head]
