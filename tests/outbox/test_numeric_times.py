"""What times that are stored as numbers cost: an index on their conversion serves all that is read of the last hour."""

from __future__ import annotations

import pytest

from exporter.database import queries
from exporter.outbox.mapping import OutboxMapping
from tests.outbox.published import published
from tests.postgres import temporary

OUTBOX = {"table": "jobs", "id": ["id"], "created": "made", "processed": "Done At"}
STATEMENTS = ("processed_last_hour", "processed_since", "processed_by_minute", "oldest_processed")
WANTED = {
    "seconds": "jobs (to_timestamp(Done At::double precision / 1)) WHERE Done At IS NOT NULL",
    "milliseconds": "jobs (to_timestamp(Done At::double precision / 1000)) WHERE Done At IS NOT NULL",
}


@pytest.mark.parametrize(
    ("kind", "epoch", "units"),
    [("bigint", "milliseconds", 1000), ("numeric", "milliseconds", 1000), ("double precision", "seconds", 1)],
)
def test_an_index_on_the_conversion(cluster, kind, epoch, units):
    """It is named while it is missing; once it is there, as named, it is found and read."""
    mapping = OutboxMapping("jobs", id=("id",), created="made", processed="Done At", epoch=epoch)
    with temporary(cluster) as database:
        database.execute(
            f'CREATE TABLE jobs (id bigint PRIMARY KEY, made {kind}, "Done At" {kind});'
            f"INSERT INTO jobs SELECT n, at - 9 * {units}, at FROM generate_series(1, 20000) AS n,"
            f" LATERAL (SELECT trunc((extract(epoch FROM now()) - 60 * n) * {units}) AS at) AS ended;"
            'CREATE INDEX ON jobs (made) WHERE "Done At" IS NULL'
        )
        before = published(database, {**OUTBOX, "epoch": epoch})
        assert before.missing_indexes == {WANTED[epoch]}
        quoted = WANTED[epoch].replace("Done At", '"Done At"')
        database.execute(f"CREATE INDEX by_time ON {quoted}; ANALYZE jobs")
        after = published(database, {**OUTBOX, "epoch": epoch})
        assert after.missing_indexes == frozenset()
        assert after.values["outbox_last_hour_processed_jobs"] == before.values["outbox_last_hour_processed_jobs"] == 59
        with database.connect() as connection:
            connection.execute("SET enable_seqscan = off")  # as in a sample
            for name in STATEMENTS:
                statement = queries.statement(name, "public", "utf-8", "true", mapping)
                plan = connection.execute(
                    b"EXPLAIN " + statement, {"skew": 0, "latest": 2e9, "since": 2e9, "until": 2e9}
                )
                assert "by_time" in str(plan.fetchall()), name
