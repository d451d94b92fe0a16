"""The documented objects, by the numbers and names of the guide."""

from __future__ import annotations

from exporter.migration import expected


def test_the_files_of_the_guide():
    """Both, in their order."""
    assert [migration.file for migration in expected.MIGRATIONS] == [
        "20251118094238_create_transactional_outbox_tables.sql",
        "20251118095804_create_initialize_fsm_with_outbox_rpc.sql",
    ]


def test_a_clean_up_may_be_two_hours_late():
    """The daily one and the weekly one; seconds."""
    assert {job.name: (job.schedule, job.overdue) for job in expected.JOBS} == {
        "cleanup_expired_idempotency_keys": ("0 3 * * *", 93_600.0),
        "cleanup_old_outbox_entries": ("0 2 * * 0", 612_000.0),
    }


def test_the_documented_objects():
    """Three tables with 22 columns, four foreign keys, seven indexes and four policies; three functions."""
    tables = expected.TABLES
    assert [table.name for table in tables] == ["job_outbox", "idempotency_keys", "fsm_events"]
    counts = [
        sum(map(len, (getattr(table, part) for table in tables)))
        for part in ("columns", "foreign_keys", "indexes", "policies")
    ]
    assert counts == [22, 4, 7, 4]
    assert [(function.name, len(function.parameters)) for function in expected.FUNCTIONS] == [
        ("initialize_fsm_with_outbox", 8),
        ("cleanup_expired_idempotency_keys", 0),
        ("cleanup_old_outbox_entries", 0),
    ]
