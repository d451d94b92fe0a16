"""Parts of SQL: quoted, and put together."""

from psycopg import sql

from exporter.database.jobs.fragments import all_of, any_of, column, comma, is_set, joined, not_set

A, B = sql.SQL("a"), sql.SQL("b")


def test_names_are_quoted():
    """Whatever they are."""
    assert column("jobs", 'x"y').as_string() == '"jobs"."x""y"'
    assert is_set("Done At").as_string() == '"Done At" IS NOT NULL'
    assert not_set("done").as_string() == '"done" IS NULL'


def test_conditions():
    """In parentheses where there are several."""
    assert all_of([]).as_string() == "true"
    assert all_of([A]).as_string() == any_of([A]).as_string() == "a"
    assert all_of([A, B]).as_string() == "(a AND b)"
    assert any_of([A, B]).as_string() == "(a OR b)"
    assert comma([A, B]).as_string() == "a, b"


def test_what_identifies_a_job():
    """One column as it is, so that its index serves; several as one text."""
    assert joined([A]).as_string() == "a"
    assert joined([A, B]).as_string() == "a::text || '/' || b::text"
