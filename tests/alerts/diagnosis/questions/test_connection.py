"""Why the database does not answer. With real servers: tests/alerts/diagnosis/test_faults.py."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.connection import Answer, classify
from exporter.core.errors import LoginRefused, SampleError, SecretUnavailable, Stale, Unreachable


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ('connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused', Answer.REFUSED),
        ('connection to server on socket "/tmp/.s.PGSQL.5432" failed: No such file or directory', Answer.REFUSED),
        ("connection timeout expired", Answer.NO_ANSWER),
        ("no connection to db:5432/postgres in time", Answer.NO_ANSWER),
        ("connection to server failed: No route to host", Answer.NO_ANSWER),
        ('could not translate host name "db" to address: Name or service not known', Answer.NAME),
        ("FATAL:  sorry, too many clients already", Answer.FULL),
        ('FATAL:  too many connections for role "outbox_monitor"', Answer.FULL),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", Answer.FULL),
        ("FATAL:  the database system is starting up", Answer.STARTING),
        ("FATAL:  the database system is shutting down", Answer.STARTING),
        ("FATAL:  the database system is not yet accepting connections", Answer.STARTING),
        ("SSL error: certificate verify failed; sslrootcert names the authority's file", Answer.CERTIFICATE),
        ("server closed the connection unexpectedly", Answer.UNREACHABLE),
        ("FATAL:  désolé, trop de clients sont déjà connectés", Answer.UNREACHABLE),
    ],
)
def test_messages_of_libpq_and_the_server(message, answer):
    """By what the reader has to do; a message in another language is not guessed at."""
    assert classify(Unreachable(message)) is answer


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (LoginRefused('password authentication failed for user "outbox_monitor"'), Answer.LOGIN),
        (SecretUnavailable("database.password_file cannot be read"), Answer.SECRET),
        (Stale("the standby is 3 min behind"), Answer.BEHIND),
        (SampleError("something else"), Answer.UNREACHABLE),
    ],
)
def test_kinds_of_errors(error, answer):
    """Whatever the message."""
    assert classify(error) is answer
