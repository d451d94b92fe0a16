"""Old processed jobs that are left."""

from __future__ import annotations

import random

from alerts.diagnosis.questions.kept_jobs import Answer, ask
from exporter.lab import seed_data
from tests.alerts.diagnosis.sources_of import sources
from tests.migration.verification import exporter_client

ADD = """
    INSERT INTO job_outbox (entity_id, queue_name, processed_at)
    SELECT id, 'a', now() - %s::interval FROM courses ORDER BY id LIMIT 1
"""


def test_the_oldest_decides(embedded_database):
    """More than 38 days, the threshold of the rule."""
    with embedded_database.connect() as connection:
        seed_data.create_courses(connection, random.Random(1))
    with exporter_client(embedded_database) as client:
        assert ask(sources(database=client)).text == "no processed job is kept"
        embedded_database.execute(ADD, ("37 days 23 hours",))
        assert ask(sources(database=client)).answer is Answer.REMOVED
        embedded_database.execute(ADD, ("38 days 1 hour",))
        found = ask(sources(database=client))
    assert found.answer is Answer.OVERDUE
    assert found.text == "the oldest processed job that is kept was processed 38 d 1 h ago"
