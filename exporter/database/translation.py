"""psycopg's exceptions in our own words: everybody outside this package sees `exporter.errors` alone."""

from collections.abc import Mapping
from types import MappingProxyType, TracebackType

import psycopg
from psycopg import errors

from exporter.database.text import message
from exporter.errors import (
    Blind,
    Locked,
    PermissionDenied,
    SampleError,
    SchemaMismatch,
    TooSlow,
    Unreachable,
)

# What poolers say, as internal errors, when the server behind them is gone.
_GONE = ("unable to read data",)

# What libpq says of each server that target_session_attrs=read-write does not take. The role made for monitoring is
# read-only on every server, so that it finds none.
_READ_ONLY = "session is read-only"
_TAKE_PRIMARY = "; a role made for reading is read-only on the primary, too: target_session_attrs=primary finds that"

# Raises the error of row_security = off, "query would be affected by row-level security policy".
_ROW_SECURITY = "check_enable_rls"

# What a statement of a session is refused with, by the server, when it is not where it should be (see `proof`).
SAMPLE, ROLES, TABLES = "outbox_exporter.sample", "outbox_exporter.roles", "outbox_exporter.tables"
_ELSEWHERE = (
    SampleError,
    (
        "a statement of this sample did not run in its transaction: what stands before the server sends statements to"
        " several servers or commits each by itself (Pgpool-II: set allow_sql_comments = off); or connect directly"
    ),
)
_OTHER_ROLES = Blind, "what the role may see changed while the sample was under way; nothing is believed"
_OTHER_TABLES = (
    Locked,
    (
        "a table was rewritten or replaced while the sample waited for it (ALTER TABLE, VACUUM FULL, TRUNCATE), and may"
        " look empty to it; nothing is believed"
    ),
)
_PROOFS: Mapping[str, tuple[type[SampleError], str]] = MappingProxyType(
    {SAMPLE: _ELSEWHERE, ROLES: _OTHER_ROLES, TABLES: _OTHER_TABLES}
)

_TRANSLATION: tuple[tuple[type[psycopg.Error], type[SampleError]], ...] = (
    (errors.LockNotAvailable, Locked),
    (errors.DeadlockDetected, Locked),
    # On a standby: our query stood in the way of the replay.
    (errors.SerializationFailure, Locked),
    (errors.QueryCanceled, TooSlow),
    (errors.TransactionTimeout, TooSlow),
    (errors.IdleInTransactionSessionTimeout, TooSlow),
    (errors.InsufficientPrivilege, PermissionDenied),
    (errors.UndefinedTable, SchemaMismatch),
    (errors.UndefinedColumn, SchemaMismatch),
    (errors.UndefinedFunction, SchemaMismatch),
    (errors.InvalidSchemaName, SchemaMismatch),
    (errors.WrongObjectType, SchemaMismatch),
    (errors.DatatypeMismatch, SchemaMismatch),
    # Answers are not converted: this is about a name of the configuration that the database's encoding cannot write.
    (errors.UntranslatableCharacter, SchemaMismatch),
    (psycopg.OperationalError, Unreachable),
)


def translate(error: psycopg.Error, doing: str = "", spoken: str = "utf-8") -> SampleError:
    """What a psycopg error means for a sample: the member of our family, with a message of one line."""
    text = doing + " ".join(message(error, spoken).split())
    special = _special(error, text, doing)
    if special is not None:
        return special
    for theirs, ours in _TRANSLATION:
        if isinstance(error, theirs):
            return ours(text)
    return SampleError(f"{type(error).__name__}: {text}")


def _special(error: psycopg.Error, text: str, doing: str) -> SampleError | None:
    """What an error means of which the class alone does not tell; None for any other."""
    # Told by its place in PostgreSQL's source: the text is in the server's language.
    if isinstance(error, errors.InsufficientPrivilege) and error.diag.source_function == _ROW_SECURITY:
        return Blind(text)
    if isinstance(error, errors.InvalidParameterValue) and '"TimeZone"' in text:
        return SchemaMismatch(f"database.timestamp_zone: the server does not know this time zone: {text}")
    if isinstance(error, errors.InvalidTextRepresentation):
        proofs = (kind(doing + reason) for name, (kind, reason) in _PROOFS.items() if name in text)
        return next(proofs, None)
    if isinstance(error, errors.InternalError_) and any(words in text for words in _GONE):
        return Unreachable(text)
    if isinstance(error, psycopg.OperationalError) and _READ_ONLY in text:
        return Unreachable(text + _TAKE_PRIMARY)
    return None


class translated:  # noqa: N801 - a context manager, read as a word
    """Turn psycopg's exceptions into ours, chained; `doing` says what was going on, in a transaction that `spoken`."""

    __slots__ = ("_doing", "_spoken")

    def __init__(self, doing: str = "", spoken: str = "utf-8") -> None:
        self._doing, self._spoken = doing, spoken

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, psycopg.Error):
            raise translate(error, self._doing, self._spoken) from error
