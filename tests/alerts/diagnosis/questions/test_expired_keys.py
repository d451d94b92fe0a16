"""Expired keys that are left."""

from __future__ import annotations

from alerts.diagnosis.questions.expired_keys import Answer, ask
from tests.alerts.diagnosis.sources_of import sources
from tests.migration.verification import exporter_client

ADD = "INSERT INTO idempotency_keys (key, expires_at) VALUES (%s, now() - %s::interval)"


def test_the_oldest_decides(embedded_database):
    """More than 26 hours, the threshold of the rule."""
    with exporter_client(embedded_database) as client:
        assert ask(sources(database=client)).text == "no expired key is left"
        embedded_database.execute(ADD, ("a", "25 hours 59 minutes"))
        assert ask(sources(database=client)).answer is Answer.REMOVED
        embedded_database.execute(ADD, ("b", "26 hours 1 minute"))
        found = ask(sources(database=client))
    assert found.answer is Answer.OVERDUE
    assert found.text == "2 expired keys are left, the oldest expired 1 d 2 h ago"
