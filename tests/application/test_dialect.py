"""A payload is read in the dialect that it resembles most."""

from collections.abc import Sequence

from exporter.application.dialect import MAX_READINGS, EndpointResult, PayloadDialect, distinct, interpret
from exporter.application.fields import Field, count
from exporter.metrics.catalogue import APP_CHECK, APP_FAILED_JOBS, APP_PENDING_JOBS, APP_PROCESSED_JOBS, Metric
from exporter.metrics.readings import Reading

FIRST = PayloadDialect((Field("pending", count, APP_PENDING_JOBS), Field("processed", count, APP_PROCESSED_JOBS)))
SECOND = PayloadDialect(
    (Field("pending", count, APP_PENDING_JOBS), Field("jobs.failed", count, APP_FAILED_JOBS)), ("at",)
)


def deriving(readings: Sequence[Reading], pending: Metric | None = None) -> PayloadDialect:
    """A dialect of one field that derives these readings."""
    return PayloadDialect((Field("pending", count, pending),), derive=lambda _values, _payload: readings)


def test_the_dialect_with_most_fields_is_taken():
    """Fields that are not read help to recognise it; nested ones count by their object."""
    payload = {"pending": 1.0, "jobs": {"failed": 2.0}, "at": "now"}
    assert interpret((FIRST, SECOND), payload) == EndpointResult(
        (Reading(APP_PENDING_JOBS, 1.0), Reading(APP_FAILED_JOBS, 2.0)), (), useful=True
    )


def test_of_two_that_fit_equally_the_first_is_taken():
    """It is the documented one."""
    result = interpret((FIRST, SECOND), {"pending": 1.0})
    assert result.readings == (Reading(APP_PENDING_JOBS, 1.0),)
    assert result.problems == ("processed: missing",)


def test_a_payload_without_a_known_field_is_useless():
    """Something else answers there."""
    result = interpret((FIRST, SECOND), {"status": "ok"})
    assert result == EndpointResult((), ("none of the known fields; check application.url",), useful=False)


def test_a_payload_whose_fields_are_all_bad_is_useless():
    """Each bad one is a problem."""
    result = interpret((FIRST,), {"pending": "many", "processed": -1.0})
    assert (result.readings, result.useful, len(result.problems)) == ((), False, 2)


def test_derived_readings_come_last_and_never_twice():
    """The first reading of a series is kept."""
    derived = (Reading(APP_PENDING_JOBS, 9.0), Reading(APP_FAILED_JOBS, 3.0))
    assert interpret((deriving(derived, APP_PENDING_JOBS),), {"pending": 1.0}).readings == (
        Reading(APP_PENDING_JOBS, 1.0),
        Reading(APP_FAILED_JOBS, 3.0),
    )
    assert distinct(()) == ()


def test_readings_of_one_endpoint_are_bounded():
    """At twenty, without a problem; the rest is left out, with one."""
    assert MAX_READINGS == 20
    for checks, problems in ((20, ()), (21, ("more than 20 series; the rest is left out",))):
        derived = [Reading(APP_CHECK, 1.0, (f"c{number}",)) for number in range(checks)]
        result = interpret((deriving(derived),), {"pending": 1.0})
        assert (len(result.readings), result.problems) == (20, problems)
