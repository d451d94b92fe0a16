"""The scripts that make and remove the monitoring role, for the default tables and for those of a mapping.

Both are made from `templates/`; those for the default tables are committed in exporter/sql/setup, for readers of SQL.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from exporter.collectors.events import EventsCollector
from exporter.collectors.idempotency import IdempotencyCollector
from exporter.database import relations
from exporter.database.visibility import Table
from exporter.outbox.mapping import DEFAULT, OutboxMapping

_TEMPLATES = resources.files("exporter.adoption").joinpath("templates")
_PLACE = re.compile(r"@([a-z_]+)@")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Source: PostgreSQL documentation, "SQL Key Words": those that are reserved, also where they may be names of functions.
_RESERVED = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into
    is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on
    only or order outer overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when
    where window with
"""


@dataclass(frozen=True, slots=True)
class GrantedTable:
    """A table of which the role may read these columns. `needs_policy`: row security is on."""

    name: str
    columns: tuple[str, ...]
    needs_policy: bool = False


def granted_tables(mapping: OutboxMapping, secured: Iterable[str] = ()) -> tuple[GrantedTable, ...]:
    """What the collectors read. `secured` names the tables whose row security is on."""
    if mapping == DEFAULT:
        others: tuple[Table, ...] = (*IdempotencyCollector.tables, *EventsCollector.tables)
        secured = relations.TABLES
    else:
        others = ()
    tables = (*relations.reads(mapping, *relations.RELATIONS), *others)
    order = {column: number for number, column in enumerate(_order(mapping))}
    return tuple(
        GrantedTable(
            table.name,
            tuple(sorted(table.columns, key=order.__getitem__)) if table.name == mapping.table else table.columns,
            table.name in secured,
        )
        for table in tables
    )


def monitoring_role(schema: str, tables: tuple[GrantedTable, ...], *, is_default: bool = False) -> str:
    """The script that makes the role, or changes it. All or nothing."""
    return _filled("monitoring_role.sql", schema, tables, is_default=is_default)


def remove_monitoring_role(schema: str, tables: tuple[GrantedTable, ...], *, is_default: bool = False) -> str:
    """The script that takes everything back."""
    return _filled("remove_monitoring_role.sql", schema, tables, is_default=is_default)


def _order(m: OutboxMapping) -> tuple[str, ...]:
    """The columns of the table of jobs in the order of a script: what, when, how often, and the rest."""
    first = (*m.id, m.queue, m.created, m.processed, m.attempts, m.last_attempt)
    return tuple(dict.fromkeys((*(column for column in first if column), *relations.job_columns(m))))


def _filled(template: str, schema: str, tables: tuple[GrantedTable, ...], *, is_default: bool) -> str:
    texts = yaml.safe_load(_TEMPLATES.joinpath("texts.yaml").read_text("utf-8"))["default" if is_default else "mapping"]
    parts = {**texts, **_parts(schema, tables, texts)}
    text = _PLACE.sub(lambda place: str(parts[place[1]]), _TEMPLATES.joinpath(template).read_text("utf-8"))
    # A part that is empty leaves an empty line.
    return re.sub(r"\n{3,}", "\n\n", text)


def _parts(schema: str, tables: tuple[GrantedTable, ...], texts: Mapping[str, Any]) -> Mapping[str, str]:
    names = {table.name: f"{identifier(schema)}.{identifier(table.name)}" for table in tables}
    secured = [names[table.name] for table in tables if table.needs_policy]
    drops = [f"DROP POLICY IF EXISTS outbox_monitor_read ON {name};" for name in names.values()]
    return {
        "schema": identifier(schema),
        "tables": ", ".join(names.values()),
        "grants": "\n".join(
            (texts["grants"], *(_grant(table, names[table.name], texts["before"]) for table in tables))
        ),
        "policies": _policies(secured),
        "comments": "".join(
            f"COMMENT ON POLICY outbox_monitor_read ON {name} IS 'outbox-exporter counts all rows; columns are granted "
            "singly';\n"
            for name in secured
        ),
        "drops": "\n".join((*drops, texts["more_drops"])),
        "schema_text": literal(schema),
        "table_texts": ", ".join(literal(table.name) for table in tables),
    }


def _grant(table: GrantedTable, name: str, before: Mapping[str, str]) -> str:
    comment = f"{before[table.name]}\n" if table.name in before else ""
    columns = ", ".join(identifier(column) for column in table.columns)
    return f"{comment}GRANT SELECT ({columns})\n  ON {name} TO outbox_monitor;"


def _policies(secured: list[str]) -> str:
    if not secured:
        return ""
    statements = "\n".join(
        f"DROP POLICY IF EXISTS outbox_monitor_read ON {name};\n"
        f"CREATE POLICY outbox_monitor_read ON {name} FOR SELECT TO outbox_monitor USING (true);"
        for name in secured
    )
    return (
        "-- ---------------------------------------------------------------------------- RLS\n\n"
        "-- Permissive policies add up: nobody else sees a row more or less than before.\n"
        f"{statements}\n\n"
    )


def identifier(name: str) -> str:
    """A name in SQL, quoted where it needs it."""
    if _PLAIN.fullmatch(name) and name not in _RESERVED.split():
        return name
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def literal(text: str) -> str:
    """A text in SQL, also between dollar quotes."""
    quoted = text.replace("'", "''").replace("$$", "$' || '$")
    return f"'{quoted}'"
