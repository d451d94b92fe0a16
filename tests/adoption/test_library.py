"""Tables of libraries: what fits a profile, and what only nearly does."""

from __future__ import annotations

from dataclasses import replace

from exporter.adoption import library
from exporter.adoption.catalogue import Column, Relation
from exporter.adoption.proposal import Proposal
from tests.adoption.relations import table

BOSS = table(
    "job",
    "id:uuid!",
    "name:text!",
    "created_on:at!",
    "completed_on:at",
    "start_after:at!",
    "started_on:at",
    "blocked:bool!",
    schema="pgboss",
)
STATE = Column("state", "pgboss.job_state", True, ("created", "retry", "active", "completed", "cancelled", "failed"))
PGBOSS = replace(BOSS, columns=(*BOSS.columns, STATE))
NSERVICEBUS = table("Sales_OutboxData", "MessageId:character varying!", "DispatchedAt:local")


def found(*relations: Relation, timestamp_zone: str = "") -> list[Proposal]:
    return list(library.proposals(relations, timestamp_zone=timestamp_zone))


def test_a_profile_that_fits():
    (proposal,) = found(PGBOSS, table("users", "id:int!"))
    assert (proposal.profile, proposal.title, proposal.undecided) == (
        "pg-boss",
        "pg-boss, tested with version 12.38.0",
        (),
    )
    assert proposal.mapping is not None
    assert (proposal.mapping.schema, proposal.mapping.table) == ("pgboss", "job")
    assert proposal.proved == ("all 8 columns of the profile are there, of fitting types",)


def test_another_schema_and_a_prefix():
    """Are the names of the mapping."""
    (moved,) = found(replace(PGBOSS, schema="queue"))
    assert moved.mapping is not None
    assert moved.mapping.schema == "queue"
    (prefixed,) = found(NSERVICEBUS)
    assert (prefixed.profile, prefixed.timestamp_zone, prefixed.undecided) == ("nservicebus", "UTC", ())
    assert prefixed.mapping is not None
    assert prefixed.mapping.table == "Sales_OutboxData"


def test_the_table_of_events_has_the_prefix_too():
    """It has to be there."""
    jobs = table(
        "app_procrastinate_jobs", "id:bigint!", "scheduled_at:at", "attempts:int", "queue_name:text", "status:text"
    )
    events = table("app_procrastinate_events", "id:bigint!", "job_id:bigint", "type:text", "at:at")
    (proposal,) = found(jobs, events)
    assert proposal.mapping is not None
    assert proposal.mapping.events_table == "app_procrastinate_events"
    assert found(jobs) == []


def test_a_table_that_only_has_the_name():
    """Is no table of a library, if others may have that name."""
    assert found(table("job", "id:int!", "state:text"), table("outbox", "id:int!", "created_at:at")) == []


def test_another_version():
    """Most columns of a table that nobody else has: the difference is named."""
    modulith = table("event_publication", "id:uuid!", "publication_date:at!", "completion_date:at", "listener_id:text!")
    (proposal,) = found(modulith)
    assert proposal.mapping is None
    assert proposal.undecided == (
        "public.event_publication has no column status: another version than Spring Modulith 2.1.0?",
    )


def test_a_value_that_the_enumeration_does_not_have():
    without = replace(STATE, labels=("created", "active"))
    assert found(replace(BOSS, columns=(*BOSS.columns, without))) == []


def test_times_without_zone():
    """Of a library that writes any zone, the configuration has to say which."""
    cap = table(
        "published", "Id:bigint!", "Added:local!", "Retries:int!", "Name:text", "StatusName:text!", schema="cap"
    )
    (proposal,) = found(cap)
    assert proposal.undecided == ("without time zone: Added; set database.timestamp_zone to that of their writers",)
    (configured,) = found(cap, timestamp_zone="UTC")
    assert (configured.timestamp_zone, configured.undecided) == ("UTC", ())


def test_other_tables_of_a_library():
    """By the library's own schema, or by the beginning of an unusual name."""
    (boss,), (bus,) = found(PGBOSS), found(NSERVICEBUS)
    assert library.belongs(table("queue", "id:int!", schema="pgboss"), boss)
    assert not library.belongs(table("queue", "id:int!"), boss)
    assert library.belongs(table("Sales_Inbox", "id:int!"), bus)
    assert not library.belongs(table("outbox", "id:int!"), bus)
