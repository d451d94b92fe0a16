"""The guide's naming convention and best practices, as rules over the text of a migration.

Source: migrations reference, "Naming Convention", "Best Practices", "Migration Structure Template".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

_NAME = re.compile(r"(\d{14})_[a-z][a-z0-9]*(_[a-z0-9]+)+\.sql")
_HEADER = re.compile(
    r"-- =+\n-- (?P<title>\S.*)\n-- Purpose: \S.*\n(?:-- {2,}.*\n)*-- Date: (?P<date>\d{4}-\d{2}-\d{2})\n"
    r"-- Dependencies: (?P<dependencies>\S.*)\n"
)
_OBJECT = r"(?:(?:\w+|\"\w+\")\.)?\"?(?P<name>\w+)\"?"


def faults(name: str, text: str) -> list[str]:
    """The violations of the guide in a migration of that file name."""
    code = _code(text)
    return [*_naming(name, text), *_idempotence(code), *_security(code), *_comments(code)]


def _code(text: str) -> str:
    """Without comments, and without the bodies of functions and DO blocks."""
    text = re.sub(r"(\$\w*\$).*?\1", "$$ $$", text, flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text)


def _naming(name: str, text: str) -> Iterator[str]:
    match, header = _NAME.fullmatch(name), _HEADER.match(text)
    if match is None:
        yield "name: not YYYYMMDDHHMMSS_descriptive_name.sql"
    if header is None:
        yield "header: not the template's (title, purpose, date, dependencies)"
    if match is None or header is None:
        return
    try:
        at = datetime.strptime(match[1], "%Y%m%d%H%M%S")  # noqa: DTZ007 - the convention names no zone
    except ValueError:
        yield "name: no such time"
        return
    if f"{at:%Y-%m-%d}" != header["date"]:
        yield "header: another date than the name's"
    earlier = re.findall(r"(\d{14})_\w+\.sql", header["dependencies"])
    if any(version >= match[1] for version in earlier):
        yield "header: depends on a later migration"


def _idempotence(code: str) -> Iterator[str]:
    for kind in ("TABLE", "INDEX", "SCHEMA", "SEQUENCE", "EXTENSION"):
        for statement in re.findall(rf"CREATE (?:UNIQUE )?{kind}\b[^(;]*", code):
            if "IF NOT EXISTS" not in statement:
                yield f"not idempotent: {' '.join(statement.split())}"
    for kind in ("FUNCTION", "VIEW", "TRIGGER"):
        if re.search(rf"CREATE {kind}\b", code):
            yield f"not idempotent: CREATE {kind} without OR REPLACE"
    for policy in re.findall(r"CREATE POLICY (\w+) ON", code):
        if not re.search(rf"DROP POLICY IF EXISTS {policy} ON [^;]*;\s*CREATE POLICY {policy} ", code):
            yield f"not idempotent: policy {policy} is not dropped first"
    for statement in re.findall(r"DROP \w+ (?!IF EXISTS)[^;]*", code):
        yield f"not idempotent: {' '.join(statement.split())}"
    for statement in re.findall(r"ADD COLUMN (?!IF NOT EXISTS)\w+", code):
        yield f"not idempotent: {statement}"


def _security(code: str) -> Iterator[str]:
    for clause in re.findall(r"REFERENCES [^,;]*", code):
        if not re.search(r"ON DELETE (CASCADE|SET NULL|SET DEFAULT|RESTRICT|NO ACTION)", clause):
            yield f"no ON DELETE: {' '.join(clause.split())}"
    for table in _created(code, "TABLE"):
        if not re.search(rf"ALTER TABLE (\w+\.)?{table} ENABLE ROW LEVEL SECURITY", code):
            yield f"no row-level security in the same file: {table}"
        if not re.search(rf"CREATE POLICY \w+ ON (\w+\.)?{table}\b", code):
            yield f"no policy in the same file: {table}"
    for function in re.findall(r"CREATE OR REPLACE FUNCTION .*?\$\$ \$\$", code, re.DOTALL):
        if "SECURITY DEFINER" in function and not re.search(r"SET search_path = [^\n]*\bpg_temp\b", function):
            yield f"SECURITY DEFINER without a pinned search_path: {function.split('(')[0].split()[-1]}"


def _comments(code: str) -> Iterator[str]:
    for kind in ("TABLE", "FUNCTION"):
        for name in _created(code, kind):
            if not re.search(rf"COMMENT ON {kind} (\w+\.)?{name}\b", code):
                yield f"no comment: {name}"


def _created(code: str, kind: str) -> list[str]:
    pattern = rf"CREATE (?:OR REPLACE )?{kind} (?:IF NOT EXISTS )?{_OBJECT}"
    return [match["name"] for match in re.finditer(pattern, code)]
