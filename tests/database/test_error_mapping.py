"""Each error of psycopg becomes one of ours, with its reason and a message of one line."""

import psycopg
import pytest
from psycopg import errors

from exporter.core.errors import Reason, SampleError, Unreachable
from exporter.database.error_mapping import map_error, mapped_errors


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.LockNotAvailable, Reason.LOCK),
        (errors.DeadlockDetected, Reason.LOCK),
        (errors.SerializationFailure, Reason.LOCK),
        (errors.QueryCanceled, Reason.TIMEOUT),
        (errors.TransactionTimeout, Reason.TIMEOUT),
        (errors.IdleInTransactionSessionTimeout, Reason.TIMEOUT),
        (errors.InsufficientPrivilege, Reason.PERMISSION),
        (errors.UndefinedTable, Reason.SCHEMA),
        (errors.UndefinedColumn, Reason.SCHEMA),
        (errors.UndefinedFunction, Reason.SCHEMA),
        (errors.InvalidSchemaName, Reason.SCHEMA),
        (errors.WrongObjectType, Reason.SCHEMA),
        (errors.DatatypeMismatch, Reason.SCHEMA),
        (errors.UntranslatableCharacter, Reason.SCHEMA),
        (errors.InvalidPassword, Reason.AUTHENTICATION),
        (errors.InvalidAuthorizationSpecification, Reason.AUTHENTICATION),
        (errors.AdminShutdown, Reason.CONNECTION),
        (psycopg.OperationalError, Reason.CONNECTION),
        (errors.DivisionByZero, Reason.INTERNAL),
    ],
)
def test_the_reason_of_each_error(error, reason):
    """In one line, after the name of the operation."""
    found = map_error(error("first line\n  second line"), "backlog: ")
    assert found.reason is reason
    assert str(found).endswith("backlog: first line second line")


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (errors.InvalidParameterValue('invalid value for "TimeZone": "x"'), Reason.SCHEMA, "database.timestamp_zone: "),
        (errors.InvalidTextRepresentation("boolean: outbox_exporter.sample"), Reason.INTERNAL, "did not run in its"),
        (
            errors.InvalidTextRepresentation("boolean: outbox_exporter.roles"),
            Reason.RLS,
            "the privileges of the role changed",
        ),
        (errors.InvalidTextRepresentation("boolean: outbox_exporter.tables"), Reason.LOCK, "was rewritten or replaced"),
        (errors.InvalidTextRepresentation("enum: other"), Reason.SCHEMA, "enum: other"),
        (errors.InternalError_("unable to read data from DB node 0"), Reason.CONNECTION, "unable to read data"),
        (errors.InternalError_("cache lookup failed"), Reason.INTERNAL, "InternalError_: cache lookup failed"),
        (psycopg.OperationalError("session is read-only"), Reason.CONNECTION, "target_session_attrs=primary"),
    ],
)
def test_errors_whose_class_is_not_enough(error, reason, text):
    """Recognised by a part of the message that is not translated."""
    found = map_error(error)
    assert found.reason is reason
    assert text in str(found)


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "outbox_monitor"',
        'Peer authentication failed for user "outbox_monitor"',
        'no pg_hba.conf entry for host "10.0.0.7", user "outbox_monitor", database "postgres", no encryption',
        'pg_hba.conf rejects connection for host "10.0.0.7", user "outbox_monitor", database "postgres"',
        'role "outbox_monitor" does not exist',
        'role "outbox_monitor" is not permitted to log in',
        "connection requires a valid client certificate",
    ],
)
def test_a_refused_login(text):
    """Libpq reports no SQLSTATE of it, only the server's text."""
    found = map_error(psycopg.OperationalError(f"connection failed: FATAL:  {text}"))
    assert (found.reason, str(found)) == (Reason.AUTHENTICATION, f"connection failed: FATAL: {text}")


@pytest.mark.parametrize(
    "text",
    [
        'database "outbox_monitor" does not exist',
        'too many connections for role "outbox_monitor"',
        "connection refused",
        "the database system is starting up",
        'server certificate for "db" does not match host name',
    ],
)
def test_a_connection_refused_for_another_reason(text):
    """The login is not the reason."""
    assert map_error(psycopg.OperationalError(f"connection failed: FATAL:  {text}")).reason is Reason.CONNECTION


@pytest.mark.parametrize(
    ("text", "reason", "advice"),
    [
        (
            "fe_sendauth: no password supplied",
            Reason.AUTHENTICATION,
            "set database.password_file or database.password_command, or libpq's PGPASSFILE",
        ),
        (
            "SSL error: certificate verify failed",
            Reason.CONNECTION,
            "sslrootcert in the connection string names the certificate authority's file",
        ),
    ],
)
def test_a_message_of_libpq_that_does_not_say_what_to_do(text, reason, advice):
    """The advice follows it."""
    found = map_error(psycopg.OperationalError(f"connection failed: {text}"))
    assert (found.reason, str(found)) == (reason, f"connection failed: {text}; {advice}")


def test_the_context_chains_the_original_error():
    """Other exceptions pass unchanged."""
    original = psycopg.OperationalError("gone")
    with pytest.raises(Unreachable, match=r"^asked: gone$") as mapped, mapped_errors("asked: "):
        raise original
    assert mapped.value.__cause__ is original
    with pytest.raises(SampleError, match=r"^ours$"), mapped_errors("asked: "):
        raise SampleError("ours")
    with mapped_errors():
        pass
