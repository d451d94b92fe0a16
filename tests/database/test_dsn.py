"""Connection strings: refused ones, and the parts that may be printed."""

from __future__ import annotations

import pytest

from exporter.database import dsn_problem, target, variables_problem

TAKEN_FOR_A_PLACE = [
    "postgresql://u:firstHALF/secondHALF@h:1/db",
    "postgresql://u:firstHALF@secondHALF@h/db",
    "postgresql://u:12/secondHALF@h/db",
    "postgresql://u:/firstHALF@h/db",
    "postgresql://u:firstHALF@@h/db",
    "postgresql://firstHALF/secondHALF@h",
    "postgres://me@firstHALF.com:secondHALF@h/db",
    "postgresql://u:firstHALF/secondHALF@h1:1,h2:2/db?sslmode=require",
    "postgresql://u:firstHALF@x/secondHALF@h/db",
]
SOUND = [
    "",
    "postgresql://",
    "postgresql://u@h/db",
    "postgresql://u:p%2Fw%40x@h:5433/db",
    "postgresql://u:a?b#c[d@h/db",
    "postgresql://h1:1,h2:2/db?target_session_attrs=primary",
    "postgresql://h1:,h2:2/db",
    "postgresql://[::1]:5432/db",
    "postgresql://%2Fvar%2Frun/db",
    "postgresql:///db?host=/var/run",
    "postgresql://u@h/db?application_name=a@b",
    "host=h port=5432 password='with @ and / and =' dbname=db",
    "host=@abstract dbname=db",
]


@pytest.mark.parametrize("dsn", TAKEN_FOR_A_PLACE)
def test_a_password_that_was_not_encoded_is_refused(dsn):
    """A part of it would be taken for the host, port or database: the message has the remedy and repeats nothing."""
    problem = dsn_problem(dsn)
    assert problem is not None
    assert "percent-encode the password" in problem
    assert "HALF" not in problem


@pytest.mark.parametrize("dsn", SOUND)
def test_strings_that_libpq_reads_as_intended_are_accepted(dsn):
    """Among it passwords whose characters need no encoding in libpq's eyes."""
    assert dsn_problem(dsn) is None


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("password=two words", "quote it"),
        ("postgresql://u:50%zz@h/db", "percent-encode the password"),
        ("host=h port=hunter2", "port is not a number"),
        ("dbname=postgresql://u:hunter2@h/db", "dbname holds another connection string"),
        ("dbname='host=h password=hunter2'", "dbname holds another connection string"),
        ("host=u:hunter2@h dbname=db", "host holds another connection string"),
        ("host=h1,postgresql://u:hunter2@h2/db", "host holds another connection string"),
        ("user=u:hunter2 host=h", "user holds a colon"),
        ("postgresql://u%3Ahunter2@h/db", "user holds a colon"),
        ("postgresql://u:%e9hunter2@h/db", "percent-encode the password as UTF-8"),
    ],
)
def test_other_mistakes_come_with_a_fix(dsn, message):
    """Without repeating the input."""
    problem = dsn_problem(dsn)
    assert problem is not None
    assert message in problem
    assert not any(part in problem for part in ("hunter2", "words", "zz"))


def test_the_target_shows_no_part_of_another_connection_string(monkeypatch):
    """Also of libpq's variables: a URI in one of them is hidden."""
    monkeypatch.setenv("PGHOST", "u:hunter2@db.internal")
    monkeypatch.setenv("PGPORT", "hunter2")
    monkeypatch.setenv("PGDATABASE", "postgresql://u:hunter2@h/app")
    assert target("") == "[hidden]:[hidden]/[hidden]"
    assert target("host=h port=5433 dbname=app") == "h:5433/app"


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p%2Fw@h1:1,h2:2/app", "h1,h2:1,2/app"),
        ("postgresql://[::1]/app", "::1:5432/app"),
        ("host=@abstract dbname=app", "@abstract:5432/app"),
        ("dbname=app", "local socket:5432/app"),
        ("host=/run/pg@15/a=b dbname=app", "/run/pg@15/a=b:5432/app"),
        ("service=outbox", "service outbox"),
        ("service=outbox host=h dbname=app", "h:5432/app"),
    ],
)
def test_the_target_is_host_port_and_database(dsn, shown, monkeypatch):
    """As libpq would complete it."""
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    assert target(dsn) == shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PGHOST", "u:hunter2@h", "PGHOST: host holds another connection string"),
        ("PGHOST", "postgresql://u:hunter2@h/db", "PGHOST: host holds another connection string"),
        ("PGPORT", "hunter2", "PGPORT: port is not a number"),
        ("PGUSER", "u:hunter2", "PGUSER: user holds a colon"),
        ("PGDATABASE", "postgresql://u:hunter2@h/db", "PGDATABASE: dbname holds another connection string"),
    ],
)
def test_variables_of_libpq_are_refused_like_a_connection_string(name, value, message, monkeypatch):
    """Where they count: servers and libpq repeat these parts in their errors."""
    for each in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    problem = variables_problem("")
    assert problem is not None
    assert message in problem
    assert "hunter2" not in problem
    assert variables_problem("host=h port=5432 user=u dbname=db") is None
