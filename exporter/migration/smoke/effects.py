"""Effects of triggers and functions outside the transaction, which a rollback does not undo.

Found by their source: dynamic SQL may hide an effect, so only patterns that are known here, and code that cannot be
read, are reported. NOTIFY, pg_net and pg_cron act at COMMIT, so a rollback undoes them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.migration.sql_text import without_comments

# Each acts at once, whether the transaction is committed or not.
_OUTSIDE = {
    "dblink": r"\bdblink\w*\s*\(",
    "HTTP": r"(?<!net\.)\bhttp(_get|_post|_put|_patch|_delete|_head)?\s*\(",
    "COPY to a program or file": r"\bcopy\b[^;]*\b(to|from)\s+(program\b|')",
    "a file of the server": r"\b(lo_export|pg_file_write|pg_file_unlink)\s*\(",
    "a background worker": r"\b(pg_background_launch|pg_task)\w*\s*\(",
    "an external service": r"\b(aws_lambda\.invoke|aws_s3\.\w+)\s*\(",
    "a message into the WAL at once": r"\bpg_logical_emit_message\s*\(\s*false",
    "a statistics reset or signal": r"\b(pg_terminate_backend|pg_cancel_backend|pg_reload_conf)\s*\(",
}
_AT_COMMIT = {
    "NOTIFY": r"\bnotify\b|\bpg_notify\s*\(",
    "pg_net": r"\bnet\.http_\w+\s*\(",
    "pg_cron": r"\bcron\.\w*schedule\w*\s*\(",
}
# Languages whose source is in the database and can be read here.
_READABLE = ("sql", "plpgsql", "internal")
# Trigger functions in C of PostgreSQL's own modules, which change only the row (documentation, "spi").
_HARMLESS_IN_C = ("autoinc", "insert_username", "moddatetime", "check_primary_key", "check_foreign_key", "lo_manage")

_CALL = re.compile(r"\b([a-z_][a-z0-9_$]*)\s*\(", re.IGNORECASE)
_MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """One row of sql/migration/smoke_functions.sql."""

    function: str
    language: str
    body: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """One row of sql/migration/smoke_triggers.sql."""

    trigger: str
    function: str
    language: str
    body: str


@dataclass(frozen=True, slots=True)
class SideEffect:
    """An effect of `source`, the name of a trigger or function; `outside`: a rollback does not undo it."""

    source: str
    kind: str
    outside: bool


FunctionLookup = Callable[[Sequence[str]], Iterable[FunctionSource]]


def effects(roots: Iterable[tuple[str, FunctionSource]], lookup: FunctionLookup) -> tuple[SideEffect, ...]:
    """The effects of the roots, each a name and its code, and of the functions that they call, five calls deep.

    `lookup` returns the functions of the given names.
    """
    return tuple(dict.fromkeys(effect for name, code in roots for effect in _effects_of(name, code, lookup)))


def _effects_of(name: str, root: FunctionSource, lookup: FunctionLookup) -> Iterator[SideEffect]:
    known = {root.function}
    level: Sequence[FunctionSource] = [root]
    for _ in range(_MAX_DEPTH):
        for code in level:
            yield from _effects_in(name, code)
        called = {call for code in level for call in _calls(code)} - known
        known |= called
        level = list(lookup(sorted(called))) if called else []


def _effects_in(name: str, code: FunctionSource) -> Iterator[SideEffect]:
    via = "" if name == code.function else f" ({code.function})"
    if code.language not in _READABLE:
        if code.function not in _HARMLESS_IN_C:
            yield SideEffect(name, f"cannot be read: written in {code.language}{via}", outside=True)
        return
    text = without_comments(code.body)
    for patterns, outside in ((_OUTSIDE, True), (_AT_COMMIT, False)):
        for kind, pattern in patterns.items():
            if re.search(pattern, text, re.IGNORECASE):
                yield SideEffect(name, f"{kind}{via}", outside)


def _calls(code: FunctionSource) -> set[str]:
    if code.language not in ("sql", "plpgsql"):
        return set()
    return {name.lower() for name in _CALL.findall(without_comments(code.body))}
