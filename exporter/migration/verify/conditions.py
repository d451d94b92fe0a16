"""What the condition of a row-level security policy admits, by its meaning and not by its spelling.

A condition, as PostgreSQL prints it, is read into a function from who asks (their user, their role) and whose row it is
to the values that the condition can have; what is not understood can have any. Asked about every kind of caller and
row, it says whose rows are shown: for certain, perhaps, or never.
"""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import product

from exporter.migration.verify.expression import UnreadableError, parse
from exporter.migration.verify.terms import Access, Term, Values, truths

# Roles that anybody may come in with (Supabase, "Postgres Roles"); None for a caller without a token.
_OUTSIDERS = (None, "anon", "authenticated")
# It bypasses row-level security: what a policy shows it does not matter.
_SERVICE = "service_role"
# Each id makes more kinds of callers and rows to ask about, by the second power.
_MOST_LITERALS = 20
_ID = re.compile("[0-9a-fA-F-]{32,36}")
_ONE, _OTHER = "one user", "another user"


class RowVisibility(Enum):
    """Whether rows are shown. PERHAPS: some of them, or under a condition that is not understood."""

    CERTAINLY = 1
    PERHAPS = 2
    NEVER = 3


@dataclass(frozen=True, slots=True)
class ConditionVisibility:
    """What a condition shows.

    `own`: to signed-in users their own rows; CERTAINLY means all of them. `others`: to anybody from outside rows that
    are not theirs; CERTAINLY means at least one.
    """

    own: RowVisibility
    others: RowVisibility


def visible_rows(condition: str) -> ConditionVisibility:
    """Whose rows a condition shows. What cannot be read shows nothing for certain and everything perhaps."""
    try:
        term, literals = parse(condition)
        return _judged(term, literals) if len(literals) <= _MOST_LITERALS else _UNKNOWN
    except (UnreadableError, RecursionError):
        return _UNKNOWN


_UNKNOWN = ConditionVisibility(RowVisibility.PERHAPS, RowVisibility.PERHAPS)


def _judged(term: Term, literals: AbstractSet[str]) -> ConditionVisibility:
    own = [truths(term, case) for case in _cases(literals) if case.is_own and case.role == "authenticated"]
    # A role of one's own that a condition names may see more, which only people can judge.
    special = literals - {*_OUTSIDERS, _SERVICE, ""}
    others = [case for case in _cases(literals) if not case.is_own]
    # Who is signed in has the role authenticated: any other token with a user is no common one.
    common = [truths(term, case) for case in others if case.user is None or case.role == "authenticated"]
    all_others = (truths(term, case) for case in (*others, *_cases(literals, special)) if not case.is_own)
    return ConditionVisibility(_own(own), _others(common, all_others))


def _own(answers: Iterable[Values]) -> RowVisibility:
    known = list(answers)
    if all(values == {True} for values in known):
        return RowVisibility.CERTAINLY
    return RowVisibility.PERHAPS if any(True in values for values in known) else RowVisibility.NEVER


def _others(common: Iterable[Values], all_others: Iterable[Values]) -> RowVisibility:
    if any(values == {True} for values in common):
        return RowVisibility.CERTAINLY
    return RowVisibility.PERHAPS if any(True in values for values in all_others) else RowVisibility.NEVER


def _cases(literals: AbstractSet[str], roles: Iterable[str | None] = _OUTSIDERS) -> Iterator[Access]:
    """Every kind of caller and row that the condition can tell apart."""
    users: tuple[str | None, ...] = (None, _ONE, *filter(_ID.fullmatch, literals))
    for role, user, owner in product(roles, users, (*users, _OTHER)):
        yield Access(user, role, owner)
