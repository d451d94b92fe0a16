"""What no row tells is absent, with the reason."""

from dataclasses import replace
from typing import Any

from exporter.metrics.availability import collectors, unknown_metrics
from exporter.outbox.mapping import DEFAULT, OutboxMapping

WHOLE = OutboxMapping(
    "jobs", id=("id",), created="made", processed="done", due="run_at", last_attempt="tried", attempts="tries",
    queue="topic", status="state", status_pending=("new",), status_running=("busy",), status_processed=("ok",),
    status_failed=("bad",),
)  # fmt: skip
DELETED = OutboxMapping("jobs", id=("id",), created="made", is_removed_when_processed=True)


def named(mapping: OutboxMapping) -> dict[str, str]:
    return {metric.name: reason for metric, reason in unknown_metrics(mapping).items()}


def test_the_default_table():
    """It has neither times at which jobs are due nor workers."""
    assert named(DEFAULT) == {
        "outbox_scheduled_jobs": "jobs have no time at which they are due",
        "outbox_running_jobs": "no column says which jobs a worker has",
    }
    assert collectors(DEFAULT) == {
        "backlog", "throughput", "last_hour", "events", "idempotency", "maintenance", "migration", "tables",
        "application",
    }  # fmt: skip


def test_a_whole_mapping():
    """It lacks what belongs to the default tables, and what a status makes unknowable."""
    found = named(WHOLE)
    assert found["outbox_created_jobs_total"] == "a job may leave the backlog without being processed"
    assert found["outbox_head_blocked_jobs"] == "which jobs a worker takes next is known of the default table only"
    assert found["outbox_idempotency_keys"] == "belongs to the default tables"
    assert found.keys() >= {"outbox_unaccounted_jobs_total", "outbox_fsm_events_total", "outbox_migration_check_ok"}
    assert not found.keys() & {
        "outbox_pending_jobs", "outbox_oldest_pending_timestamp_seconds", "outbox_scheduled_jobs",
        "outbox_running_jobs", "outbox_last_hour_failure_ratio", "outbox_processing_time_seconds",
        "outbox_queue_pending_jobs", "outbox_processed_jobs_total",
    }  # fmt: skip
    assert collectors(WHOLE) == {"backlog", "throughput", "last_hour", "maintenance", "tables", "application"}


def test_jobs_that_are_deleted_when_processed():
    """Nothing is known of them afterwards."""
    found = named(DELETED)
    for name in ("outbox_processed_jobs_total", "outbox_processing_time_seconds", "outbox_last_hour_processed_jobs"):
        assert found[name] == "the row of a processed job is deleted"
    assert collectors(DELETED) == {"backlog", "maintenance", "tables", "application"}


def test_what_each_column_tells():
    """Without it, its metrics are absent, and no others."""

    def lost(**changes: Any) -> set[str]:
        return named(replace(WHOLE, **changes)).keys() - named(WHOLE).keys()

    assert lost(due="") == {"outbox_scheduled_jobs"}
    assert lost(last_attempt="") == {"outbox_last_hour_failure_ratio", "outbox_queue_last_hour_failure_ratio"}
    assert lost(created="") == {
        "outbox_processing_time_seconds", "outbox_last_hour_processing_time_avg_seconds",
        "outbox_clock_skew_jobs_total", "outbox_odd_rows",
    }  # fmt: skip
    assert lost(queue="") == {
        "outbox_queue_pending_jobs", "outbox_queue_oldest_pending_timestamp_seconds", "outbox_queue_exhausted_jobs",
        "outbox_queue_oldest_exhausted_timestamp_seconds", "outbox_queue_processed_jobs_total",
        "outbox_queue_last_hour_processed_jobs", "outbox_queue_last_hour_failure_ratio",
    }  # fmt: skip
    assert (
        named(replace(WHOLE, processed=""))["outbox_processed_jobs_total"] == "no column says when a job was processed"
    )
    assert "outbox_oldest_pending_timestamp_seconds" in lost(created="", due="")
