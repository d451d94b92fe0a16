"""The error family: each error has the reason that a user sees in `outbox_collector_failures_total`."""

from __future__ import annotations

import pytest

from exporter.core import errors


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.SampleError, "internal"),
        (errors.Unreachable, "connection"),
        (errors.TooSlow, "timeout"),
        (errors.Locked, "lock"),
        (errors.PermissionDenied, "permission"),
        (errors.RowsHidden, "rls"),
        (errors.SchemaMismatch, "schema"),
        (errors.Stale, "stale"),
        (errors.BadStatus, "http"),
        (errors.BadPayload, "payload"),
    ],
)
def test_the_reason_of_a_failed_sample(error, reason):
    """The label's value, which dashboards and rules name."""
    assert error("why").reason == reason
    assert issubclass(error, errors.SampleError)


def test_reasons_by_source():
    """The database has every reason but those of HTTP; the application only those of a request."""
    assert set(errors.Reason) - set(errors.DATABASE_REASONS) == {"http", "payload"}
    assert set(errors.APPLICATION_REASONS) == {"timeout", "connection", "authentication", "http", "payload", "internal"}


def test_a_configuration_error_has_every_problem():
    """One line for each."""
    error = errors.ConfigError(("a: wrong", "b: wrong"))
    assert error.problems == ("a: wrong", "b: wrong")
    assert str(error) == "a: wrong\nb: wrong"
