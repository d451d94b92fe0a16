"""The values of terms: SQL's three truth values, symbolic values, and the functions about the caller."""

from __future__ import annotations

import pytest

from exporter.migration.verify import terms
from exporter.migration.verify.terms import Access, SymbolicValue, Term

OWNER = Access("one", "authenticated", "one")
OTHER = Access("two", "authenticated", "one")
NO_TOKEN = Access(None, None, "one")
ANY = SymbolicValue.ANY
TRUE, FALSE, NULL, UNKNOWN = (*map(terms.constant, (True, False, None)), terms.any_value)
ALL = {True, False, None}


@pytest.mark.parametrize(
    ("access", "own"),
    [(OWNER, True), (OTHER, False), (NO_TOKEN, False), (Access(None, None, None), False)],
)
def test_a_row_belongs_to_its_owner(access, own):
    """A row without an owner has no owner for any caller, also for one without a user."""
    assert access.is_own is own


@pytest.mark.parametrize(
    ("left", "right", "conjunction", "disjunction"),
    [
        (TRUE, TRUE, {True}, {True}),
        (TRUE, FALSE, {False}, {True}),
        (FALSE, TRUE, {False}, {True}),
        (FALSE, FALSE, {False}, {False}),
        (TRUE, NULL, {None}, {True}),
        (NULL, TRUE, {None}, {True}),
        (FALSE, NULL, {False}, {None}),
        (NULL, FALSE, {False}, {None}),
        (NULL, NULL, {None}, {None}),
        (UNKNOWN, FALSE, {False}, ALL),
        (UNKNOWN, TRUE, ALL, {True}),
    ],
)
def test_truth_tables(left, right, conjunction, disjunction):
    """AND and OR as in SQL; a value that is not known can be any truth value."""
    assert terms.conjunction(left, right)(OWNER) == conjunction
    assert terms.disjunction(left, right)(OWNER) == disjunction


@pytest.mark.parametrize(("term", "negated"), [(TRUE, {False}), (FALSE, {True}), (NULL, {None}), (UNKNOWN, ALL)])
def test_negation(term, negated):
    """NOT NULL is NULL."""
    assert terms.negation(term)(OWNER) == negated


@pytest.mark.parametrize(
    ("sign", "left", "right", "values"),
    [
        ("=", "a", "a", {True}),
        ("=", "a", "b", {False}),
        ("<>", "a", "a", {False}),
        ("<>", "a", "b", {True}),
        ("<", "a", "b", ALL),
        (">=", "a", "a", ALL),
        ("=", None, "a", {None}),
        ("=", "a", None, {None}),
        ("<", None, "a", {None}),
        ("=", ANY, "a", ALL),
        ("=", "a", ANY, ALL),
    ],
)
def test_comparisons(sign, left, right, values):
    """Only equality is known; with NULL every comparison is NULL."""
    assert terms.comparison(sign, terms.constant(left), terms.constant(right))(OWNER) == values


def test_predicates_of_unknown_values():
    """True or false, never NULL."""
    is_null = terms.predicate(lambda value: value is None, UNKNOWN)
    assert is_null(OWNER) == {True, False}
    assert terms.predicate(lambda value: value is None, NULL)(OWNER) == {True}
    assert terms.predicate(lambda one, two: one != two, TRUE, FALSE)(OWNER) == {True}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("text", True),
        ("uuid", True),
        ("json", True),
        ("jsonb", True),
        ("character varying", True),
        ("varchar", True),
        ("name", True),
        ("text[]", True),
        ("character varying[]", True),
        ('"text"', True),
        ("integer", False),
        ("boolean", False),
    ],
)
def test_casts(name, kept):
    """Types whose values are represented by their text keep them."""
    assert terms.cast(name, terms.constant("1"))(OWNER) == ({"1"} if kept else {ANY})


@pytest.mark.parametrize(
    ("name", "access", "values"),
    [
        (["user_id"], OWNER, {"one"}),
        (["fsm_events", "user_id"], OWNER, {"one"}),
        (["other", "user_id"], OWNER, {ANY}),
        (["entity_id"], OWNER, {ANY}),
        (["CURRENT_USER"], OWNER, {"authenticated"}),
        (["current_role"], NO_TOKEN, {"anon"}),
        (["t", "current_user"], OWNER, {ANY}),
        (["current_user", "name"], OWNER, {ANY}),
    ],
)
def test_columns(name, access, values):
    """user_id is the owner of the row; CURRENT_USER is the role of the token, or anon."""
    assert terms.column(name)(access) == values


def call(name: str, *arguments: Term) -> Term:
    return terms.function(name, list(arguments))


@pytest.mark.parametrize(
    ("term", "values"),
    [
        (call("auth.uid"), {"two"}),
        (call("auth.role"), {"authenticated"}),
        (call("auth.jwt"), {SymbolicValue.CLAIMS}),
        (call("auth.uid", TRUE), {ANY}),
        (call("other"), {ANY}),
        (call("current_setting", terms.constant("request.jwt.claims"), TRUE), {SymbolicValue.CLAIMS}),
        (call("current_setting", terms.constant("request.jwt.claim.sub"), TRUE), {"two"}),
        (call("current_setting", terms.constant("request.jwt.claim.role"), TRUE), {"authenticated"}),
        (call("current_setting", terms.constant("request.jwt.claim.sub")), {ANY}),
        (call("current_setting", terms.constant("other"), TRUE), {ANY}),
        (call("another", terms.constant("request.jwt.claim.sub"), TRUE), {ANY}),
        (call("coalesce", NULL, terms.constant("a"), terms.constant("b")), {"a"}),
        (call("coalesce", UNKNOWN, terms.constant("a")), {ANY, "a"}),
        (call("coalesce", terms.constant("a"), UNKNOWN), {"a"}),
        (call("coalesce", NULL), {None}),
        (call("nullif", terms.constant("a"), terms.constant("a")), {None}),
        (call("nullif", terms.constant("a"), terms.constant("b")), {"a"}),
        (call("nullif", terms.constant("a")), {ANY}),
    ],
)
def test_functions(term, values):
    """The caller's user, role and claims, in Supabase's functions and in the settings that these read."""
    assert term(OTHER) == values


@pytest.mark.parametrize("access", [NO_TOKEN, Access(None, None, None)])
def test_without_a_token_there_are_no_claims(access):
    """auth.jwt() is NULL then, and so is every claim."""
    assert call("auth.jwt")(access) == {None}
    assert terms.json_operation("->>", call("auth.jwt"), terms.constant("role"))(access) == {None}


def test_a_token_with_a_user_or_a_role_has_claims():
    """One of the two suffices."""
    assert call("auth.jwt")(Access("one", None, None)) == {SymbolicValue.CLAIMS}
    assert call("auth.jwt")(Access(None, "anon", None)) == {SymbolicValue.CLAIMS}


@pytest.mark.parametrize(
    ("sign", "key", "values"),
    [
        ("->>", "sub", {"two"}),
        ("->>", "role", {"authenticated"}),
        ("->", "role", {'"authenticated"'}),
        ("#>>", "{role}", {"authenticated"}),
        ("->>", "{role}", {ANY}),
        ("->>", "email", {ANY}),
        ("#>", "{role}", {ANY}),
        ("||", "role", {ANY}),
    ],
)
def test_claims(sign, key, values):
    """As text or as JSON; other claims and operators are not known."""
    assert terms.json_operation(sign, call("auth.jwt"), terms.constant(key))(OTHER) == values


def test_a_claim_without_a_value_is_null():
    """Also as JSON: the claim is missing."""
    access = Access(None, "anon", None)
    for sign in ("->>", "->"):
        assert terms.json_operation(sign, call("auth.jwt"), terms.constant("sub"))(access) == {None}


def test_other_documents_are_not_known():
    """A column of JSON, and a constant."""
    for document in (UNKNOWN, terms.constant("{}")):
        assert terms.json_operation("->>", document, terms.constant("role"))(OTHER) == {ANY}
