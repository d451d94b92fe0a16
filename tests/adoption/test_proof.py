"""The five signals of a sample. On databases: tests/adoption/test_adopt.py, tests/outbox/test_proofs.py."""

from __future__ import annotations

from dataclasses import replace

from exporter.adoption.proof import Signal, signals
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.outbox.mapping import OutboxMapping

TIMES = OutboxMapping("outbox", id=("id",), created="made", processed="done", last_attempt="tried", attempts="tries")
FLAG = OutboxMapping("outbox", id=("id",), status="sent", status_pending=("false",), status_processed=("true",))


def test_all_five():
    readings = [
        Reading(catalogue.PENDING_JOBS, 3, ("waiting",)),
        Reading(catalogue.PENDING_JOBS, 1, ("failing",)),
        Reading(catalogue.OLDEST_PENDING, 1000.0, ("waiting",)),
        Reading(catalogue.OLDEST_PENDING, 940.0, ("failing",)),
        Reading(catalogue.LAST_HOUR_PROCESSING_TIME, 90.0, ("processed",)),
        Reading(catalogue.LAST_HOUR_PROCESSED, 1),
        Reading(catalogue.LAST_HOUR_FAILURE_RATIO, 0.5),
    ]
    assert list(signals(TIMES, readings, {}, 1060.0)) == [
        Signal("backlog", 4, "4 jobs (3 waiting, 1 failing)"),
        Signal("oldest job", 120.0, "2 min"),
        Signal("processing time", 90.0, "1 min 30 s"),
        Signal("last hour", 1, "1 job processed"),
        Signal("failure ratio", 0.5, "50.0 %"),
    ]


def test_what_cannot_be_told():
    """Is no 0: the reason is in its place."""
    readings = [Reading(catalogue.PENDING_JOBS, 0, ("waiting",))]
    assert list(signals(FLAG, readings, {}, 0.0)) == [
        Signal("backlog", 0, "0 jobs (0 waiting)"),
        Signal("oldest job", None, "no column says since when a job waits"),
        Signal("processing time", None, "no column says when a job was processed"),
        Signal("last hour", None, "no column says when a job was processed"),
        Signal("failure ratio", None, "no column says when a job was processed"),
    ]


def test_what_has_no_value_now():
    found = {each.name: each.text for each in signals(TIMES, [Reading(catalogue.LAST_HOUR_PROCESSED, 0)], {}, 0.0)}
    assert found["oldest job"] == "no job waits"
    assert found["failure ratio"] == "no job was processed in the last hour, nor failed"


def test_what_is_unknown_now():
    """Is neither 0 nor nothing to tell."""
    unknown = {catalogue.LAST_HOUR_PROCESSED: "rows were deleted"}
    found = {each.name: each for each in signals(TIMES, [], unknown, 0.0)}
    assert found["last hour"] == Signal("last hour", None, "rows were deleted")


def test_jobs_that_are_not_attempted_any_more():
    """Are no backlog, and their age is none."""
    readings = [
        Reading(catalogue.PENDING_JOBS, 2, ("waiting",)),
        Reading(catalogue.PENDING_JOBS, 1, ("exhausted",)),
        Reading(catalogue.OLDEST_PENDING, 940.0, ("waiting",)),
        Reading(catalogue.OLDEST_PENDING, 10.0, ("exhausted",)),
    ]
    backlog, oldest, *_ = signals(replace(TIMES, failed="dead"), readings, {}, 1000.0)
    assert backlog == Signal("backlog", 2, "2 jobs (2 waiting); 1 job exhausted")
    assert oldest == Signal("oldest job", 60.0, "1 min")
