"""The six monitoring queries of the migration guide, for the configuration of a generic exporter.

Source: migrations reference, "Monitoring Post-Migration". Names and aliases are ours, conditions are theirs.
"""

from dataclasses import dataclass
from typing import Final

INTERVAL: Final = 15  # seconds between samples


@dataclass(frozen=True, slots=True)
class DocumentedQuery:
    """One query, with its value in the column `value`, and a label in the column of its name."""

    name: str
    sql: str
    label: str | None = None


QUERIES: Final = (
    DocumentedQuery("guide_pending_jobs", "SELECT COUNT(*)::float AS value FROM job_outbox WHERE processed_at IS NULL"),
    DocumentedQuery(
        "guide_processed_jobs",
        "SELECT COUNT(*)::float AS value FROM job_outbox WHERE processed_at >= NOW() - INTERVAL '1 hour'",
    ),
    DocumentedQuery(
        "guide_processing_seconds",
        "SELECT AVG(EXTRACT(EPOCH FROM (processed_at - created_at)))::float AS value FROM job_outbox"
        " WHERE processed_at IS NOT NULL AND created_at >= NOW() - INTERVAL '1 hour'",
    ),
    DocumentedQuery(
        "guide_events_by_type",
        "SELECT event_type, COUNT(*)::float AS value FROM fsm_events"
        " WHERE created_at >= NOW() - INTERVAL '1 hour' GROUP BY event_type",
        "event_type",
    ),
    DocumentedQuery(
        "guide_events_by_source",
        "SELECT created_by, COUNT(*)::float AS value FROM fsm_events"
        " WHERE created_at >= NOW() - INTERVAL '1 hour' GROUP BY created_by",
        "created_by",
    ),
    DocumentedQuery("guide_cache_size", "SELECT COUNT(*)::float AS value FROM idempotency_keys"),
)
