"""Connection strings: checked, and told without their secrets."""

import psycopg
from psycopg import conninfo


def dsn_problem(dsn: str) -> str | None:
    """What is wrong with a connection string, or None. The answer never repeats any part of it."""
    try:
        conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "not a connection string that libpq understands (postgresql://user@host:port/name or key=value pairs)"
    return None


def passwords(dsn: str) -> tuple[str, ...]:
    """What must never be printed of a connection string."""
    parts = conninfo.conninfo_to_dict(dsn)
    return tuple(str(parts[key]) for key in ("password", "sslpassword") if parts.get(key))


def target(dsn: str) -> str:
    """Host, port and database of a connection string, as libpq would complete it from its own variables."""
    parts = {d.keyword.decode(): (d.val or b"").decode() for d in psycopg.pq.Conninfo.get_defaults()}
    parts.update({key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()})
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"
