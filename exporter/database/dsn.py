"""Connection strings: checked, and shown without their secrets.

libpq takes the user information of a URI to end at the first slash or `@`. A password that was not
percent-encoded ends up in the host, the port or the name of the database, which everybody may see.
Source: PostgreSQL documentation, "Connection URIs"; conninfo_uri_parse_options in libpq's fe-connect.c.
"""

import re
from collections.abc import Iterable, Mapping

import psycopg
from psycopg import conninfo

from exporter.core.redaction import HIDDEN

_URI = re.compile(r"postgres(?:ql)?://(?P<rest>.*)", re.DOTALL)
_USER_INFORMATION = re.compile(r"^[^@/]*@")
_PORTS = re.compile(r"[0-9]{0,5}(?:,[0-9]{0,5})*")
# Characters of a connection string, which no host has and hardly a database; a directory of a socket may.
_FOREIGN = re.compile(r"(?!/)(?:.+@|.*(?:://|=))", re.DOTALL)
_WHOLE = "give that one alone, as the whole dsn"


def dsn_problem(dsn: str) -> str | None:
    """The problem of a connection string, or None. The message never repeats any part of it."""
    try:
        parts = {key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        return (
            "not a connection string that libpq understands (postgresql://host:port/name or key=value pairs); "
            "in a URI percent-encode the password, in key=value pairs quote it"
        )
    except UnicodeDecodeError:
        return "percent-encoded bytes that are not UTF-8: percent-encode the password as UTF-8"
    misplaced = _misplaced(parts)
    if _URI.match(dsn) and not (_ends_its_user_information(dsn) and misplaced in (None, "user", "dbname")):
        return "a part of the user or the password is taken for the host, port or database: percent-encode the password"
    # Behind the path of a URI a database may have any name.
    return None if misplaced is None or (_URI.match(dsn) and misplaced == "dbname") else _MISPLACED[misplaced]


def variables_problem(dsn: str) -> str | None:
    """The problem of libpq's variables that complete a connection string, or None. Repeats none of them."""
    given = conninfo.conninfo_to_dict(dsn)
    defaults = [each for each in psycopg.pq.Conninfo.get_defaults() if each.keyword.decode() not in given]
    misplaced = _misplaced(_texts(defaults))
    variables = {each.keyword.decode(): (each.envvar or b"").decode() for each in defaults}
    return None if misplaced is None else f"{variables[misplaced]}: {_MISPLACED[misplaced]}"


_MISPLACED: Mapping[str, str] = {
    "port": "port is not a number",
    "host": f"host holds another connection string: {_WHOLE}",
    "user": "user holds a colon: what follows it may be a password, which has a place of its own",
    "dbname": f"dbname holds another connection string: {_WHOLE}",
}


def _misplaced(parts: Mapping[str, str]) -> str | None:
    """The part that may hold a password by mistake: libpq and servers repeat it in their errors."""
    wrong = {
        "port": not _PORTS.fullmatch(parts.get("port", "")),
        "host": any(map(_FOREIGN.match, parts.get("host", "").split(","))),
        "user": ":" in parts.get("user", ""),
        "dbname": _FOREIGN.match(parts.get("dbname", "")),
    }
    return next((part for part, is_wrong in wrong.items() if is_wrong), None)


def _texts(options: Iterable[psycopg.pq.ConninfoOption]) -> dict[str, str]:
    return {each.keyword.decode(): (each.val or b"").decode(errors="replace") for each in options}


def _ends_its_user_information(dsn: str) -> bool:
    """Whether no `@` is left behind the user information of a URI, where it would belong to a password."""
    uri = _URI.match(dsn)
    if uri is None:
        return True
    place, _, _ = _USER_INFORMATION.sub("", uri["rest"], count=1).partition("?")
    return "@" not in place


def passwords(dsn: str) -> tuple[str, ...]:
    """The parts of a connection string that must never be printed."""
    parts = conninfo.conninfo_to_dict(dsn)
    return tuple(str(parts[key]) for key in ("password", "sslpassword") if parts.get(key))


def target(dsn: str) -> str:
    """Host, port and database of a connection string, as libpq would complete it from its own variables.

    Of a service that the string names, its name: only libpq reads the file of services, while it connects.
    A part that looks like another connection string, or a piece of one, is hidden.
    """
    given = {key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()}
    if "service" in given and not {"host", "hostaddr"} & given.keys():
        return f"service {given['service']}"
    parts = {**_texts(psycopg.pq.Conninfo.get_defaults()), **given}
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    where = (host, parts.get("port") or "5432", parts.get("dbname") or parts.get("user") or "")
    host, port, name = (HIDDEN if _FOREIGN.match(part) else part for part in where)
    return f"{host}:{port if _PORTS.fullmatch(port) else HIDDEN}/{name}"
