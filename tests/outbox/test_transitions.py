"""What a table of transitions costs: the time of creation is in another row than that of processing."""

from __future__ import annotations

from exporter.config.settings import Config, DatabaseSettings, OutboxSettings
from exporter.core.types import Secret
from exporter.database import queries
from exporter.metrics.readings import Reading
from exporter.outbox import profiles
from exporter.sampling.collector_set import CollectorSet
from tests.outbox.lives.pgqueuer import PgqueuerLife
from tests.outbox.lives.procrastinate import ProcrastinateLife
from tests.postgres import temporary


def test_a_time_of_creation_is_looked_up_once_a_job(embedded):
    """The plan has one subquery for it, however often the statement uses the time."""
    statement = queries.statement("processed_last_hour", "public", "utf-8", "true", profiles.load("pgqueuer").mapping)
    with temporary(embedded) as database:
        PgqueuerLife(database.dsn()).close()
        with database.connect() as connection:
            rows = connection.execute(b"EXPLAIN " + statement, {"skew": 0, "latest": 2e9}).fetchall()
    assert sum("SubPlan" in row[0] for row in rows) == 1


def test_the_missing_index_of_the_other_table_is_named(embedded):
    """Procrastinate has none on the time of its events; one that somebody adds is found."""
    with temporary(embedded) as database:
        ProcrastinateLife(database.dsn()).close()
        assert missing(database.dsn())["procrastinate_events (at)"]
        database.execute("CREATE INDEX ON procrastinate_events (at)")
        assert not missing(database.dsn())["procrastinate_events (at)"]


def missing(dsn: str) -> dict[str, float]:
    """The values of `outbox_helpful_index_missing`, by index."""
    config = Config(database=DatabaseSettings(dsn=Secret(dsn)), outbox=OutboxSettings(profile="procrastinate"))
    collectors = CollectorSet(config)
    collectors.sample_once()
    readings = [each for each in collectors.store.state_of("backlog").readings if isinstance(each, Reading)]
    return {each.labels[0]: each.value for each in readings if each.metric.name == "outbox_helpful_index_missing"}
