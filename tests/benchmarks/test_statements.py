"""Costs by statement."""

import psycopg

from benchmarks import statements
from benchmarks.statements import StatementCost, connections, errors, short_form, total
from tests.benchmarks.small import value


def test_a_comment_names_its_statement():
    """The short name of a statement is its comment; without one it is its beginning."""
    assert short_form("/* outbox-exporter: backlog */\nSELECT 1") == "outbox-exporter: backlog"
    assert short_form("SELECT\n    count(*)\n FROM job_outbox") == "SELECT count(*) FROM job_outbox"
    assert len(short_form("SELECT " + "x, " * 100)) == 91


def test_a_total_adds_everything_but_the_longest():
    """Calls, rows, buffers and time add up; the longest statement stays the longest."""
    costs = [StatementCost("a", 1, 2, 3, 4.0, 4.0), StatementCost("b", 10, 20, 30, 40.0, 2.0)]
    assert total(costs) == StatementCost("total", 11, 22, 33, 44.0, 4.0)
    assert total([]).longest == 0


def test_connections_of_one_role_are_counted_from_an_offset(tmp_path):
    """Lines before the offset, of other roles, or of a role whose name merely begins alike do not count."""
    log = tmp_path / "postgres.log"
    before = "connection authorized: user=ours database=outbox\n"
    after = (
        "connection authorized: user=ours database=outbox\n"
        "connection authorized: user=ours_too database=outbox\n"
        "connection authorized: user=other database=outbox\n"
    )
    log.write_text(before + after)
    assert connections(log, "ours", len(before)) == 1


def test_failed_statements_of_one_role_are_counted(tmp_path):
    """A cancelled statement is an error of its role; warnings, other roles and earlier lines are not."""
    log = tmp_path / "postgres.log"
    prefix = "2025-11-18 12:00:00.000 UTC [1] {}@outbox outbox-exporter "
    cancelled = prefix + "ERROR:  canceling statement due to statement timeout\n"
    before = cancelled.format("ours")
    log.write_text(
        before + cancelled.format("ours") + cancelled.format("other") + prefix.format("ours") + "WARNING:  x\n"
    )
    assert errors(log, "ours", len(before)) == 1


def test_costs_are_counted_by_role(database):
    """Buffers and calls of one role only; a statement is named by its comment."""
    with psycopg.connect(database.server.dsn(), autocommit=True) as observer:
        statements.reset(observer)
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS other_role")
            connection.execute("CREATE ROLE other_role SUPERUSER LOGIN")
        with psycopg.connect(database.dsn("other_role"), autocommit=True) as connection:
            for _ in range(3):
                connection.execute("/* counted */ SELECT count(*) FROM job_outbox")
        value(database, "SELECT count(*) FROM job_outbox")
        (cost,) = statements.costs(observer, "other_role")
    assert (cost.query, cost.calls, cost.rows) == ("counted", 3, 3)
    assert cost.buffers > 0
