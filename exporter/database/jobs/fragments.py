"""Parts of SQL from which statements about jobs are built. Names are quoted; values are literals."""

from collections.abc import Iterable, Sequence

from psycopg import sql

Part = sql.Composable


def column(alias: str, name: str) -> Part:
    """A column of a table by its alias."""
    return sql.Identifier(alias, name)


def comma(parts: Iterable[Part]) -> Part:
    """A list."""
    return sql.SQL(", ").join(parts)


def joined(columns: Sequence[Part]) -> Part:
    """The columns that identify a job, as one value."""
    if len(columns) == 1:
        return columns[0]
    return sql.SQL(" || '/' || ").join(sql.SQL("{}::text").format(column) for column in columns)


def is_set(name: str) -> Part:
    """The column is not NULL."""
    return sql.SQL("{} IS NOT NULL").format(sql.Identifier(name))


def not_set(name: str) -> Part:
    """The column is NULL."""
    return sql.SQL("{} IS NULL").format(sql.Identifier(name))


def all_of(conditions: Sequence[Part]) -> Part:
    """All of these conditions hold; true without any."""
    if not conditions:
        return sql.SQL("true")
    return conditions[0] if len(conditions) == 1 else sql.SQL("({})").format(sql.SQL(" AND ").join(conditions))


def any_of(conditions: Sequence[Part]) -> Part:
    """One of these conditions holds. Shape: one at least."""
    return conditions[0] if len(conditions) == 1 else sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))
