"""The reference queries, run on the primary by a superuser, for every type of columns and every encoding."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from exporter.sampling.collector_set import BoundedLabels
from tests.database import documented
from tests.database.documented import Series
from tests.database_matrix.cells import Cell, Encoding, TimeType

# The documented queries, unchanged, read these views instead of the tables.
_VIEWS: Final = """
    CREATE TEMP VIEW job_outbox AS
        SELECT outbox_id, {queue_name} AS queue_name, attempts, {created_at} AS created_at,
               {processed_at} AS processed_at, {last_attempt_at} AS last_attempt_at FROM public.job_outbox;
    CREATE TEMP VIEW fsm_events AS
        SELECT {event_type} AS event_type, created_by, {created_at} AS created_at FROM public.fsm_events;
    CREATE TEMP VIEW idempotency_keys AS SELECT {expires_at} AS expires_at FROM public.idempotency_keys;
"""
_TIMES: Final = ("created_at", "processed_at", "last_attempt_at", "expires_at")
_NAMES: Final = ("queue_name", "event_type")


def prepare(connection: psycopg.Connection[Any], cell: Cell) -> None:
    """Creates the views in this session."""
    columns = {column: column for column in (*_TIMES, *_NAMES)}
    if cell.times is TimeType.PLAIN:
        columns |= {column: f"{column} AT TIME ZONE '{cell.zone.value}'" for column in _TIMES}
    if cell.encoding is Encoding.SQL_ASCII:
        replaced = r"replace(replace({0}, E'\xfc', '{1}'), E'\xf6', '{1}')"
        columns |= {column: replaced.format(column, "\ufffd") for column in _NAMES}
    connection.execute(_VIEWS.format(**columns).encode())


def expected_gauges(connection: psycopg.Connection[Any], labels: BoundedLabels) -> Series:
    """The expected gauges, by name and labels."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        (head_blocked,) = documented.head_blocked(connection)
        return {
            **documented.backlog(connection, labels.queues),
            ("outbox_head_blocked_jobs", ()): head_blocked,
            **documented.last_hour(connection, labels.queues),
            **documented.events(connection, labels.events),
            **documented.idempotency(connection),
        }


def row_counts(connection: psycopg.Connection[Any]) -> Series:
    """The number of rows that each counter counts, by name and labels; no row is deleted in these tests."""
    queries = {
        "outbox_processed_jobs_total": "SELECT count(*) FROM job_outbox WHERE processed_at IS NOT NULL",
        "outbox_processing_time_seconds": "SELECT count(*) FROM job_outbox WHERE processed_at IS NOT NULL",
        "outbox_queue_processed_jobs_total": "SELECT queue_name, count(*) FROM job_outbox"
        " WHERE processed_at IS NOT NULL GROUP BY 1",
        "outbox_fsm_events_total": "SELECT created_by, count(*) FROM fsm_events GROUP BY 1",
        "outbox_fsm_events_by_type_total": "SELECT event_type, count(*) FROM fsm_events GROUP BY 1",
    }
    return {
        (name, tuple(map(str, labels))): count
        for name, query in queries.items()
        for *labels, count in connection.execute(query.encode()).fetchall()
    }
