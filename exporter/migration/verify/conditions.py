"""The rows that the condition of a row-level security policy shows, by its meaning rather than its spelling.

A condition is parsed into a function from an `Access` (caller and owner of the row) to the values that it can have. It
is evaluated for every kind of caller and row: rows are shown certainly, perhaps, or never.
"""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import product

from exporter.migration.verify.expression import UnreadableError, parse
from exporter.migration.verify.terms import Access, Term, Values, truth_values

# Roles that any caller of the API may have (Supabase, "Postgres Roles"); None for a caller without a token.
_OUTSIDERS = (None, "anon", "authenticated")
# It bypasses row-level security, so what a policy shows to it does not matter.
_SERVICE = "service_role"
# The number of cases grows with the square of the number of ids.
_MAX_LITERALS = 20
_ID = re.compile("[0-9a-fA-F-]{32,36}")
_ONE, _OTHER = "one user", "another user"


class RowVisibility(Enum):
    """Whether rows are shown. PERHAPS: some of them, or under a condition that is not understood."""

    CERTAINLY = 1
    PERHAPS = 2
    NEVER = 3


@dataclass(frozen=True, slots=True)
class ConditionVisibility:
    """The rows that a condition shows.

    `own`: to signed-in users their own rows; CERTAINLY means all of them. `others`: to any caller of the API rows that
    are not theirs; CERTAINLY means at least one.
    """

    own: RowVisibility
    others: RowVisibility


_UNKNOWN = ConditionVisibility(RowVisibility.PERHAPS, RowVisibility.PERHAPS)


def visible_rows(condition: str) -> ConditionVisibility:
    """The rows that a condition shows; PERHAPS for a condition that is not understood."""
    try:
        term, literals = parse(condition)
        return _evaluate(term, literals) if len(literals) <= _MAX_LITERALS else _UNKNOWN
    except (UnreadableError, RecursionError):
        return _UNKNOWN


def _evaluate(term: Term, literals: AbstractSet[str]) -> ConditionVisibility:
    own = [truth_values(term, each) for each in _accesses(literals) if each.is_own and each.role == "authenticated"]
    others = [each for each in _accesses(literals) if not each.is_own]
    # A signed-in user has the role authenticated; another token with a user is possible, but not common.
    common = [truth_values(term, each) for each in others if each.user is None or each.role == "authenticated"]
    # A role that the condition names may be meant to see more, which only people can decide.
    special = literals - {*_OUTSIDERS, _SERVICE, ""}
    possible = [truth_values(term, each) for each in (*others, *_accesses(literals, special)) if not each.is_own]
    return ConditionVisibility(
        own=_summary(certainly=all(values == {True} for values in own), possible=own),
        others=_summary(certainly=any(values == {True} for values in common), possible=possible),
    )


def _summary(*, certainly: bool, possible: Iterable[Values]) -> RowVisibility:
    if certainly:
        return RowVisibility.CERTAINLY
    return RowVisibility.PERHAPS if any(True in values for values in possible) else RowVisibility.NEVER


def _accesses(literals: AbstractSet[str], roles: Iterable[str | None] = _OUTSIDERS) -> Iterator[Access]:
    """Every kind of caller and row that the condition can distinguish."""
    users: tuple[str | None, ...] = (None, _ONE, *filter(_ID.fullmatch, literals))
    for role, user, owner in product(roles, users, (*users, _OTHER)):
        yield Access(user, role, owner)
