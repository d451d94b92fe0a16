"""What holds back the vacuum horizon. The statement: tests/database/test_vacuum_horizon.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.diagnosis.questions.horizon import Answer, ask, evidence
from exporter.collectors.horizon import HorizonHolder
from tests.alerts.diagnosis.sources_of import sources
from tests.migration.verification import exporter_client

NOON = 1_700_481_600.0
SESSION = HorizonHolder("session", "7", 12, 77, "report", "app", "db", "idle in transaction", NOON - 3600)


@pytest.mark.parametrize(
    ("holder", "answer"),
    [
        (SESSION, Answer.SESSION),
        (replace(SESSION, since=NOON - 599), Answer.NOTHING_OLD),
        (replace(SESSION, since=None, age=10_000), Answer.SESSION),
        (replace(SESSION, kind="prepared_transaction"), Answer.PREPARED_TRANSACTION),
        (replace(SESSION, kind="replication_slot", since=None, age=20_000), Answer.REPLICATION_SLOT),
        (replace(SESSION, kind="standby", since=None, age=20_000), Answer.STANDBY),
    ],
)
def test_the_kind_of_the_oldest(holder, answer):
    """Ten minutes or 10,000 transactions are more than a usual one."""
    assert evidence([holder], NOON).answer is answer


def test_the_sentence():
    """Who, since when, and how much has happened since."""
    assert evidence([SESSION], NOON).text == (
        "session with pid 77 (application report, role app, database db, idle in transaction) holds back the vacuum "
        "horizon for 1 h; 12 transactions have begun since"
    )
    assert evidence([], NOON).answer is Answer.NOTHING_OLD


def test_a_database_without_old_transactions(embedded_database):
    """Our own sample is none."""
    with exporter_client(embedded_database) as client:
        assert ask(sources(database=client)).answer is Answer.NOTHING_OLD
