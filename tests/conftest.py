"""Fixtures of every test: clusters for the session of one worker, databases for one test.

embedded, debian    session: a cluster of the wheel's PostgreSQL; of Debian's, with pg_cron loaded
cluster             session: each of them in turn, so a test that uses it runs twice
database            a migrated database in `cluster`, for this test alone
deployed_database   the same in the deployed variant of the schema
embedded_database   a migrated database in `embedded`, where one server is enough
cron_database       a migrated database with the real pg_cron
standby             a new streaming replica of `cluster`, for this test alone
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from exporter.core import logs
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from tests import postgres, requirements
from tests.postgres import Database
from tests.standby import Standby, standby_of

# Some tests prepare a transaction, which a server refuses by default.
SETTINGS = {"max_prepared_transactions": "4"}


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Replaces lone surrogates in reports: workers report in UTF-8, and a test may contain one on purpose."""
    return _encodable((yield))


def _encodable(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {name: _encodable(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_encodable, data))  # pytest needs the tuple of a skipped test as a tuple
    return data


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Restores the log levels after a test: commands configure logging for the whole process."""
    loggers = [logging.getLogger(name) for name in (None, *logs.OWN_LOGGERS)]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Cluster]:
    with postgres.started(Cluster.embedded(SETTINGS)) as cluster:
        postgres.create_templates(cluster)
        yield cluster


@pytest.fixture(scope="session")
def debian() -> Iterator[Cluster]:
    requirements.require_debian()
    with postgres.started(Cluster.debian(SETTINGS, cron_database=postgres.CRON_DATABASE)) as cluster:
        postgres.create_templates(cluster)
        postgres.create_cron_database(cluster)
        yield cluster


@pytest.fixture(scope="session", params=["embedded", "debian"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    chosen = request.getfixturevalue(request.param)
    assert isinstance(chosen, Cluster)
    return chosen


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    with postgres.cloned(cluster) as database:
        yield database


@pytest.fixture
def deployed_database(cluster: Cluster) -> Iterator[Database]:
    with postgres.cloned(cluster, Schema.DEPLOYED) as database:
        yield database


@pytest.fixture
def embedded_database(embedded: Cluster) -> Iterator[Database]:
    with postgres.cloned(embedded) as database:
        yield database


@pytest.fixture
def cron_database(debian: Cluster) -> Iterator[Database]:
    with postgres.with_pg_cron(debian) as database:
        yield database


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[Standby]:
    with standby_of(cluster) as standby:
        yield standby
