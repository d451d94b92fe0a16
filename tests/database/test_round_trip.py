"""A server that is far away is not a server that is kept busy."""

from collections.abc import Iterator

import pytest

from exporter.config.settings import SamplingSettings
from exporter.database.round_trip import RoundTripTimer
from exporter.metrics.readings import CollectorRun
from exporter.sampling.intervals import next_interval
from exporter.sampling.run import run_once
from tests.database.sampling import database_client, sampler
from tests.postgres import Database
from tests.proxy import Proxy

DELAY = 0.04
THERE_AND_BACK = 2 * DELAY
# Of a sample, at least: its first message, one statement, COMMIT.
EXCHANGES = 3


@pytest.fixture
def far(database: Database) -> Iterator[str]:
    """A DSN by which every exchange with the server takes THERE_AND_BACK longer."""
    with Proxy(database.cluster.port, DELAY) as proxy:
        yield database.dsn().replace(str(database.cluster.port), str(proxy.port))


def test_the_shortest_exchange_is_the_round_trip_time():
    """The shortest exchange is the round trip; the rest of a longer one is the server's work."""
    round_trip = RoundTripTimer()
    assert round_trip.network_time == 0
    for seconds in (0.05, 0.03, 0.30, 0.04):
        round_trip.note(seconds)
    assert round_trip.network_time == pytest.approx(4 * 0.03)


def test_a_connection_keeps_its_shortest_round_trip():
    """So a sample of slow statements alone is known to be slow; a new connection may take another way."""
    round_trip = RoundTripTimer()
    round_trip.note(0.03)
    round_trip.begin()
    assert round_trip.network_time == 0
    round_trip.note(0.5)
    assert round_trip.network_time == pytest.approx(0.03)
    round_trip.connected()
    round_trip.note(0.5)
    assert round_trip.network_time == pytest.approx(0.5)


def runs(dsn: str) -> list[CollectorRun]:
    """The fastest of five of each database collector, so that other load of the machine counts little."""
    with sampler(dsn) as sampling:
        with sampling.database.sample():
            pass
        collectors = sampling.database_collectors
        return [min((run_once(each) for _ in range(5)), key=lambda run: run.cost) for each in collectors]


def test_a_distant_server_has_the_same_interval_as_a_near_one(far: str):
    """Each sample takes several exchanges, which together take longer than its share of the time."""
    settings = SamplingSettings()
    for run in runs(far):
        assert run.succeeded
        assert run.outcome.network_time >= EXCHANGES * THERE_AND_BACK
        assert run.duration > settings.budget_ratio * settings.interval
        assert run.cost == run.duration - run.outcome.network_time
        assert next_interval(settings.interval, run, settings) < 2 * settings.interval


def test_work_counts_however_far_the_server_is(far: str):
    """The server's work is added to it."""
    with database_client(far) as opened:
        with opened.sample() as session:
            session._connection.execute(b"SELECT pg_sleep(0.5)")
            session._connection.execute(b"SELECT pg_sleep(0.5)")
        assert opened.network_time >= 4 * THERE_AND_BACK
        assert opened.network_time < 1.0
