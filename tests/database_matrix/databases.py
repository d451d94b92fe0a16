"""Makes the databases of a cluster: one for each encoding, time zone, type of times and layout of tables."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from exporter.lab import migrate
from exporter.lab.postgres.cluster import Cluster
from tests.database.roles import MONITOR, run_script
from tests.database_matrix import rows
from tests.database_matrix.cells import CELLS, Cell, Encoding, TableLayout, TimeType
from tests.postgres import Database

# Indexes with a predicate on a changed column, and the generated default, change with the column.
_WITHOUT_ZONE: Final = """
    ALTER TABLE job_outbox ALTER created_at TYPE timestamp, ALTER processed_at TYPE timestamp,
        ALTER last_attempt_at TYPE timestamp;
    ALTER TABLE idempotency_keys ALTER created_at TYPE timestamp, ALTER expires_at TYPE timestamp;
    ALTER TABLE fsm_events ALTER created_at TYPE timestamp;
"""
# A table is replaced by a partitioned one, with the partition key in every unique index.
_PARTITIONED: Final = """
    CREATE TABLE jobs (LIKE job_outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (created_at);
    DROP TABLE job_outbox;
    ALTER TABLE jobs RENAME TO job_outbox;
    ALTER TABLE job_outbox ADD PRIMARY KEY (outbox_id, created_at),
        ADD FOREIGN KEY (entity_id) REFERENCES courses (id) ON DELETE CASCADE;
    CREATE INDEX idx_job_outbox_unprocessed ON job_outbox (created_at) WHERE processed_at IS NULL;
    CREATE INDEX idx_job_outbox_entity ON job_outbox (entity_id);
    CREATE INDEX idx_job_outbox_cleanup ON job_outbox (processed_at) WHERE processed_at IS NOT NULL;
    CREATE TABLE job_outbox_old PARTITION OF job_outbox FOR VALUES FROM (MINVALUE) TO ('2026-11-01 01:30');
    CREATE TABLE job_outbox_new PARTITION OF job_outbox FOR VALUES FROM ('2026-11-01 01:30') TO (MAXVALUE);

    CREATE TABLE events (LIKE fsm_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (created_at);
    DROP TABLE fsm_events;
    ALTER TABLE events RENAME TO fsm_events;
    ALTER TABLE fsm_events ADD PRIMARY KEY (event_id, created_at),
        ADD FOREIGN KEY (entity_id) REFERENCES courses (id) ON DELETE CASCADE;
    CREATE INDEX idx_fsm_events_entity ON fsm_events (entity_id, created_at DESC);
    CREATE INDEX idx_fsm_events_created ON fsm_events (created_at);
    CREATE TABLE fsm_events_old PARTITION OF fsm_events FOR VALUES FROM (MINVALUE) TO ('2026-11-01 01:30');
    CREATE TABLE fsm_events_rest PARTITION OF fsm_events DEFAULT;

    CREATE TABLE keys (LIKE idempotency_keys INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (key);
    DROP TABLE idempotency_keys;
    ALTER TABLE keys RENAME TO idempotency_keys;
    ALTER TABLE idempotency_keys ADD PRIMARY KEY (key);
    CREATE INDEX idx_idempotency_expires ON idempotency_keys (expires_at);
    CREATE TABLE idempotency_keys_0 PARTITION OF idempotency_keys FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE idempotency_keys_1 PARTITION OF idempotency_keys FOR VALUES WITH (MODULUS 2, REMAINDER 1);

    ALTER TABLE job_outbox ENABLE ROW LEVEL SECURITY;
    CREATE POLICY job_outbox_system_only ON job_outbox FOR ALL USING (false);
    ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
    CREATE POLICY idempotency_keys_system_only ON idempotency_keys FOR ALL USING (false);
    ALTER TABLE fsm_events ENABLE ROW LEVEL SECURITY;
    CREATE POLICY fsm_events_user_read ON fsm_events FOR SELECT USING (user_id = auth.uid());
"""


def connect(cluster: Cluster, cell: Cell) -> psycopg.Connection[Any]:
    """A superuser's session with a cell's database, with client encoding UTF-8."""
    return Database(cluster, cell.name).connect(client_encoding="UTF8")


def create_databases(cluster: Cluster) -> None:
    """Creates the database of every cell, with its rows, and the monitoring role.

    The role may read when a standby last received from its primary, which proves that one of a quiet primary is fresh.
    """
    for encoding in Encoding:
        template = _template(cluster, encoding)
        for cell in CELLS:
            if cell.encoding is encoding:
                _make(cluster, cell, template)
    _administer(cluster, "ALTER ROLE {} INHERIT", sql.Identifier(MONITOR))
    _administer(cluster, "GRANT pg_read_all_stats TO {}", sql.Identifier(MONITOR))


def _template(cluster: Cluster, encoding: Encoding) -> str:
    """An empty migrated database."""
    name = f"migrated_{encoding.name.lower()}"
    _administer(
        cluster,
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C' STRATEGY file_copy",
        sql.Identifier(name),
        sql.Literal(encoding.name),
    )
    with Database(cluster, name).connect(client_encoding="UTF8") as connection:
        migrate.apply(connection)
    return name


def _make(cluster: Cluster, cell: Cell, template: str) -> None:
    name = sql.Identifier(cell.name)
    _administer(cluster, "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, sql.Identifier(template))
    _administer(cluster, "ALTER DATABASE {} SET timezone = {}", name, sql.Literal(cell.zone.value))
    with connect(cluster, cell) as connection, connection.transaction():
        if cell.times is TimeType.PLAIN:
            connection.execute(_WITHOUT_ZONE)
        if cell.layout is TableLayout.PARTITIONED:
            connection.execute(_PARTITIONED)
        rows.insert_rows(connection, cell)
    run_script(Database(cluster, cell.name), "monitoring_role")


def _administer(cluster: Cluster, statement: str, *parts: Any) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*parts))
