"""The statements of this program: one file each under `sql/`, with a header that is a contract.

A header names the question, the parameters, the columns with type and nullability, the index relied on and the
source. The loader refuses a file without one; a test runs every file and compares its result with it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from psycopg import sql

from exporter.database import relations
from exporter.outbox.mapping import DEFAULT, OutboxMapping

SECTIONS = ("Question", "Parameters", "Columns", "Index", "Source")

_SECTION = re.compile(r"^-- (?P<name>[A-Z][a-z]+): *(?P<text>.*)$")
_PARAMETER = re.compile(r"%\((\w+)\)s")
_ENTRY = re.compile(r"^--   (?P<name>[a-z_]+) (?P<type>[a-z ]+?(?:\[\])?)(?P<null> not null| null)?: (?P<meaning>.+)$")


@dataclass(frozen=True, slots=True)
class HeaderColumn:
    """A column or parameter as its header describes it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One statement: `text` is its SQL, with the placeholders of `exporter.database.relations`.

    Shape: `column_names` are those of `columns`; `placeholders` are those that it has.
    """

    name: str
    text: str
    parameters: tuple[HeaderColumn, ...]
    columns: tuple[HeaderColumn, ...]
    column_names: tuple[str, ...]
    placeholders: tuple[str, ...]

    def compose(self, schema: str, mapping: OutboxMapping = DEFAULT) -> sql.Composed:
        """The statement for the tables of `schema`, every name quoted."""
        # The text comes from this package's own files and from nowhere else.
        parts = {name: _without_parameters(part) for name, part in relations.compose(mapping, schema).items()}
        return sql.SQL(self.text).format(**parts)

    def with_literals(self, schema: str, parameters: Mapping[str, object]) -> bytes:
        """The statement with its parameters as literals, so that several of these can be sent in one message."""
        text = _PARAMETER.sub(r"{\1}", self.text).replace("%%", "%")
        values = {name: literal(value) for name, value in parameters.items()}
        return sql.SQL(text).format(**relations.compose(DEFAULT, schema), **values).as_string().encode()


def literal(value: object) -> sql.Composable:
    """A value as SQL, whatever session it goes to.

    Texts are quoted here: without a connection psycopg has libpq quote them, which takes them to be in the encoding of
    the connection that was made last, and replaces what is invalid there. Arrays hold names of ours, in ASCII.
    """
    if not isinstance(value, str):
        return sql.Literal(value)
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    # In the form that means the same with standard_conforming_strings on and off.
    return sql.SQL(f"E'{quoted}'" if "\\" in value else f"'{quoted}'")


def _without_parameters(part: sql.Composable) -> sql.Composable:
    """A part of a statement as it is sent: psycopg takes a percent sign in a name or a value for a parameter's."""
    return sql.SQL(part.as_string().replace("%", "%%"))


def parse(name: str, text: str) -> SqlStatement:
    """Read one file of `sql/`.

    Raises: ValueError when the header lacks a section or an entry cannot be read.
    """
    lines = text.splitlines()
    size = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header, body = lines[:size], lines[size:]
    sections = _sections(header)
    if header[:1] != [f"-- {name}.sql"] or tuple(sections) != SECTIONS:
        raise ValueError(f"sql/{name}.sql: the header must name the file, then {', '.join(SECTIONS)}")
    # DBAs meet this comment in pg_stat_activity.
    statement = f"/* outbox-exporter: {name} */\n{_compact(body)}"
    columns = _entries(name, sections["Columns"])
    placeholders = tuple(each for each in (*relations.TABLES, *relations.RELATIONS) if f"{{{each}}}" in statement)
    names = tuple(column.name for column in columns)
    return SqlStatement(name, statement, _entries(name, sections["Parameters"]), columns, names, placeholders)


def _compact(body: list[str]) -> str:
    """The statement without indentation and comments: psycopg parses one of more than 4096 bytes anew at every run."""
    lines = (line.strip() for line in body)
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def _sections(header: list[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in header[1:]:
        if match := _SECTION.match(line):
            lines = sections.setdefault(match["name"], [])
        elif sections:
            lines.append(line)
    return sections


def _entries(name: str, lines: list[str]) -> tuple[HeaderColumn, ...]:
    # Deeper lines continue the entry above.
    matches = [(line, _ENTRY.match(line)) for line in lines if not line.startswith("--    ")]
    if unreadable := [line for line, match in matches if match is None]:
        raise ValueError(f"sql/{name}.sql: cannot read the header line {unreadable[0]!r}")
    return tuple(HeaderColumn(m["name"], m["type"], m["null"] == " null") for _, m in matches if m)


@cache
def load(name: str) -> SqlStatement:
    """The statement in `sql/<name>.sql`."""
    return parse(name, resources.files("exporter").joinpath("sql", f"{name}.sql").read_text("utf-8"))


@lru_cache(maxsize=64)
def statement(
    name: str, schema: str, encoding: str = "utf-8", condition: str = "true", mapping: OutboxMapping = DEFAULT
) -> bytes:
    """The statement in `sql/<name>.sql` for the tables of `schema`, as it is sent; `condition` must hold besides.

    `encoding` is the session's, by its name in Python. A name that cannot be written in it is no table's name there.
    Cached: composing takes longer than the rest of a fetch.
    """
    comment, _, asked = load(name).compose(schema, mapping).as_string().partition("\n")
    text = f"{comment}\nSELECT answer.* FROM (\n{asked}\n) AS answer WHERE {condition.replace('%', '%%')}"
    return text.encode(encoding, "replace")


def names() -> tuple[str, ...]:
    """The names of all statements, scripts for people (`setup/`) not included."""
    files = resources.files("exporter").joinpath("sql").iterdir()
    return tuple(sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql")))
