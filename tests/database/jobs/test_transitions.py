"""Parts of SQL about the table of transitions."""

from psycopg import sql

from exporter.database.jobs.transitions import Transitions
from exporter.outbox.mapping import OutboxMapping

MAPPING = OutboxMapping(
    "jobs",
    id=("id",),
    events_table="log",
    events_job=("job",),
    events_type="what",
    events_at="at",
    events_created=("new", "it's"),
)
TRANSITIONS = Transitions(MAPPING, "app")


def test_when_a_job_was_created():
    """At the first of its transitions of these types."""
    assert TRANSITIONS.created_at("jobs", ("id",)).as_string() == (
        '(SELECT min("made"."at") FROM "app"."log" AS made'
        """ WHERE ("made"."what" IN ('new', 'it''s') AND "made"."job" = "jobs"."id"))"""
    )


def test_rows_of_the_table():
    """By the names of the default table's columns."""
    found = TRANSITIONS.select([(sql.SQL("1"), "attempts")], [TRANSITIONS.type_in("events", ("ok",))])
    assert found.as_string() == """SELECT 1 AS "attempts" FROM "app"."log" AS events WHERE "events"."what" IN ('ok')"""


def test_no_row():
    """That meets a condition."""
    found = TRANSITIONS.none("later", sql.SQL("true"))
    assert found.as_string() == 'NOT EXISTS (SELECT FROM "app"."log" AS "later" WHERE true)'
