"""Every failed sample is counted under a reason of the metric contract."""

from exporter.core import errors


def test_reasons_of_the_contract():
    """The values of the label `reason`: dashboards and alerts name them."""
    assert [reason.value for reason in errors.DATABASE_REASONS] == [
        "timeout", "lock", "connection", "permission", "rls", "schema", "stale", "internal",
    ]  # fmt: skip
    assert [reason.value for reason in errors.APPLICATION_REASONS] == [
        "timeout", "connection", "http", "payload", "internal",
    ]  # fmt: skip


def test_every_error_of_a_sample_has_its_reason():
    """By class, so that no place decides it anew."""
    assert {kind.__name__: kind.reason.value for kind in errors.SampleError.__subclasses__()} == {
        "Unreachable": "connection",
        "TooSlow": "timeout",
        "Locked": "lock",
        "PermissionDenied": "permission",
        "RowsHidden": "rls",
        "SchemaMismatch": "schema",
        "Stale": "stale",
        "BadStatus": "http",
        "BadPayload": "payload",
    }
    assert errors.SampleError.reason.value == "internal"


def test_configuration_error_has_a_line_for_each_problem():
    """As printed on standard error."""
    error = errors.ConfigError(("one", "two"))
    assert (str(error), error.problems) == ("one\ntwo", ("one", "two"))
