"""Kinds of errors of failing jobs. Their classification: tests/alerts/diagnosis/test_statements.py."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions import errors
from alerts.diagnosis.questions.errors import Answer, ErrorKind, ask
from tests.alerts.diagnosis.sources_of import sources
from tests.database.roles import monitoring_role
from tests.migration.verification import exporter_client


def test_as_the_monitoring_role(embedded_database):
    """It may not read the texts; the statement that lets the server classify them is named."""
    with monitoring_role(embedded_database) as role, exporter_client(embedded_database, role) as client:
        found = ask(sources(database=client))
    assert (found.answer, found.text) == (None, "this role may not read last_error")
    assert found.remedy == (
        "GRANT SELECT (last_error) ON public.job_outbox TO outbox_monitor shows kinds of errors, never their texts"
    )


def test_as_the_owner(embedded_database):
    """Without failing jobs there is no kind; a table that is missing is no missing privilege."""
    with exporter_client(embedded_database) as client:
        assert ask(sources(database=client)).answer is Answer.NONE
        embedded_database.execute("ALTER TABLE job_outbox RENAME TO gone")
        assert ask(sources(database=client)).text.startswith("schema: there is no table public.job_outbox")


@pytest.mark.parametrize("kind", ["connection", "missing", "access", "resources", "content", "other"])
def test_each_kind_of_the_statement_has_a_meaning(kind):
    """A kind that the statement returns is an answer."""
    assert ErrorKind(kind, 1).kind in set(Answer)
    assert errors._MEANINGS[Answer(kind)]
