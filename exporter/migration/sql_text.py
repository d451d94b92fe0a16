"""SQL as text: names and strings as written in statements that are printed for people, and tables named in code."""

import re

_PLAIN = re.compile("[a-z_][a-z0-9_]*")
_LISTED = re.compile(r'"((?:[^"]|"")*)"|([^",\s][^",]*)')

# Words that are no names without quotes. Source: PostgreSQL documentation, "SQL Key Words", every word of
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


_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def identifier(*parts: str) -> str:
    """A name, or a qualified one, quoted where necessary, as the server's quote_ident does."""
    return ".".join(map(_quoted, parts))


def literal(text: str) -> str:
    """A string literal, whatever standard_conforming_strings is."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def names(listed: str) -> list[str]:
    """The names of a list such as `"$user", public`, without their quotes."""
    return [quoted.replace('""', '"') or plain.strip() for quoted, plain in _LISTED.findall(listed)]


def without_comments(code: str) -> str:
    """Code with each comment replaced by a space."""
    return _COMMENT.sub(" ", code)


def mentions(code: str, name: str) -> bool:
    """Whether code contains this name of a table or function outside comments."""
    return re.search(rf"\b{name}\b", without_comments(code), re.IGNORECASE) is not None


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
