"""Connection strings: checked, and shown without their secrets.

libpq looks for the end of a URI's user information only up to the first slash or `@`. A password that was not
percent-encoded ends up in the host, the port or the name of the database, which everybody may see.
Source: PostgreSQL documentation, "Connection URIs"; conninfo_uri_parse_options in libpq's fe-connect.c.
"""

import re

import psycopg
from psycopg import conninfo

from exporter.redaction import HIDDEN

_URI = re.compile(r"postgres(?:ql)?://(?P<rest>.*)", re.DOTALL)
_USER_INFORMATION = re.compile(r"^[^@/]*@")
_PORTS = re.compile(r"[0-9]{0,5}(?:,[0-9]{0,5})*")
# What no host has and hardly a database: the marks of a connection string, or of a part of one.
_FOREIGN = re.compile(r"(?!^)@|://|=")


def dsn_problem(dsn: str) -> str | None:
    """What is wrong with a connection string, or None. The answer never repeats any part of it."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return (
            "not a connection string that libpq understands (postgresql://user@host:port/name or key=value pairs); "
            "in a URI percent-encode the password, in key=value pairs quote it"
        )
    has_ports = _PORTS.fullmatch(str(parts.get("port", "")))
    if _URI.match(dsn):
        if has_ports and _ends_its_user_information(dsn):
            return None
        return "a part of the user or the password is taken for the host, port or database: percent-encode the password"
    if not has_ports:
        return "port is not a number"
    if _FOREIGN.search(str(parts.get("dbname", ""))):
        return "dbname holds another connection string: give that one alone, as the whole dsn"
    return None


def _ends_its_user_information(dsn: str) -> bool:
    """Whether no `@` is left behind the user information of a URI, where it would belong to a password."""
    uri = _URI.match(dsn)
    if uri is None:
        return True
    place, _, _ = _USER_INFORMATION.sub("", uri["rest"], count=1).partition("?")
    return "@" not in place


def passwords(dsn: str) -> tuple[str, ...]:
    """What must never be printed of a connection string."""
    parts = conninfo.conninfo_to_dict(dsn)
    return tuple(str(parts[key]) for key in ("password", "sslpassword") if parts.get(key))


def target(dsn: str) -> str:
    """Host, port and database of a connection string, as libpq would complete it from its own variables.

    A part that looks like another connection string, or a piece of one, is hidden.
    """
    parts = {d.keyword.decode(): (d.val or b"").decode() for d in psycopg.pq.Conninfo.get_defaults()}
    parts.update({key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()})
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    where = (host, parts.get("port") or "5432", parts.get("dbname") or parts.get("user") or "")
    host, port, name = (HIDDEN if _FOREIGN.search(part) else part for part in where)
    return f"{host}:{port if _PORTS.fullmatch(port) else HIDDEN}/{name}"
