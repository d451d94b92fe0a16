"""Connection strings: what is refused, and what may be shown of one."""

from __future__ import annotations

import pytest

from exporter.database import dsn_problem, target

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
    """A part of it would be taken for the host, port or database: the answer says what to do and repeats nothing."""
    problem = dsn_problem(dsn)
    assert problem is not None
    assert "percent-encode the password" in problem
    assert "HALF" not in problem


@pytest.mark.parametrize("dsn", SOUND)
def test_what_libpq_understands_as_meant_is_accepted(dsn):
    """Among it passwords whose characters need no encoding in libpq's eyes."""
    assert dsn_problem(dsn) is None


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("password=two words", "quote it"),
        ("postgresql://u:50%zz@h/db", "percent-encode the password"),
        ("host=h port=hunter2", "port is not a number"),
        ("dbname=postgresql://u:hunter2@h/db", "dbname holds another connection string"),
        ("dbname='host=h password=hunter2'", "dbname holds another connection string"),
    ],
)
def test_other_mistakes_say_what_to_do(dsn, says):
    """Without repeating what was given."""
    problem = dsn_problem(dsn)
    assert problem is not None
    assert says in problem
    assert not any(part in problem for part in ("hunter2", "words", "zz"))


def test_the_target_shows_no_part_of_another_connection_string(monkeypatch):
    """The variables of libpq are not checked by anybody: what looks like a URI in them is hidden."""
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
    ],
)
def test_the_target_is_host_port_and_database(dsn, shown, monkeypatch):
    """As libpq would complete it."""
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    assert target(dsn) == shown
