"""What triggers and functions do outside the transaction, so that a rollback does not undo it.

Judged by their source: a text can hide what it does (dynamic SQL), so this names what it recognises and what it
cannot read. NOTIFY, pg_net and pg_cron wait for COMMIT: with a rollback nothing of theirs happens.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

# Each reaches out at once, whatever becomes of the transaction.
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
_HELD_BACK = {
    "NOTIFY": r"\bnotify\b|\bpg_notify\s*\(",
    "pg_net": r"\bnet\.http_\w+\s*\(",
    "pg_cron": r"\bcron\.\w*schedule\w*\s*\(",
}
# Languages whose source is kept in the database and can be read here.
_READABLE = ("sql", "plpgsql", "internal")
# Trigger functions in C of PostgreSQL's own modules, which touch nothing but the row (documentation, "spi").
_HARMLESS_IN_C = ("autoinc", "insert_username", "moddatetime", "check_primary_key", "check_foreign_key", "lo_manage")

_CALL = re.compile(r"\b([a-z_][a-z0-9_$]*)\s*\(", re.IGNORECASE)
_MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """A function: one row of sql/migration/smoke_functions.sql."""

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
    """Something that `what` (a trigger, a function) does; `outside` when a rollback does not undo it."""

    what: str
    how: str
    outside: bool


Lookup = Callable[[Sequence[str]], Iterable[FunctionSource]]


def effects(roots: Iterable[tuple[str, FunctionSource]], lookup: Lookup) -> tuple[SideEffect, ...]:
    """What these named pieces of code do, and the functions that they call; `lookup` finds functions by name."""
    return tuple(dict.fromkeys(effect for name, code in roots for effect in _of(name, code, lookup)))


def _of(name: str, root: FunctionSource, lookup: Lookup) -> Iterator[SideEffect]:
    known = {root.function}
    level: Sequence[FunctionSource] = [root]
    for _ in range(_MAX_DEPTH):
        for code in level:
            yield from _seen(name, code)
        called = {call for code in level for call in _calls(code)} - known
        known |= called
        level = list(lookup(sorted(called))) if called else []


def _seen(name: str, code: FunctionSource) -> Iterator[SideEffect]:
    via = "" if name == code.function else f" ({code.function})"
    if code.language not in _READABLE:
        if code.function not in _HARMLESS_IN_C:
            yield SideEffect(name, f"cannot be read: written in {code.language}{via}", outside=True)
        return
    text = _without_comments(code.body)
    for patterns, outside in ((_OUTSIDE, True), (_HELD_BACK, False)):
        for how, pattern in patterns.items():
            if re.search(pattern, text, re.IGNORECASE):
                yield SideEffect(name, f"{how}{via}", outside)


def _calls(code: FunctionSource) -> set[str]:
    if code.language not in ("sql", "plpgsql"):
        return set()
    return {name.lower() for name in _CALL.findall(_without_comments(code.body))}


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
