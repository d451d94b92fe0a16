"""Text as the database holds it, whatever its encoding: a byte that means nothing becomes U+FFFD.

Sessions ask the server to convert nothing (sql/defaults.sql), so it never refuses to. psycopg decodes: fast where
all is valid; again, with replacement characters, where a text is not, or where nobody knows an encoding (SQL_ASCII,
read as UTF-8, as clients write today).
"""

import json
from typing import Any

import psycopg
from psycopg import adapt, pq
from psycopg.abc import AdaptContext, Buffer

_TEXTS = ("text", "varchar", "bpchar", "name", '"char"')
_NO_ENCODING = "ascii"  # psycopg's name for SQL_ASCII; it returns bytes then


def encoding(connection: "psycopg.BaseConnection[Any]") -> str:
    """The client encoding of the session, by its name in Python."""
    name = connection.info.encoding
    return "utf-8" if name == _NO_ENCODING else name


def rows(cursor: "psycopg.Cursor[Any]") -> list[tuple[Any, ...]]:
    """All rows of the cursor's present result. No text fails to be read."""
    connection, result = cursor.connection, cursor.pgresult
    if connection.info.encoding != _NO_ENCODING:
        try:
            return cursor.fetchall()
        except UnicodeDecodeError:
            pass  # only then: valid texts are decoded faster by psycopg
    if result is None or not result.ntuples:
        return []
    transformer = adapt.Transformer(_Lenient(connection))
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


def message(error: psycopg.Error, session_encoding: str = "utf-8") -> str:
    """The server's message, without details; or the client's, where there is none of a server.

    `session_encoding` is that of the transaction that failed; psycopg uses the one after it.
    """
    raw = error.pgresult.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) if error.pgresult else None
    if not raw:
        return str(error)
    try:
        return raw.decode()  # text in another encoding is hardly ever valid UTF-8
    except UnicodeDecodeError:
        return raw.decode(session_encoding, "replace")


class _TextLoader(adapt.Loader):
    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._encoding = encoding(self.connection) if self.connection else "utf-8"

    def load(self, data: Buffer) -> str:
        return str(data, self._encoding, "replace")


class _BinaryTextLoader(_TextLoader):
    format = pq.Format.BINARY


class _JsonLoader(_TextLoader):
    def load(self, data: Buffer) -> Any:
        return json.loads(super().load(data))


_ADAPTERS = adapt.AdaptersMap(psycopg.adapters)
for _name in _TEXTS:
    _ADAPTERS.register_loader(_name, _TextLoader)
    _ADAPTERS.register_loader(_name, _BinaryTextLoader)
for _name in ("json", "jsonb"):
    _ADAPTERS.register_loader(_name, _JsonLoader)


class _Lenient:
    """A context in which psycopg loads texts as above, and all else as it always does."""

    adapters = _ADAPTERS

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection
