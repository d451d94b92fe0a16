"""psycopg's exceptions in our own words: everybody outside this package sees `exporter.errors` alone."""

from types import TracebackType

import psycopg
from psycopg import errors

from exporter.errors import (
    Blind,
    Locked,
    PermissionDenied,
    SampleError,
    SchemaMismatch,
    TooSlow,
    Unreachable,
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
    (psycopg.OperationalError, Unreachable),
)


def translate(error: psycopg.Error, doing: str = "") -> SampleError:
    """What a psycopg error means for a sample: the member of our family, with a message of one line."""
    text = doing + " ".join((error.diag.message_primary or str(error)).split())
    if isinstance(error, errors.InsufficientPrivilege) and "row-level security" in text:
        return Blind(text)
    if isinstance(error, errors.InvalidParameterValue) and '"TimeZone"' in text:
        return SchemaMismatch(f"database.timestamp_zone: the server does not know this time zone: {text}")
    for theirs, ours in _TRANSLATION:
        if isinstance(error, theirs):
            return ours(text)
    return SampleError(f"{type(error).__name__}: {text}")


class translated:  # noqa: N801 - a context manager, read as a word
    """Turn psycopg's exceptions into ours, chained; `doing` says what was going on."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str = "") -> None:
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, psycopg.Error):
            raise translate(error, self._doing) from error
