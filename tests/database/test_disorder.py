"""Costs that do not depend on the order in which rows lie in their table."""

import pytest

from tests.database import rows
from tests.database.buffers import buffers
from tests.postgres import Database

JOBS = 30_000
# `{order}` is the order in which the rows of `{numbers}` come.
FILL = """
    INSERT INTO job_outbox (entity_id, queue_name, job_data, created_at, processed_at, attempts, last_attempt_at)
    SELECT (SELECT id FROM courses LIMIT 1), 'q', jsonb_build_object('payload', repeat('x', 200)),
           now() - n * interval '8 seconds', {processed}, n %% 7, now() - n * interval '1 second'
    FROM (SELECT n FROM generate_series(1, %s) AS n ORDER BY {order}) AS lines
"""


@pytest.mark.parametrize("order", ["n DESC", "hashint4(n)"], ids=["in order", "in none"])
def test_failing_jobs_are_counted_with_each_page_read_once(database: Database, order: str):
    """A backlog without statistics: by the index's order it would be a page of the table for every job."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
        connection.execute("ALTER TABLE job_outbox SET (autovacuum_enabled = off)")
        connection.execute(FILL.format(order=order, processed="now() - n * interval '7 seconds'").encode(), (JOBS,))
        connection.execute("VACUUM ANALYZE job_outbox")
        connection.execute(FILL.format(order=order, processed="NULL").encode(), (JOBS,))
    pages = database.value(
        "SELECT sum(pg_relation_size(name::regclass)) / 8192"
        " FROM (VALUES ('job_outbox'), ('idx_job_outbox_unprocessed')) AS relation (name)"
    )
    assert pages < JOBS / 5
    assert buffers(database)["failing_last_hour"] <= pages
