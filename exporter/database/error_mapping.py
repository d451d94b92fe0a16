"""Maps psycopg's exceptions to those of `exporter.core.errors`, the only ones that leave this package."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import psycopg
from psycopg import errors

from exporter.core.errors import (
    Locked,
    LoginRefused,
    PermissionDenied,
    RowsHidden,
    SampleError,
    SchemaMismatch,
    TooSlow,
    Unreachable,
)
from exporter.database.text import message

# Messages of poolers, as internal errors, when the server behind them is gone.
_GONE = ("unable to read data",)

# The message of libpq for a server that target_session_attrs=read-write does not take. The role made for monitoring is
# read-only on every server.
_READ_ONLY = "session is read-only"
_TAKE_PRIMARY = "; a role made for reading is read-only on the primary, too: target_session_attrs=primary finds that"

# Messages of libpq that do not say what to do about them, with what to do.
_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "no password supplied": "set database.password_file or database.password_command, or libpq's PGPASSFILE",
        "certificate verify failed": "sslrootcert in the connection string names the certificate authority's file",
    }
)

# Of a server that refuses a connection libpq passes on the text, in the server's language, and no SQLSTATE (28000,
# 28P01). Source: PostgreSQL's auth.c and miscinit.c, libpq's fe-auth.c, PgBouncer's client.c.
_REFUSED_LOGIN = re.compile(
    r"authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|no password supplied|no such user"
    r"|requires a valid client certificate|role \".*\" (?:does not exist|is not permitted to log in)"
)

# The function of PostgreSQL that raises "query would be affected by row-level security policy".
_ROW_SECURITY = "check_enable_rls"

# In the server's error when a condition of a statement does not hold (see `proof`).
SAMPLE, ROLES, TABLES = "outbox_exporter.sample", "outbox_exporter.roles", "outbox_exporter.tables"
_ELSEWHERE = (
    SampleError,
    (
        "a statement of this sample did not run in its transaction: a pooler or proxy sends statements to"
        " several servers or commits each by itself (Pgpool-II: set allow_sql_comments = off); or connect directly"
    ),
)
_OTHER_ROLES = RowsHidden, "the privileges of the role changed during the sample; it is discarded"
_OTHER_TABLES = (
    Locked,
    (
        "a table was rewritten or replaced while the sample waited for it (ALTER TABLE, VACUUM FULL, TRUNCATE), and may"
        " look empty to it; the sample is discarded"
    ),
)
_PROOFS: Mapping[str, tuple[type[SampleError], str]] = MappingProxyType(
    {SAMPLE: _ELSEWHERE, ROLES: _OTHER_ROLES, TABLES: _OTHER_TABLES}
)

_ERROR_MAPPING: tuple[tuple[type[psycopg.Error], type[SampleError]], ...] = (
    (errors.LockNotAvailable, Locked),
    (errors.DeadlockDetected, Locked),
    # On a standby: our query stood in the way of the replay.
    (errors.SerializationFailure, Locked),
    (errors.QueryCanceled, TooSlow),
    (errors.TransactionTimeout, TooSlow),
    (errors.IdleInTransactionSessionTimeout, TooSlow),
    (errors.InsufficientPrivilege, PermissionDenied),
    (errors.InvalidAuthorizationSpecification, LoginRefused),
    (errors.InvalidPassword, LoginRefused),
    (errors.UndefinedTable, SchemaMismatch),
    (errors.UndefinedColumn, SchemaMismatch),
    (errors.UndefinedFunction, SchemaMismatch),
    (errors.InvalidSchemaName, SchemaMismatch),
    (errors.WrongObjectType, SchemaMismatch),
    (errors.DatatypeMismatch, SchemaMismatch),
    # A value of the configuration that the type of its column does not have.
    (errors.InvalidTextRepresentation, SchemaMismatch),
    # Answers are not converted: this is about a name of the configuration that the database's encoding cannot write.
    (errors.UntranslatableCharacter, SchemaMismatch),
    (psycopg.OperationalError, Unreachable),
)


def map_error(error: psycopg.Error, prefix: str = "", session_encoding: str = "utf-8") -> SampleError:
    """The SampleError for a psycopg error, with a message of one line after `prefix`."""
    text = prefix + " ".join(message(error, session_encoding).split())
    special = _special(error, text, prefix)
    if special is not None:
        return special
    for psycopg_error, sample_error in _ERROR_MAPPING:
        if isinstance(error, psycopg_error):
            return sample_error(text)
    return SampleError(f"{type(error).__name__}: {text}")


def _special(error: psycopg.Error, text: str, prefix: str) -> SampleError | None:
    """The SampleError for an error whose class is not enough; None for any other."""
    # Recognised by its function in PostgreSQL's source: the text is in the server's language.
    if isinstance(error, errors.InsufficientPrivilege) and error.diag.source_function == _ROW_SECURITY:
        return RowsHidden(text)
    if isinstance(error, errors.InvalidParameterValue) and '"TimeZone"' in text:
        return SchemaMismatch(f"database.timestamp_zone: the server does not know this time zone: {text}")
    if isinstance(error, errors.InvalidTextRepresentation):
        proofs = (kind(prefix + reason) for name, (kind, reason) in _PROOFS.items() if name in text)
        if failed := next(proofs, None):
            return failed
    if isinstance(error, errors.InternalError_) and any(words in text for words in _GONE):
        return Unreachable(text)
    return _refused_connection(error, text) if isinstance(error, psycopg.OperationalError) else None


def _refused_connection(error: psycopg.OperationalError, text: str) -> SampleError | None:
    """The SampleError of a server that answers and does not take the connection; None for any other."""
    if _READ_ONLY in text:
        return Unreachable(text + _TAKE_PRIMARY)
    advised = text + "".join(f"; {advice}" for words, advice in _ADVICE.items() if words in text)
    asks_for_password = error.pgconn is not None and error.pgconn.needs_password
    if error.sqlstate is None and (asks_for_password or _REFUSED_LOGIN.search(text)):
        return LoginRefused(advised)
    return Unreachable(advised) if advised != text else None


@contextmanager
def mapped_errors(prefix: str = "", session_encoding: str = "utf-8") -> Iterator[None]:
    """Map psycopg's exceptions, chained. `session_encoding` is that of the transaction, by its name in Python."""
    try:
        yield
    except psycopg.Error as error:
        raise map_error(error, prefix, session_encoding) from error
