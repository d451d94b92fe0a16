"""The values that a condition, or a part of it, can have: functions from an `Access` to a set of SQL values.

Booleans are True, False and None, as in SQL. Texts, ids and JSON are represented by their text. A part that is not
understood can have any value, so that every test of it can be true or false.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import TypeAlias

from exporter.migration import expected


@dataclass(frozen=True, slots=True)
class Access:
    """A caller (user and role of their token) and the owner of the row; None for no user, no token, no owner."""

    user: str | None
    role: str | None
    owner: str | None

    @property
    def is_own(self) -> bool:
        """The row belongs to the caller."""
        return self.owner is not None and self.owner == self.user


class SymbolicValue(Enum):
    """A value that is not known, and the claims of the caller's token; neither is equal to a known value."""

    ANY = 1
    CLAIMS = 2


Values: TypeAlias = AbstractSet[object]
Term: TypeAlias = Callable[[Access], Values]
TRUTH_VALUES: Values = frozenset((True, False, None))
COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")

_TEXT_TYPES = ("text", "uuid", "json", "jsonb", "character varying", "varchar", "name", "text[]", "character varying[]")


def any_value(_: Access) -> Values:
    """A part that is not understood."""
    return frozenset((SymbolicValue.ANY,))


def constant(value: object) -> Term:
    """A literal."""
    return lambda _: frozenset((value,))


def truth_values(term: Term, access: Access) -> Values:
    """The truth values that a term can have; all three if it is not known to be a boolean."""
    values = term(access)
    return TRUTH_VALUES if values - TRUTH_VALUES else values


def predicate(test: Callable[..., object], *terms: Term) -> Term:
    """A test of the values of terms; its result can be true or false where one of them is not known."""

    def term(access: Access) -> Values:
        found: set[object] = set()
        for values in product(*(each(access) for each in terms)):
            known = not any(isinstance(value, SymbolicValue) for value in values)
            found |= {test(*values)} if known else {True, False}
        return found

    return term


def disjunction(one: Term, other: Term) -> Term:
    """OR."""
    return negation(conjunction(negation(one), negation(other)))


def conjunction(one: Term, other: Term) -> Term:
    """AND."""

    def both(left: object, right: object) -> object:
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    return lambda access: {both(*pair) for pair in product(truth_values(one, access), truth_values(other, access))}


def negation(term: Term) -> Term:
    """NOT."""
    return lambda access: {None if value is None else not value for value in truth_values(term, access)}


def comparison(sign: str, one: Term, other: Term) -> Term:
    """A comparison by one of COMPARISONS. The order of values is not known here: `<` can have any truth value."""

    def compare(left: object, right: object) -> Values:
        if left is None or right is None:
            return {None}
        if sign not in ("=", "<>") or isinstance(left, SymbolicValue) or isinstance(right, SymbolicValue):
            return TRUTH_VALUES
        return {(left == right) is (sign == "=")}

    return lambda access: {truth for pair in product(one(access), other(access)) for truth in compare(*pair)}


def cast(type_name: str, term: Term) -> Term:
    """The term itself for types whose values are represented by their text; any value for others."""
    return term if type_name.strip('"') in _TEXT_TYPES else any_value


def json_operation(sign: str, document: Term, key: Term) -> Term:
    """An operator on JSON: a claim of the caller's token, as text or as JSON; any value for other documents."""

    def term(access: Access) -> Values:
        values = document(access)
        if values == {None}:
            return values
        if values - {None} != {SymbolicValue.CLAIMS}:
            return any_value(access)
        claims = {"sub": access.user, "role": access.role}
        name = "".join(str(each) for each in key(access)).strip("{}" if sign == "#>>" else "")
        if sign not in ("->>", "->", "#>>") or name not in claims:
            return any_value(access)
        value = claims[name]
        return {f'"{value}"' if sign == "->" and value is not None else value}

    return term


def column(name: list[str]) -> Term:
    """A column by its parts, qualified or not, or a word that is written like a column."""
    if name[0].upper() in ("CURRENT_USER", "CURRENT_ROLE") and len(name) == 1:
        # The API assumes the role of the token, and the role anon without one.
        return lambda access: {access.role or "anon"}
    if name[-1] == "user_id" and (len(name) == 1 or name[-2] in expected.TABLE_NAMES):
        return lambda access: {access.owner}
    return any_value


def function(name: str, arguments: list[Term]) -> Term:
    """A call: Supabase's functions about the caller, and the settings that they read; any value for others."""
    if name == "coalesce":
        return _coalesce(arguments)
    if name == "nullif" and len(arguments) == 2:  # noqa: PLR2004 - as in SQL
        return lambda access: {None if {value} == arguments[1](access) else value for value in arguments[0](access)}
    if name == "current_setting" and len(arguments) == 2:  # noqa: PLR2004 - with one it fails outside of a request
        setting = "".join(map(str, arguments[0](Access(None, None, None))))
        return _SETTINGS.get(setting, any_value)
    return _FUNCTIONS.get(name, any_value) if not arguments else any_value


def _coalesce(arguments: list[Term]) -> Term:
    def term(access: Access) -> Values:
        found: set[object] = {None}
        for argument in arguments:
            if not found & {None, SymbolicValue.ANY}:
                break
            found = (found - {None}) | argument(access)
        return found

    return term


def _claims(access: Access) -> Values:
    return {SymbolicValue.CLAIMS} if access.role or access.user else {None}


_FUNCTIONS: dict[str, Term] = {
    "auth.uid": lambda access: {access.user},
    "auth.role": lambda access: {access.role},
    "auth.jwt": _claims,
}
_SETTINGS: dict[str, Term] = {
    "request.jwt.claims": _claims,
    "request.jwt.claim.sub": lambda access: {access.user},
    "request.jwt.claim.role": lambda access: {access.role},
}
