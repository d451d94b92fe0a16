"""From meanings and evidence to a mapping. On databases: tests/adoption/test_adopt.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from exporter.adoption import decide, shape
from exporter.adoption.catalogue import Column, ExpressionsRow
from exporter.adoption.evidence import Evidence, NumbersRow
from exporter.adoption.proposal import Proposal
from exporter.database.statuses import StatusRow
from tests.adoption.relations import table

AGELESS: Final = (
    "due_at may be NULL, and no column says when a job was created: such a job has no age, and no alert sees it wait"
)


def proposed(*columns: str, evidence: Evidence | None = None, **given: Any) -> Proposal:
    return decide.propose(shape.read(table("outbox", "id:bigint!", *columns)), evidence or Evidence(), **given)


def seen(*values: str | None) -> Evidence:
    return Evidence(statuses=tuple(StatusRow(value, None, None, 3) for value in values))


def test_times():
    """Nothing is assumed of a time of completion."""
    found = proposed("created_at:at!", "sent_at:at", "topic:text")
    assert found.mapping is not None
    assert (found.mapping.created, found.mapping.processed, found.mapping.queue) == ("created_at", "sent_at", "topic")
    assert (found.assumed, found.undecided) == ((), ())


def test_a_name_that_does_not_say_so():
    """Is an assumption, unless somebody chose the table."""
    read = shape.read(table("deliveries", "id:bigint!", "created_at:at!", "sent_at:at"))
    assert decide.propose(read, Evidence()).assumed == (
        "it is an outbox: its columns look like it, its name does not say so",
    )
    assert decide.propose(read, Evidence(), is_chosen=True).assumed == ()


def test_a_flag():
    """It is a status of two values, and must not be NULL."""
    found = proposed("created_at:at!", "sent:bool!")
    assert found.mapping is not None
    assert (found.mapping.status_pending, found.mapping.status_processed) == (("false",), ("true",))
    assert found.is_complete
    assert proposed("sent:bool").undecided == (
        "sent may be NULL, and such a job would count nowhere: add a NOT NULL constraint",
    )


def test_an_enumeration_says_all_values():
    """Nothing is left to rows that come later."""
    relation = table("outbox", "id:bigint!", "created_at:at!", "failed_at:at", "locked_at:at")
    labels = ("queued", "sending", "sent", "retrying", "dead", "skipped")
    status = Column("state", "mail_state", not_null=True, labels=labels)
    found = decide.propose(shape.read(replace(relation, columns=(*relation.columns, status))), Evidence())
    assert found.mapping is not None
    assert (found.mapping.status_pending, found.mapping.status_retrying) == (("queued",), ("retrying",))
    assert (found.mapping.status_running, found.mapping.status_processed) == (("sending",), ("sent",))
    assert (found.mapping.status_failed, found.mapping.failed, found.mapping.running) == (("dead",), "", "")
    assert found.mapping.status_cancelled == ("skipped",)
    assert (found.assumed, found.undecided) == (("a job whose status is skipped counts nowhere",), ())


def test_a_check_says_all_values():
    check = ExpressionsRow("state", None, ["CHECK ((state = ANY (ARRAY['new'::text, 'sent'::text])))"], "UTC")
    found = proposed("state:text!", evidence=Evidence({"state": check}, statuses=(StatusRow("new", None, None, 1),)))
    assert found.mapping is not None
    assert (found.mapping.status_pending, found.mapping.status_processed) == (("new",), ("sent",))
    assert found.is_complete


@pytest.mark.parametrize(
    ("evidence", "undecided"),
    [
        (
            seen("new", "sent", "zz"),
            (
                "the values of the status state, zz, have no known meaning: which of them mean pending, "
                "retrying, running, processed and failed; one that is listed nowhere counts nowhere"
            ),
        ),
        (seen("new"), "no value of the status state (new) means processed"),
        (seen("sent"), "no value of the status state (sent) means pending"),
        (seen("new", "sent", None), "state is NULL in 3 rows, which would count nowhere"),
        (seen(), "state has no values yet: the table has no rows, and no type or check lists them"),
        (Evidence(unreadable="GRANT SELECT"), "the values of state could not be read: GRANT SELECT"),
    ],
)
def test_a_status_that_is_not_understood(evidence, undecided):
    """Is never guessed."""
    assert proposed("state:text", evidence=evidence).undecided == (undecided,)


@pytest.mark.parametrize(
    ("values", "assumed"),
    [
        (
            ("new", "sent", "failed"),
            "a job whose status is failed is not tried again; otherwise list it as status_retrying",
        ),
        (("new", "sent", "scheduled"), "a job whose status is scheduled waits: no column says when it is due"),
        (("new", "sent", "cancelled"), "a job whose status is cancelled counts nowhere"),
    ],
)
def test_what_is_assumed_of_a_status(values, assumed):
    """And that there are no other values than those of the rows."""
    rest, last = proposed("state:text", evidence=seen(*values)).assumed
    assert rest.startswith("state has no values but those of the first 100,000 rows; ")
    assert last == assumed


@pytest.mark.parametrize(
    ("columns", "assumed"),
    [
        (
            ("sent_at:at", "attempts:int"),
            (
                (
                    "nothing says after how many attempts a job is given up: as many as "
                    "sampling.exhausted_attempts, 5 by default"
                ),
            ),
        ),
        (("sent_at:at", "attempts:int", "max_attempts:int"), ()),
        (
            ("finished_at:at", "error:text"),
            ("finished_at is empty for a job that failed for good; otherwise map its error as error",),
        ),
        (("sent_at:at", "failed_for_good:text"), ()),
        (("sent_at:at", "retries:int", "max_retries:int"), ("a job whose retries is max_retries is not tried again",)),
        (
            ("sent_at:at", "locked_at:at"),
            ("locked_at is empty unless a worker has the job; a lock that nobody removes counts as running",),
        ),
        (("due_at:at",), (AGELESS, "no column says which jobs are processed: their rows are deleted")),
    ],
)
def test_what_is_assumed_of_workers(columns, assumed):
    found = proposed(*columns)
    assert found.undecided == ()
    assert found.assumed == assumed


def test_attempts_and_retries_are_not_the_same():
    """A job with as many attempts as retries may have one left."""
    assert proposed("sent_at:at", "attempts:int", "max_retries:int").undecided == (
        (
            "attempts and max_retries: a job that is retried n times has n + 1 attempts; is it given up when both are "
            "equal?"
        ),
    )


@pytest.mark.parametrize(
    ("columns", "numbers", "epoch", "undecided"),
    [
        (("created_ms:bigint", "sent_ms:bigint"), (), "milliseconds", ()),
        (("created:bigint", "sent:bigint"), (NumbersRow(1.7e9, 1.8e9), NumbersRow(None, None)), "seconds", ()),
        (
            ("created:bigint", "sent:bigint"),
            (NumbersRow(1.7e12, 1.8e12), NumbersRow(1.7e9, 1.8e9)),
            None,
            ("created, sent are numbers of an unknown unit, their names and values disagree: epoch",),
        ),
        (
            ("created:bigint", "sent:bigint"),
            (NumbersRow(1.7e9, 1.8e9), NumbersRow(0, 1.8e9)),
            None,
            ("sent: some numbers are no time of 2001 to 2286 in any unit; a mapping takes NULL for no time",),
        ),
        (
            ("created:bigint", "sent:bigint"),
            (),
            None,
            ("created, sent are numbers of an unknown unit, neither a name nor a value tells: epoch",),
        ),
        (
            ("created_ms:bigint", "sent_ms:bigint"),
            (NumbersRow(1.7e9, 1.8e9), NumbersRow(None, None)),
            None,
            ("created_ms, sent_ms are numbers of an unknown unit, their names and values disagree: epoch",),
        ),
        (
            ("created_at:at", "sent_ms:bigint"),
            (),
            None,
            ("some times are numbers and others of a type for times: which of them to use",),
        ),
    ],
)
def test_times_as_numbers(columns, numbers, epoch, undecided):
    """Names and values have to agree."""
    names = [column.partition(":")[0] for column in columns]
    found = proposed(*columns, evidence=Evidence(numbers=dict(zip(names, numbers, strict=False))))
    assert found.mapping is not None
    assert (found.mapping.epoch, found.undecided) == (epoch, undecided)


def test_times_without_zone():
    """By the configuration, by defaults that name the zone, or not at all."""
    columns = ("created_at:local!", "sent_at:local")
    assert proposed(*columns).undecided == (
        "without time zone: created_at, sent_at; set database.timestamp_zone to that of their writers",
    )
    configured = proposed(*columns, timestamp_zone="Europe/Berlin")
    assert (configured.timestamp_zone, configured.undecided) == ("Europe/Berlin", ())
    utc = ExpressionsRow("created_at", "timezone('utc'::text, now())", [], "Asia/Tokyo")
    found = proposed(*columns, evidence=Evidence({"created_at": utc}))
    assert (found.timestamp_zone, found.undecided) == ("UTC", ())
    assert found.assumed == (
        (
            "created_at, sent_at are of the time zone UTC: defaults write the time of the session's zone, which is "
            "that of this database unless a session sets another; other writers do the same"
        ),
    )


def test_a_refusal():
    """Has no mapping at all."""
    found = proposed("payload:jsonb")
    assert found.mapping is None
    assert found.undecided[0].startswith("no column says which rows are processed")
    assert decide.candidate(shape.read(table("outbox", "id:bigint!", "payload:jsonb"))) == found


def test_what_rows_are_asked():
    """The status, by the key, and the numbers that may be times."""
    read = shape.read(table("outbox", "id:bigint!", "created:bigint", "sent:bigint", "deleted_at:bigint"))
    asked = decide.question(read)
    assert (asked.table, asked.schema, asked.id, asked.created) == ("outbox", "public", ("id",), "")
    assert (asked.epoch, asked.status) == (None, "")
    assert decide.numbers(read) == ("created", "sent")
    assert decide.numbers(shape.read(table("outbox", "id:bigint!", "sent_at:at"))) == ()
    assert decide.question(shape.read(table("outbox", "id:bigint!", "sent:bool!"))).status == "sent"


def default(column: str, value: str) -> Evidence:
    return Evidence({column: ExpressionsRow(column, value, [], "UTC")})


@pytest.mark.parametrize(
    ("columns", "evidence", "undecided"),
    [
        (("done_at:at!",), None, "done_at is never NULL, so that it does not tell which jobs are processed"),
        (
            ("sent_at:at", "locked_at:at!"),
            None,
            "locked_at is never NULL, so that it does not tell which jobs are running",
        ),
        (
            ("sent_at:at", "deleted_at:at!"),
            None,
            "deleted_at is never NULL, so that it does not tell which jobs are removed",
        ),
        (
            ("sent_at:at",),
            default("sent_at", "'infinity'::timestamp with time zone"),
            (
                "sent_at is 'infinity'::timestamp with time zone by default, and not NULL, "
                "as if every new job were processed"
            ),
        ),
        (
            ("sent_at:at", "retries:int!"),
            default("retries", "5"),
            (
                "retries begins with 5: does it count down? A mapping takes a number of attempts, which begins with 0; "
                "otherwise leave it out"
            ),
        ),
        (
            ("created_at:at!", "attempts:int!", "publish_status:text", "confirmed_at:at", "active:bool!"),
            None,
            "which jobs are processed: does publish_status, confirmed_at, active say so, or are their rows deleted?",
        ),
    ],
)
def test_columns_that_do_not_tell_what_their_names_say(columns, evidence, undecided):
    """Or that may tell what no known name does."""
    assert proposed(*columns, evidence=evidence).undecided == (undecided,)


def test_columns_without_a_meaning():
    """Are taken to say nothing, which is an assumption; that a row was changed says nothing indeed."""
    found = proposed("created_at:at!", "sent_at:at", "updated_at:at", "on_hold:bool!", "archived_at:at", "title:text")
    assert found.assumed[-1:] == (
        "on_hold, archived_at: taken to say nothing about a job that the mapping does not say",
    )
    status = proposed("status:text!", "archived_at:at", "is_html:bool!", evidence=seen("new", "sent"))
    assert status.assumed[-1:] == ("is_html: taken to say nothing about a job that the mapping does not say",)


def test_values_that_a_check_does_not_admit_as_they_are():
    """Such as one about lower(state)."""
    check = ExpressionsRow("state", None, ["CHECK ((lower(state) = ANY (ARRAY['new'::text, 'sent'::text])))"], "UTC")
    found = proposed("state:text!", evidence=Evidence({"state": check}, (StatusRow("NEW", None, None, 1),)))
    assert found.mapping is not None
    assert found.mapping.status_pending == ("new", "NEW")


def test_a_time_that_not_every_job_has():
    """Is no age for the others, unless they have a time of creation."""
    assert proposed("due_at:at", "sent_at:at").assumed == (AGELESS,)
    assert proposed("due_at:at!", "sent_at:at").assumed == ()
    assert proposed("due_at:at", "created_at:at!", "sent_at:at").assumed == ()


def test_a_time_of_cancellation():
    """Such a job is none any more."""
    found = proposed("created_at:at!", "sent_at:at", "cancelled_at:at")
    assert found.mapping is not None
    assert found.mapping.deleted == "cancelled_at"
