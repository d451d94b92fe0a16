"""The first rows: courses, and the history of a month."""

import random

from exporter.lab import seed_data
from tests.postgres import cloned


def test_the_history_is_plausible(embedded_database):
    """The last hour holds processed jobs and events of every source; some keys have expired; nothing is pending."""
    with embedded_database.connect() as connection:
        seed_data.create_courses(connection, random.Random(1))
        seed_data.insert_history(connection, random.Random(1))
        figures = connection.execute("""
        SELECT
          (SELECT count(*) FROM job_outbox WHERE processed_at IS NULL),
          (SELECT count(*) FROM job_outbox WHERE processed_at >= NOW() - INTERVAL '1 hour') > 2000,
          (SELECT count(*) FROM job_outbox WHERE processed_at > NOW() OR processed_at < created_at),
          (SELECT avg(extract(epoch FROM processed_at - created_at)) FROM job_outbox
           WHERE created_at >= NOW() - INTERVAL '1 hour') BETWEEN 1.0 AND 1.4,
          (SELECT count(DISTINCT created_by) FROM fsm_events WHERE created_at >= NOW() - INTERVAL '1 hour'),
          (SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW()),
          (SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '24 hours'),
          (SELECT min(processed_at) < NOW() - INTERVAL '25 days' FROM job_outbox)
    """).fetchone()
    assert figures == (0, True, 0, True, 3, 60, 0, True)


def test_the_same_seed_gives_the_same_history(embedded):
    """Averages of two databases agree."""

    def average() -> object:
        with cloned(embedded) as database:
            with database.connect() as connection:
                seed_data.create_courses(connection, random.Random(1))
                seed_data.insert_history(connection, random.Random(5))
            return database.value("SELECT sum(processed_at - created_at) FROM job_outbox")

    assert average() == average()
