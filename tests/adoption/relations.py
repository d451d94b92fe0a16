"""Tables as the catalogue describes them."""

from __future__ import annotations

from exporter.adoption.catalogue import Column, Relation

AT = "timestamp with time zone"
LOCAL = "timestamp without time zone"


def column(text: str) -> Column:
    """A column from its name, a colon, its type, and ! when it is not null; `at` and `local` are types of times."""
    name, _, kind = text.partition(":")
    types = {"at": AT, "local": LOCAL, "int": "integer", "bool": "boolean"}
    return Column(name, types.get(kind.rstrip("!"), kind.rstrip("!")), not_null=kind.endswith("!"))


def table(name: str, *columns: str, schema: str = "public", kind: str = "r", below: tuple[str, ...] = ()) -> Relation:
    """A table with a key of the first column."""
    made = tuple(map(column, columns))
    return Relation(schema, name, made, (made[0].name,), kind, below=below)
