"""Shared helpers of a smoke test's steps: calls for the test course, roles, and actions that are rolled back."""

from __future__ import annotations

import pytest

from exporter.core.errors import Locked, PermissionDenied, SchemaMismatch, TooSlow, Unreachable
from exporter.migration.smoke.context import CourseRows, SmokeContext
from exporter.migration.smoke.rows import PlannedRow
from exporter.migration.smoke.transaction import RolledBackTransaction
from tests.postgres import Database

COURSE = "00000000-0000-0000-0000-00000000000c"


def context(transaction: RolledBackTransaction) -> SmokeContext:
    """With a course that exists only as a plan."""
    rows = (PlannedRow("public", "courses", {"id": COURSE}),)
    return SmokeContext(transaction, {}, (), rows=rows)


def test_every_context_has_a_key_of_its_own():
    """Two smoke tests at the same time do not answer each other's calls."""
    transaction = RolledBackTransaction("", "public")
    one, other = context(transaction), context(transaction)
    assert one.key.startswith("outbox-smoke-")
    assert one.key != other.key


def test_counts_are_in_the_order_of_the_tables():
    """Jobs, events, keys."""
    assert CourseRows(1, ["q"], 2, ["API"], 3, key_there=True).counts == (1, 2, 3)


def test_an_action_is_undone(database: Database):
    """Also when it succeeds; a refusal by the database is False."""
    with RolledBackTransaction(database.dsn(), "public") as transaction:
        smoke = context(transaction)
        assert smoke.succeeds(lambda: transaction.insert("public", "organizations", {"name": "undone"}))
        assert not smoke.succeeds(lambda: transaction.insert("public", "organizations", {"name": None}))
        rows = transaction._open.execute("SELECT count(*) FROM public.organizations WHERE name = 'undone'").fetchone()
    assert rows == (0,)


@pytest.mark.parametrize("error", [Unreachable, TooSlow, Locked])
def test_an_interrupted_action_is_no_refusal(embedded_database: Database, error):
    """The error is raised: nothing was refused."""
    with RolledBackTransaction(embedded_database.dsn(), "public") as transaction, pytest.raises(error):
        context(transaction).succeeds(lambda: (_ for _ in ()).throw(error("interrupted")))


@pytest.mark.parametrize("error", [PermissionDenied, SchemaMismatch])
def test_a_refused_action_does_not_succeed(embedded_database: Database, error):
    """Whatever the reason of the refusal is."""
    with RolledBackTransaction(embedded_database.dsn(), "public") as transaction:
        assert not context(transaction).succeeds(lambda: (_ for _ in ()).throw(error("refused")))


def test_a_role_is_assumed_until_it_is_reset(embedded_database: Database):
    """With the user's token and the search_path of callers."""
    settings = (
        "SELECT current_user, current_setting('search_path'), current_setting('request.jwt.claim.sub'), "
        "current_setting('request.jwt.claims')::json ->> 'role'"
    )
    with RolledBackTransaction(embedded_database.dsn(), "public") as transaction:
        smoke = context(transaction)
        smoke.assume_role("authenticated", COURSE)
        assert transaction._open.execute(settings).fetchone() == ("authenticated", "public", COURSE, "authenticated")
        smoke.assume_role("anon", path="pg_temp, public")
        assert transaction._open.execute(settings).fetchone() == ("anon", "pg_temp, public", "", "anon")
        smoke.reset_role()
        row = transaction._open.execute("SELECT current_user, current_setting('request.jwt.claims')").fetchone()
        assert row == ("postgres", "")
