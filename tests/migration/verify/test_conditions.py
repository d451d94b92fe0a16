"""The rows that conditions of policies show, in any spelling, compared with PostgreSQL itself."""

from __future__ import annotations

import json
import random

import psycopg
import pytest

from exporter.migration.verify.conditions import ConditionVisibility, RowVisibility, visible_rows

CERTAINLY, PERHAPS, NEVER = RowVisibility.CERTAINLY, RowVisibility.PERHAPS, RowVisibility.NEVER

OWN_ROWS = (
    "(user_id = auth.uid())",
    "(auth.uid() = user_id)",
    "(user_id = ( SELECT auth.uid() AS uid))",
    "(( SELECT auth.uid() AS uid) = user_id)",
    "( SELECT (auth.uid() = fsm_events.user_id))",
    "((auth.uid() IS NOT NULL) AND (auth.uid() = user_id))",
    "((auth.uid())::text = (user_id)::text)",
    "(user_id = (((current_setting('request.jwt.claims'::text, true))::json ->> 'sub'::text))::uuid)",
    "(user_id = (NULLIF(current_setting('request.jwt.claim.sub'::text, true), ''::text))::uuid)",
    "((auth.role() = 'authenticated'::text) AND (user_id = auth.uid()))",
    "(NOT (user_id <> auth.uid()))",
    "COALESCE((user_id = auth.uid()), false)",
    "((user_id = auth.uid()) OR false)",
)
# Who holds the service's token sees every row anyway.
OR_THE_SERVICE = (
    "((auth.uid() = user_id) OR ((auth.jwt() ->> 'role'::text) = 'service_role'::text))",
    "(((auth.jwt() ->> 'role'::text) = 'service_role'::text) OR (user_id = auth.uid()))",
    "(('service_role'::text = (auth.jwt() ->> 'role'::text)) OR (user_id = auth.uid()))",
    "((( SELECT auth.uid() AS uid) = user_id) OR (( SELECT (auth.jwt() ->> 'role'::text)) = 'service_role'::text))",
    (
        "((( SELECT auth.uid() AS uid) = user_id) OR "
        "((( SELECT auth.jwt() AS jwt) ->> 'role'::text) = 'service_role'::text))"
    ),
    "((auth.uid() = user_id) OR (COALESCE((auth.jwt() ->> 'role'::text), ''::text) = 'service_role'::text))",
    (
        "((auth.uid() = user_id) OR "
        "(((current_setting('request.jwt.claims'::text, true))::jsonb ->> 'role'::text) = 'service_role'::text))"
    ),
    "((auth.uid() = user_id) OR (current_setting('request.jwt.claim.role'::text, true) = 'service_role'::text))",
    "((auth.uid() = user_id) OR ((auth.jwt() #>> '{role}'::text[]) = 'service_role'::text))",
    "((auth.uid() = user_id) OR ((auth.jwt() -> 'role'::text) = '\"service_role\"'::jsonb))",
    "((auth.uid() = user_id) OR (auth.role() = 'service_role'::text))",
    "((auth.uid() = user_id) OR (CURRENT_USER = 'service_role'::name))",
    "((auth.uid() = user_id) OR ((auth.jwt() ->> 'role'::text) = ANY (ARRAY['service_role'::text])))",
)
OTHERS = {
    "true": ConditionVisibility(CERTAINLY, CERTAINLY),
    "(1 = 1)": ConditionVisibility(CERTAINLY, CERTAINLY),
    "((user_id = auth.uid()) OR true)": ConditionVisibility(CERTAINLY, CERTAINLY),
    "(auth.uid() IS NOT NULL)": ConditionVisibility(CERTAINLY, CERTAINLY),
    "(auth.role() = 'authenticated'::text)": ConditionVisibility(CERTAINLY, CERTAINLY),
    "((auth.jwt() ->> 'role'::text) <> 'anon'::text)": ConditionVisibility(CERTAINLY, CERTAINLY),
    "((auth.jwt() ->> 'role'::text) = ANY (ARRAY['service_role'::text, 'anon'::text]))": ConditionVisibility(
        NEVER, CERTAINLY
    ),
    "(NOT (user_id IS DISTINCT FROM auth.uid()))": ConditionVisibility(CERTAINLY, CERTAINLY),
    "((user_id = auth.uid()) OR (user_id IS NULL))": ConditionVisibility(CERTAINLY, CERTAINLY),
    "(user_id <> auth.uid())": ConditionVisibility(NEVER, CERTAINLY),
    "(user_id = '00000000-0000-0000-0000-00000000000a'::uuid)": ConditionVisibility(PERHAPS, CERTAINLY),
    "false": ConditionVisibility(NEVER, NEVER),
    "(1 = 0)": ConditionVisibility(NEVER, NEVER),
    "((user_id = auth.uid()) AND false)": ConditionVisibility(NEVER, NEVER),
    "((user_id = auth.uid()) AND ((auth.jwt() ->> 'role'::text) = 'service_role'::text))": ConditionVisibility(
        NEVER, NEVER
    ),
    "((auth.jwt() ->> 'role'::text) = 'service_role'::text)": ConditionVisibility(NEVER, NEVER),
    # Roles of the application, claims of users, other columns, functions, subqueries: people have to decide.
    "((user_id = auth.uid()) OR ((auth.jwt() ->> 'role'::text) = 'admin'::text))": ConditionVisibility(
        CERTAINLY, PERHAPS
    ),
    "((user_id = auth.uid()) OR ((auth.jwt() ->> 'user_role'::text) = 'admin'::text))": ConditionVisibility(
        CERTAINLY, PERHAPS
    ),
    (
        "((user_id = auth.uid()) OR (((auth.jwt() -> 'user_metadata'::text) ->> 'role'::text) = 'service_role'::text))"
    ): ConditionVisibility(CERTAINLY, PERHAPS),
    "((user_id = auth.uid()) OR ((event_type)::text = 'PUBLIC'::text))": ConditionVisibility(CERTAINLY, PERHAPS),
    "((user_id = auth.uid()) AND ((event_type)::text ~~ 'FSM%'::text))": ConditionVisibility(PERHAPS, NEVER),
    "((user_id = auth.uid()) OR is_admin(auth.uid()))": ConditionVisibility(CERTAINLY, PERHAPS),
    "((user_id = auth.uid()) OR (EXISTS ( SELECT 1 FROM t WHERE (t.id = auth.uid()))))": ConditionVisibility(
        CERTAINLY, PERHAPS
    ),
    "(entity_id = auth.uid())": ConditionVisibility(PERHAPS, PERHAPS),
    "CASE WHEN (user_id = auth.uid()) THEN true ELSE false END": ConditionVisibility(PERHAPS, PERHAPS),
    "((user_id = auth.uid()) OR (created_at > (now() - '01:00:00'::interval)))": ConditionVisibility(
        CERTAINLY, PERHAPS
    ),
    "((user_id = auth.uid()) OR (auth.email() = 'a@b.c'::text))": ConditionVisibility(CERTAINLY, PERHAPS),
    "unknown syntax": ConditionVisibility(PERHAPS, PERHAPS),
    "(" * 500 + "true" + ")" * 500: ConditionVisibility(PERHAPS, PERHAPS),
    "(user_id = ANY (ARRAY[" + ", ".join(f"'{n}'::uuid" for n in range(50)) + "]))": ConditionVisibility(
        PERHAPS, PERHAPS
    ),
    # Too many texts to try every kind of caller.
    "(user_id = ANY (ARRAY[" + ", ".join(f"'{n}'::uuid" for n in range(21)) + "]))": ConditionVisibility(
        PERHAPS, PERHAPS
    ),
    "(user_id = ANY (ARRAY[" + ", ".join(f"'{n}'::uuid" for n in range(20)) + "]))": ConditionVisibility(NEVER, NEVER),
    # A signed-in user with another role than authenticated is possible, but not common.
    "((auth.uid() IS NOT NULL) AND (auth.role() = 'anon'::text))": ConditionVisibility(NEVER, PERHAPS),
    "(auth.role() = 'anon'::text)": ConditionVisibility(NEVER, CERTAINLY),
    "(auth.role() IS NULL)": ConditionVisibility(NEVER, CERTAINLY),
}


@pytest.mark.parametrize("condition", [*OWN_ROWS, *OR_THE_SERVICE])
def test_own_rows_in_any_spelling(condition):
    """All own rows, and no others."""
    assert visible_rows(condition) == ConditionVisibility(CERTAINLY, NEVER)


@pytest.mark.parametrize("condition", OTHERS)
def test_different_conditions(condition):
    """Certain either way where it can be read, else left to people."""
    assert visible_rows(condition) == OTHERS[condition]


# --- as PostgreSQL applies them

A, B = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "ab")
CALLERS = (
    (None, None),
    ("anon", None),
    ("authenticated", None),
    ("authenticated", A),
    ("authenticated", B),
)


def written(rng: random.Random, depth: int = 3) -> str:
    """A condition at random, of the parts that policies are made of."""
    if depth == 0 or rng.random() < 0.2:
        uid = rng.choice(("auth.uid()", "(SELECT auth.uid())", "(auth.jwt() ->> 'sub')::uuid"))
        role = rng.choice(("auth.jwt() ->> 'role'", "COALESCE(auth.jwt() ->> 'role', 'anon')"))
        return rng.choice(
            (
                f"user_id = {uid}",
                f"{uid} <> user_id",
                f"user_id IS NOT DISTINCT FROM {uid}",
                f"({role}) = '{rng.choice(('service_role', 'authenticated', 'anon'))}'",
                f"({role}) IN ('service_role', 'anon')",
                f"({role}) NOT IN ('service_role', 'anon')",
                f"{uid} IS NULL",
                "user_id IS NOT NULL",
                "event_type = 'x'",
                f"user_id = '{A}'",
                "true",
                "false",
            )
        )
    one, other = written(rng, depth - 1), written(rng, depth - 1)
    return rng.choice((f"({one}) AND ({other})", f"({one}) OR ({other})", f"NOT ({one})", f"({one}) IS TRUE"))


def printed(connection: psycopg.Connection, condition: str) -> str:
    """The condition as pg_policy gives it back."""
    connection.execute("DROP POLICY IF EXISTS tried ON fsm_events")
    connection.execute(f"CREATE POLICY tried ON fsm_events FOR SELECT USING ({condition})".encode())
    row = connection.execute(
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'tried'"
        " AND set_config('search_path', 'pg_catalog, pg_temp', true) <> ''"
    ).fetchone()
    assert row is not None
    return str(row[0])


def shown(connection: psycopg.Connection, condition: str, role: str | None, user: str | None) -> set[tuple[str, str]]:
    """Owner and type of the events that the condition lets this caller see."""
    claims = {name: value for name, value in (("role", role), ("sub", user)) if value}
    connection.execute("SELECT set_config('request.jwt.claims', %s, false)", (json.dumps(claims) if claims else "",))
    events = f"(VALUES ('{A}'::uuid, 'x'), ('{A}', 'y'), ('{B}', 'x'), ('{B}', 'y'), (NULL, 'x'), (NULL, 'y'))"
    query = f"SELECT coalesce(user_id::text, ''), event_type FROM {events} AS e (user_id, event_type) WHERE {condition}"
    return set(connection.execute(query.encode()).fetchall())


@pytest.mark.parametrize("seed", range(10))
def test_postgresql_agrees(embedded_database, seed):
    """A certain result holds for every caller and row of a real server, in 30 conditions at random."""
    rng = random.Random(seed)
    with embedded_database.connect() as connection:
        for _ in range(30):
            condition = written(rng)
            shown_rows = visible_rows(printed(connection, condition))
            leaks = False
            for role, user in CALLERS:
                rows = shown(connection, condition, role, user)
                own = {(owner, kind) for owner, kind in rows if owner and owner == user}
                if role == "authenticated" and user:
                    assert shown_rows.own is not CERTAINLY or len(own) == 2, (condition, role, user)
                    assert shown_rows.own is not NEVER or not own, (condition, role, user)
                assert shown_rows.others is not NEVER or rows == own, (condition, role, user)
                leaks |= rows != own
            assert shown_rows.others is not CERTAINLY or leaks, condition
