"""The subqueries of mappings of several shapes. tests/database/test_relations.py compares their rows."""

from dataclasses import replace

from exporter.database.jobs.relations import JobRelations
from exporter.outbox.mapping import OutboxMapping

STATUS = OutboxMapping(
    "jobs",
    id=("id",),
    created="made",
    processed="done",
    queue="topic",
    status="state",
    status_pending=("new",),
    status_running=("busy",),
    status_processed=("ok",),
    status_failed=("bad",),
)


def text(mapping: OutboxMapping, name: str) -> str:
    return JobRelations(mapping, "app").relation(name).as_string()


def test_pending_jobs_of_a_status():
    """With its columns by the default table's names."""
    assert text(STATUS, "pending_jobs") == (
        """(SELECT "id" AS "outbox_id", "topic" AS "queue_name", CASE WHEN "state" = 'bad' THEN greatest(0, 1) ELSE 0"""
        """ END AS "attempts", "made" AS "created_at" FROM "app"."jobs" AS jobs WHERE "state" = 'new')"""
        ' AS "pending_jobs"'
    )


def test_the_other_states():
    """The first that holds."""
    assert text(STATUS, "other_jobs") == (
        """(SELECT "topic" AS "queue_name", CASE WHEN "state" = 'busy' THEN 'running' WHEN "state" = 'bad' THEN"""
        """ 'exhausted' END AS "state", "made" AS "created_at" FROM "app"."jobs" AS jobs WHERE ("state" = 'busy' OR"""
        """ "state" = 'bad')) AS "other_jobs\""""
    )


def test_a_table_without_other_states():
    """It has no rows of them."""
    assert "WHERE false" in text(OutboxMapping("jobs", id=("id",), processed="done"), "other_jobs")


def test_names_of_queues_in_a_table_of_their_own():
    """One for each id, so that no job counts twice."""
    mapping = replace(STATUS, queues_table="topics", queues_id="id", queues_name="name")
    assert (
        """ LEFT JOIN (SELECT "id" AS "outbox_queue_id", min("name") AS "outbox_queue_name" FROM "app"."topics" """
        """GROUP BY "id") AS queues ON "outbox_queue_id" = "jobs"."topic" WHERE """
    ) in text(mapping, "pending_jobs")
