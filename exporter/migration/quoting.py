"""Names and texts as one writes them in SQL, for statements that people run."""

import re

_PLAIN = re.compile("[a-z_][a-z0-9_]*")
_LISTED = re.compile(r'"((?:[^"]|"")*)"|([^",\s][^",]*)')

# Words that do not stand for a name without quotes. Source: PostgreSQL documentation, "SQL Key Words", every word of
# versions 15 to 18 that is not "non-reserved".
_KEYWORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_RESERVED = frozenset(_KEYWORDS.split())


def identifier(*parts: str) -> str:
    """A name, or a dotted one, quoted where it has to be: as quote_ident does it."""
    return ".".join(map(_part, parts))


def literal(text: str) -> str:
    """A text as a constant, whatever standard_conforming_strings says."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def names(listed: str) -> list[str]:
    """The names of a list such as `"$user", public`, without their quotes."""
    return [quoted.replace('""', '"') or plain.strip() for quoted, plain in _LISTED.findall(listed)]


def _part(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
