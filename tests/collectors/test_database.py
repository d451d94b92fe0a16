"""A collector that reads rows brings all of a sample, or none of it."""

from collections.abc import Iterable

import pytest

from exporter.collectors.database import DatabaseCollector
from exporter.core.errors import Locked, Reason, Stale
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorOutcome, DatabaseServer, Reading, UnknownValue
from exporter.outbox.mapping import DEFAULT
from tests.collectors.fake_database import FakeClient, FakeIndexes, FakeSession

READING = Reading(catalogue.HEAD_BLOCKED_JOBS, 7)


class Counting(DatabaseCollector):
    """Reads one number and notes three rows."""

    name = "counting"
    statements = ()
    bitmap_scans = True

    def __init__(self, database: DatabaseClient, index_catalogue: IndexCatalogue) -> None:
        super().__init__(database, index_catalogue, (Table("job_outbox", ("created_at",)),), indexes.pending(DEFAULT))

    def read(self, session: Session) -> Iterable[Reading | UnknownValue]:
        session.note_rows(3)
        yield READING


def test_an_outcome_has_readings_rows_network_time_and_server():
    """Sampled with the tables and the plans that the collector names."""
    client = FakeClient(FakeSession({}))
    outcome = Counting(client, FakeIndexes()).collect()
    server = DatabaseServer(in_recovery=False, address="db:5432")
    assert outcome == CollectorOutcome((READING,), rows=3, network_time=0.25, server=server)
    assert client.sampled == [((Table("job_outbox", ("created_at",)),), True)]


class Doubting(Counting):
    """Has a number, and none for another metric."""

    def read(self, session: Session) -> Iterable[Reading | UnknownValue]:
        yield UnknownValue(catalogue.PENDING_TRUNCATED, "nobody counted")
        yield from super().read(session)


def test_a_metric_without_a_value_has_its_reason():
    """And is no reading."""
    outcome = Doubting(FakeClient(FakeSession({})), FakeIndexes()).collect()
    assert outcome.readings == (READING,)
    assert outcome.unknown == {catalogue.PENDING_TRUNCATED: "nobody counted"}


def test_a_failure_raises_and_clears_the_cached_indexes():
    """A changed schema may be the cause."""
    known = FakeIndexes()
    with pytest.raises(Locked, match="in use"):
        Counting(FakeClient(error=Locked("in use")), known).collect()
    assert known.forgotten == 1


def test_a_stale_standby_is_a_failure_that_names_the_server():
    """The status page shows which one."""
    known = FakeIndexes()
    outcome = Counting(FakeClient(error=Stale("behind")), known).collect()
    assert outcome.readings == ()
    assert [(failure.reason, failure.message) for failure in outcome.failures] == [(Reason.STALE, "behind")]
    assert outcome.server == DatabaseServer(in_recovery=False, address="db:5432")
    assert known.forgotten == 1
