"""Profiles of libraries that do not run here: every value of rows in the library's published schema, by hand.

Times of January 2026: 1767261660 is 01 10:01, 1767333600 02 06:00, 1767355200 02 12:00, 1767398400 03 00:00,
1767484800 04 00:00, 1767528000 04 12:00, 1767592800 05 06:00, 1767657600 06 00:00.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from exporter.config.settings import DatabaseSettings
from exporter.core.types import Secret
from exporter.database import DatabaseClient, statuses
from exporter.outbox import profiles
from tests.outbox.published import loaded, published

SCHEMAS: Final = Path(__file__).parent / "schemas"

VALUES: Final[dict[str, dict[str, float]]] = {
    "river": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_pending_jobs{state="failing"}': 2,
        'outbox_pending_jobs{state="exhausted"}': 1,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_oldest_pending_timestamp_seconds{state="failing"}': 1767484800,
        'outbox_oldest_pending_timestamp_seconds{state="exhausted"}': 1767355200,
        "outbox_scheduled_jobs": 2,
        "outbox_running_jobs": 1,
        'outbox_queue_pending_jobs{queue="mail"}': 3,
        'outbox_queue_pending_jobs{queue="report"}': 3,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767528000,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767355200,
        'outbox_queue_exhausted_jobs{queue="mail"}': 0,
        'outbox_queue_exhausted_jobs{queue="report"}': 1,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="report"}': 1767355200,
        "outbox_last_hour_processed_jobs": 2,
        'outbox_last_hour_processing_time_avg_seconds{cohort="created"}': 120,
        'outbox_last_hour_processing_time_avg_seconds{cohort="processed"}': 120,
        "outbox_last_hour_failure_ratio": 0.5,
        'outbox_queue_last_hour_processed_jobs{queue="mail"}': 1,
        'outbox_queue_last_hour_processed_jobs{queue="report"}': 1,
        'outbox_queue_last_hour_failure_ratio{queue="mail"}': 0.5,
        'outbox_queue_last_hour_failure_ratio{queue="report"}': 0.5,
        "outbox_oldest_processed_timestamp_seconds": 1767261660,
    },
    "oban": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_pending_jobs{state="failing"}': 1,
        'outbox_pending_jobs{state="exhausted"}': 2,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_oldest_pending_timestamp_seconds{state="failing"}': 1767484800,
        'outbox_oldest_pending_timestamp_seconds{state="exhausted"}': 1767333600,
        "outbox_scheduled_jobs": 2,
        "outbox_running_jobs": 1,
        'outbox_queue_pending_jobs{queue="mail"}': 3,
        'outbox_queue_pending_jobs{queue="report"}': 3,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767333600,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767355200,
        'outbox_queue_exhausted_jobs{queue="mail"}': 1,
        'outbox_queue_exhausted_jobs{queue="report"}': 1,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="mail"}': 1767333600,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="report"}': 1767355200,
        "outbox_last_hour_processed_jobs": 2,
        'outbox_last_hour_processing_time_avg_seconds{cohort="created"}': 120,
        'outbox_last_hour_processing_time_avg_seconds{cohort="processed"}': 120,
        "outbox_last_hour_failure_ratio": 1 / 3,
        'outbox_queue_last_hour_processed_jobs{queue="mail"}': 1,
        'outbox_queue_last_hour_processed_jobs{queue="report"}': 1,
        'outbox_queue_last_hour_failure_ratio{queue="mail"}': 0,
        'outbox_queue_last_hour_failure_ratio{queue="report"}': 0.5,
        "outbox_oldest_processed_timestamp_seconds": 1767261660,
    },
    "good-job": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_pending_jobs{state="failing"}': 1,
        'outbox_pending_jobs{state="exhausted"}': 1,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_oldest_pending_timestamp_seconds{state="failing"}': 1767484800,
        'outbox_oldest_pending_timestamp_seconds{state="exhausted"}': 1767355200,
        "outbox_scheduled_jobs": 2,
        "outbox_running_jobs": 1,
        'outbox_queue_pending_jobs{queue="mail"}': 2,
        'outbox_queue_pending_jobs{queue="report"}': 3,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767592800,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767355200,
        'outbox_queue_exhausted_jobs{queue="mail"}': 0,
        'outbox_queue_exhausted_jobs{queue="report"}': 1,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="report"}': 1767355200,
        "outbox_last_hour_processed_jobs": 2,
        'outbox_last_hour_processing_time_avg_seconds{cohort="created"}': 120,
        'outbox_last_hour_processing_time_avg_seconds{cohort="processed"}': 120,
        'outbox_queue_last_hour_processed_jobs{queue="mail"}': 1,
        'outbox_queue_last_hour_processed_jobs{queue="report"}': 1,
        "outbox_oldest_processed_timestamp_seconds": 1767261660,
    },
    "solid-queue": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_queue_pending_jobs{queue="mail"}': 2,
        'outbox_queue_pending_jobs{queue="report"}': 1,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767592800,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767657601,
    },
    "nservicebus": {
        'outbox_pending_jobs{state="waiting"}': 2,
        "outbox_last_hour_processed_jobs": 2,
        "outbox_oldest_processed_timestamp_seconds": 1767261660,
    },
    "spring-modulith": {
        'outbox_pending_jobs{state="waiting"}': 2,
        'outbox_pending_jobs{state="failing"}': 1,
        'outbox_pending_jobs{state="exhausted"}': 1,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_oldest_pending_timestamp_seconds{state="failing"}': 1767398400,
        'outbox_oldest_pending_timestamp_seconds{state="exhausted"}': 1767355200,
        "outbox_running_jobs": 1,
        'outbox_queue_pending_jobs{queue="mail"}': 2,
        'outbox_queue_pending_jobs{queue="report"}': 2,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767592800,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767355200,
        'outbox_queue_exhausted_jobs{queue="mail"}': 0,
        'outbox_queue_exhausted_jobs{queue="report"}': 1,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="report"}': 1767355200,
        "outbox_last_hour_processed_jobs": 2,
        'outbox_last_hour_processing_time_avg_seconds{cohort="created"}': 120,
        'outbox_last_hour_processing_time_avg_seconds{cohort="processed"}': 120,
        'outbox_queue_last_hour_processed_jobs{queue="mail"}': 1,
        'outbox_queue_last_hour_processed_jobs{queue="report"}': 1,
        "outbox_oldest_processed_timestamp_seconds": 1767261660,
    },
    "cap": {
        'outbox_pending_jobs{state="waiting"}': 2,
        'outbox_pending_jobs{state="failing"}': 1,
        'outbox_pending_jobs{state="exhausted"}': 1,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
        'outbox_oldest_pending_timestamp_seconds{state="failing"}': 1767398400,
        'outbox_oldest_pending_timestamp_seconds{state="exhausted"}': 1767355200,
        'outbox_queue_pending_jobs{queue="mail"}': 2,
        'outbox_queue_pending_jobs{queue="report"}': 2,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="mail"}': 1767592800,
        'outbox_queue_oldest_pending_timestamp_seconds{queue="report"}': 1767355200,
        'outbox_queue_exhausted_jobs{queue="mail"}': 0,
        'outbox_queue_exhausted_jobs{queue="report"}': 1,
        'outbox_queue_oldest_exhausted_timestamp_seconds{queue="report"}': 1767355200,
    },
    "masstransit": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_oldest_pending_timestamp_seconds{state="waiting"}': 1767592800,
    },
    "wolverine": {
        'outbox_pending_jobs{state="waiting"}': 3,
        'outbox_queue_pending_jobs{queue="rabbitmq://queue/mail"}': 2,
        'outbox_queue_pending_jobs{queue="rabbitmq://queue/report"}': 1,
    },
}

# These write local times, all of them UTC in the test data.
WITHOUT_ZONE: Final = frozenset({"good-job", "oban", "solid-queue", "nservicebus", "cap"})

MISSING_INDEXES: Final[dict[str, set[str]]] = {
    "oban": {"oban_jobs (completed_at) WHERE completed_at IS NOT NULL"},
    "spring-modulith": {"event_publication (publication_date) WHERE status IN ('PUBLISHED', 'RESUBMITTED')"},
    "cap": {"published (Added) WHERE StatusName IN ('Scheduled', 'Failed')"},
}


def test_every_profile_by_schema_has_its_values():
    by_schema = {name for name in profiles.names() if profiles.load(name).tested_with == "schema"}
    assert by_schema == VALUES.keys() == {file.stem for file in SCHEMAS.glob("*.sql")}


@pytest.mark.parametrize("name", VALUES)
def test_values(embedded: Any, name: str):
    """Every gauge about the rows, present and absent, and the indexes that the library does not make."""
    with loaded(embedded, SCHEMAS / f"{name}.sql") as database:
        found = published(database, {"profile": name}, "UTC" if name in WITHOUT_ZONE else None)
    assert not found.failures
    assert found.values == pytest.approx({"outbox_pending_jobs_truncated": 0, **VALUES[name]}, rel=1e-9)
    assert found.missing_indexes == MISSING_INDEXES.get(name, set())


@pytest.mark.parametrize("name", [name for name in VALUES if profiles.load(name).mapping.status])
def test_every_status_is_listed(embedded: Any, name: str):
    """Of the type, or of the rows."""
    mapping = profiles.load(name).mapping
    with loaded(embedded, SCHEMAS / f"{name}.sql") as database:
        database.execute(b"ANALYZE")
        client = DatabaseClient(DatabaseSettings(dsn=Secret(database.dsn())), mapping)
        client.open()
        with client.sample() as session:
            found = statuses.read_known(session)
        client.close()
    assert {each.value for each in found} & set(statuses.listed(mapping))
    assert statuses.unlisted(mapping, found) == ()


@pytest.mark.parametrize("name", sorted(WITHOUT_ZONE))
def test_a_time_without_zone_is_refused_until_the_zone_is_said(embedded: Any, name: str):
    """In a database of another time zone, ages would be wrong by hours."""
    with loaded(embedded, SCHEMAS / f"{name}.sql") as database:
        found = published(database, {"profile": name})
    assert not found.values
    assert found.failures
    assert all("or set database.timestamp_zone" in message for message in found.failures)
