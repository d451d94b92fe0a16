"""Texts of a database are read whatever their encoding."""

import psycopg
import pytest

from exporter.database import text


@pytest.mark.parametrize(("encoding", "name"), [("UTF8", "utf-8"), ("LATIN1", "iso8859-1"), ("SQL_ASCII", "utf-8")])
def test_the_encoding_of_a_session(database, encoding, name):
    """SQL_ASCII has no known encoding: it is read as UTF-8."""
    with database.connect() as connection:
        connection.execute(f"SET client_encoding = '{encoding}'".encode())
        assert text.encoding(connection) == name


@pytest.mark.parametrize("binary", [False, True])
def test_bytes_that_mean_nothing_are_replaced(database, binary):
    """In texts, arrays and JSON alike; numbers and NULL are as ever."""
    query = b"SELECT E'caf\\xe9'::text, 7, NULL::text, ARRAY[E'\\xff']::text[], '{\"a\": 1}'::jsonb"
    with database.connect() as connection:
        if connection.execute(b"SHOW server_encoding").fetchone() != ("SQL_ASCII",):
            query = query.replace(b"\\xe9", b"\\u00e9").replace(b"\\xff", b"\\u00ff")
        connection.execute(b"SET client_encoding = 'SQL_ASCII'")
        with connection.cursor(binary=binary) as cursor:
            cursor.execute(query)
            assert text.rows(cursor) == [("café", 7, None, ["ÿ"], {"a": 1})]
            cursor.execute(b"SELECT 1 WHERE false")
            assert text.rows(cursor) == []


def test_the_message_of_an_error(database):
    """The server's, without its details; without a server, the client's."""
    with database.connect() as connection, pytest.raises(psycopg.errors.UndefinedTable) as failed:
        connection.execute(b"SELECT FROM missing")
    assert text.message(failed.value) == 'relation "missing" does not exist'
    assert text.message(psycopg.OperationalError("no route to host")) == "no route to host"
