"""The values that a condition, or a part of it, can have: functions from who asks, and whose row it is, to SQL values.

Booleans are True, False and None, as in SQL; texts, ids and JSON are told by what is written in them. What is not known
can be any value, so that every judgement about it can come out either way.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from itertools import product
from typing import TypeAlias

from exporter.migration import expected


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks (user and role of their token), and whose row it is: None for nobody."""

    user: str | None
    role: str | None
    owner: str | None

    @property
    def is_own(self) -> bool:
        """The row belongs to who asks."""
        return self.owner is not None and self.owner == self.user


class Any(Enum):
    """Any value at all, and the claims of a token: neither is equal to a value that is known."""

    VALUE = 1
    CLAIMS = 2


Values: TypeAlias = AbstractSet[object]
Term: TypeAlias = Callable[[Access], Values]
TRUTHS: Values = frozenset((True, False, None))
COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")

_TYPES = ("text", "uuid", "json", "jsonb", "character varying", "varchar", "name", "text[]", "character varying[]")


def anything(_: Access) -> Values:
    """Of what is not understood."""
    return frozenset((Any.VALUE,))


def unchanged(term: Term) -> Term:
    """The term itself."""
    return term


def constant(value: object) -> Term:
    """A literal."""
    return lambda _: frozenset((value,))


def truths(term: Term, case: Access) -> Values:
    """The truth values of a term: of what is not known to be a boolean, all three."""
    values = term(case)
    return TRUTHS if values - TRUTHS else values


def of(judge: Callable[..., object], *terms: Term) -> Term:
    """A judgement of known values, true or false; of others it is either."""

    def term(case: Access) -> Values:
        found: set[object] = set()
        for values in product(*(each(case) for each in terms)):
            known = not any(isinstance(value, Any) for value in values)
            found |= {judge(*values)} if known else {True, False}
        return found

    return term


def either(one: Term, other: Term) -> Term:
    """OR."""
    return negated(both(negated(one), negated(other)))


def both(one: Term, other: Term) -> Term:
    """AND."""

    def conjunction(left: object, right: object) -> object:
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    return lambda case: {conjunction(*pair) for pair in product(truths(one, case), truths(other, case))}


def negated(term: Term) -> Term:
    """NOT."""
    return lambda case: {None if value is None else not value for value in truths(term, case)}


def compared(sign: str, one: Term, others: list[Term], *, every: bool) -> Term:
    """A comparison with one of the others, or with every one. How values are ordered is not known here."""

    def judge(left: object, right: object) -> Values:
        if left is None or right is None:
            return {None}
        if sign not in ("=", "<>") or isinstance(left, Any) or isinstance(right, Any):
            return TRUTHS
        return {(left == right) is (sign == "=")}

    def with_one(other: Term) -> Term:
        return lambda case: {truth for pair in product(one(case), other(case)) for truth in judge(*pair)}

    return reduce(both if every else either, map(with_one, others))


def cast_to(name: str, term: Term) -> Term:
    """Texts, ids and JSON are told by what is written in them; other types are not known here."""
    return term if name.strip('"') in _TYPES else anything


def claim(sign: str, document: Term, key: Term) -> Term:
    """One claim of the caller's token, as text or as JSON."""

    def term(case: Access) -> Values:
        values = document(case)
        if values == {None}:
            return values
        if values - {None} != {Any.CLAIMS}:
            return anything(case)
        claims = {"sub": case.user, "role": case.role}
        name = "".join(str(each) for each in key(case)).strip("{}" if sign == "#>>" else "")
        if sign not in ("->>", "->", "#>>") or name not in claims:
            return anything(case)
        value = claims[name]
        return {f'"{value}"' if sign == "->" and value is not None else value}

    return term


def column(name: list[str]) -> Term:
    """A column by its name, qualified or not, or what is written like one."""
    if name[0].upper() in ("CURRENT_USER", "CURRENT_ROLE") and len(name) == 1:
        # The API takes on the role of the token, without one that of a stranger.
        return lambda case: {case.role or "anon"}
    if name[-1] == "user_id" and (len(name) == 1 or name[-2] in expected.TABLE_NAMES):
        return lambda case: {case.owner}
    return anything


def function(name: str, arguments: list[Term]) -> Term:
    """Supabase's functions about the caller, and the settings that they read."""
    if name == "coalesce":
        return _coalesce(arguments)
    if name == "nullif" and len(arguments) == 2:  # noqa: PLR2004 - as in SQL
        return lambda case: {None if {value} == arguments[1](case) else value for value in arguments[0](case)}
    if name == "current_setting":
        # Without the second argument it fails outside of a request.
        setting = "".join(str(value) for each in arguments[:1] for value in each(_NOBODY))
        return _settings.get(setting, anything) if len(arguments) == 2 else anything  # noqa: PLR2004
    return _functions.get(name, anything) if not arguments else anything


def _coalesce(arguments: list[Term]) -> Term:
    def term(case: Access) -> Values:
        found: set[object] = {None}
        for argument in arguments:
            if not found & {None, Any.VALUE}:
                break
            found = (found - {None}) | argument(case)
        return found

    return term


def _user(case: Access) -> Values:
    return {case.user}


def _role(case: Access) -> Values:
    return {case.role}


def _claims(case: Access) -> Values:
    return {Any.CLAIMS} if case.role or case.user else {None}


_NOBODY = Access(None, None, None)
_functions: dict[str, Term] = {"auth.uid": _user, "auth.role": _role, "auth.jwt": _claims}
_settings: dict[str, Term] = {
    "request.jwt.claims": _claims,
    "request.jwt.claim.sub": _user,
    "request.jwt.claim.role": _role,
}
