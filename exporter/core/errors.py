"""The errors: each class is a decision for its caller.

`ConfigError` ends the program with status 2. Every `SampleError` is one failed sample: it is counted under its
`reason`, shown, and tried again at the collector's next run. Messages have the failure, its place and the remedy, and
never contain a secret.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a sample failed: the values of the label `reason` of `outbox_collector_failures_total`."""

    TIMEOUT = "timeout"
    LOCK = "lock"
    CONNECTION = "connection"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    RLS = "rls"
    SCHEMA = "schema"
    HTTP = "http"
    PAYLOAD = "payload"
    STALE = "stale"
    INTERNAL = "internal"


DATABASE_REASONS = (
    Reason.TIMEOUT,
    Reason.LOCK,
    Reason.CONNECTION,
    Reason.AUTHENTICATION,
    Reason.PERMISSION,
    Reason.RLS,
    Reason.SCHEMA,
    Reason.STALE,
    Reason.INTERNAL,
)
APPLICATION_REASONS = (
    Reason.TIMEOUT,
    Reason.CONNECTION,
    Reason.AUTHENTICATION,
    Reason.HTTP,
    Reason.PAYLOAD,
    Reason.INTERNAL,
)


class ExporterError(Exception):
    """Root of all errors that this program raises on purpose."""


class ConfigError(ExporterError):
    """The configuration is wrong: holds every problem found, each with its place.

    Shape: `problems` has one line per problem, in the order of the file; never empty.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class SampleError(ExporterError):
    """A sample failed; it is counted under `reason`."""

    reason: Reason = Reason.INTERNAL


class Unreachable(SampleError):
    """The target refused the connection, closed it, or did not answer before the client's own deadline."""

    reason = Reason.CONNECTION


class LoginRefused(SampleError):
    """The server does not accept the role, its password or its address."""

    reason = Reason.AUTHENTICATION


class SecretUnavailable(LoginRefused):
    """A secret could not be read, or has the wrong form, so that there was no attempt to use it."""


class TooSlow(SampleError):
    """The target answered that the work took longer than it may."""

    reason = Reason.TIMEOUT


class Locked(SampleError):
    """Another session holds a lock on a table that the sample reads."""

    reason = Reason.LOCK


class PermissionDenied(SampleError):
    """The role lacks a privilege; the message contains the GRANT that fixes it."""

    reason = Reason.PERMISSION


class RowsHidden(SampleError):
    """Row-level security hides rows from this role; counts would be wrong."""

    reason = Reason.RLS


class SchemaMismatch(SampleError):
    """A table or column is missing or is not of the expected kind."""

    reason = Reason.SCHEMA


class Stale(SampleError):
    """A standby answers, and it is too far behind its primary, or nothing proves that it is not."""

    reason = Reason.STALE


class BadStatus(SampleError):
    """The application answered with an error, a redirect, or an HTTP status other than 200."""

    reason = Reason.HTTP


class BadPayload(SampleError):
    """The application's answer, or a field of it, does not follow the protocol."""

    reason = Reason.PAYLOAD
