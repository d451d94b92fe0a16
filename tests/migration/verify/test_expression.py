"""Parsing of conditions: precedence, casts, subqueries, and refused syntax."""

from __future__ import annotations

import pytest

from exporter.migration.verify.expression import UnreadableError, parse
from exporter.migration.verify.terms import Access, SymbolicValue

ACCESS = Access("one", "authenticated", "two")
ANY = SymbolicValue.ANY
ALL = {True, False, None}


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("true", {True}),
        ("FALSE", {False}),
        ("NULL", {None}),
        # AND before OR, NOT before AND, comparisons before NOT.
        ("true OR true AND false", {True}),
        ("(true OR true) AND false", {False}),
        ("NOT false AND false", {False}),
        ("NOT (false AND false)", {True}),
        ("NOT NOT true", {True}),
        ("NOT 'a' = 'b'", {True}),
        # IS after comparisons.
        ("'a' = 'a' IS TRUE", {True}),
        ("'a' = 'b' IS NOT TRUE", {True}),
        ("NULL IS NULL", {True}),
        ("'a' IS NOT NULL", {True}),
        ("NULL IS UNKNOWN", {True}),
        ("NULL = 'a' IS FALSE", {False}),
        ("'a' IS DISTINCT FROM 'b'", {True}),
        ("'a' IS NOT DISTINCT FROM 'a'", {True}),
        ("NULL IS NOT DISTINCT FROM NULL", {True}),
        # Comparisons, also with lists.
        ("'a' <> 'b'", {True}),
        ("'a' < 'b'", ALL),
        ("1 = 1", {True}),
        ("1.5 = 1", {False}),
        ("'a' = ANY (ARRAY['a', 'b'])", {True}),
        ("'c' = ANY (ARRAY['a'::text, 'b'::text])", {False}),
        ("'c' <> ALL (ARRAY['a', 'b'])", {True}),
        ("'a' <> ALL (ARRAY['a', 'b'])", {False}),
        ("'a' = ALL (ARRAY['a', 'b'])", {False}),
        ("'a' = ANY ((ARRAY['b', 'a'])::text[])", {True}),
        # Casts.
        ("'a'::text = 'a'", {True}),
        ("'a'::character varying(20)::text = 'a'", {True}),
        ("'a'::pg_catalog.text = 'a'", {True}),
        ("'{a}'::text[] = '{a}'", {True}),
        ("'2026-01-01'::timestamp with time zone = 'a'", ALL),
        ("'1'::integer = '1'", ALL),
        ("'1'::pg_catalog.int4 = '1'", ALL),
        # Names: columns, functions, settings.
        ("user_id = 'two'", {True}),
        ("\"user_id\" = 'two'", {True}),
        ("fsm_events.user_id = 'two'", {True}),
        ("auth.uid() = user_id", {False}),
        ("AUTH.UID() = 'one'", {True}),
        ("auth.jwt() ->> 'role' = 'authenticated'", {True}),
        ("(auth.jwt() ->> 'role'::text) = 'authenticated'::text", {True}),
        ("auth.jwt() #>> '{sub}' = 'one'", {True}),
        ("COALESCE(auth.jwt() ->> 'role', '') = 'authenticated'", {True}),
        ("CURRENT_USER = 'authenticated'", {True}),
        # Subqueries for one value.
        ("( SELECT auth.uid() AS uid) = 'one'", {True}),
        ("( SELECT 'a' = 'a')", {True}),
        # Parts that are not understood can have any value; the others are known all the same.
        ("(EXISTS ( SELECT 1 FROM t WHERE (a = b)))", {ANY}),
        ("( SELECT x FROM t LIMIT 1) = 'a' OR true", {True}),
        ("f(SELECT 1 FROM t) = 'a' AND false", {False}),
        ("entity_id = 'a'", ALL),
        ("'it''s' = 'it''s'", {True}),
    ],
)
def test_values(condition, values):
    """The values of a condition for one access."""
    term, _ = parse(condition)
    assert term(ACCESS) == values


@pytest.mark.parametrize(
    ("condition", "literals"),
    [
        ("true", set()),
        ("user_id = 'one'::uuid", {"one"}),
        ("role = ANY (ARRAY['a', 'b'])", {"a", "b"}),
        ("name = 'it''s'", {"it's"}),
        ("age > 18", set()),
    ],
)
def test_literals(condition, literals):
    """All texts, without their quotes; no numbers."""
    assert parse(condition)[1] == literals


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "true AND",
        "true true",
        "(true",
        "true)",
        "NOT",
        "'a' =",
        "'a' IS",
        "'a' IS 'b'",
        "'a' IS DISTINCT 'b'",
        "'a' = ANY 'b'",
        "'a' = ANY (ARRAY['b')",
        "'a' = ANY (ARRAY['b'",
        "'a' = ANY (ARRAY[])",
        "'a'::",
        "E'a' = 'a'",
        "CASE WHEN true THEN true END",
        "ARRAY['a'] = x",
        "ROW(1) = x",
        "INTERVAL '1 day' = x",
        "SELECT true",
        "'a' = ;",
        "f(",
    ],
)
def test_unsupported_expressions(condition):
    """Rather an error than a wrong meaning."""
    with pytest.raises(UnreadableError):
        parse(condition)
