"""Names quoted as the server quotes them; tables named in code."""

from __future__ import annotations

import pytest

from exporter.migration.sql_text import identifier, mentions
from tests import postgres


def test_names_are_quoted_as_the_server_quotes_them(cluster):
    """Each of its keywords, and names of every kind."""
    kinds = ("plain", "Mixed", "with space", "1st", "ümlaut", 'say "hi"', "under_score", "a$b", "", "public")
    with postgres.temporary(cluster) as database, database.connect() as connection:
        words = [str(row[0]) for row in connection.execute("SELECT word FROM pg_get_keywords()").fetchall()]
        for name in (*words, *kinds):
            row = connection.execute("SELECT quote_ident(%s), quote_ident(%s) <> %s", (name, name, name)).fetchone()
            assert row is not None
            # An older server has fewer keywords; superfluous quotes do no harm.
            assert identifier(name) == row[0] or not row[1]
            assert connection.execute(f"SELECT 1 AS {identifier(name or 'x')}".encode()).fetchone() == (1,)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("DELETE FROM job_outbox", True),
        ("delete from public.JOB_OUTBOX;", True),
        ('INSERT INTO "public"."job_outbox"', True),
        ("-- job_outbox\nSELECT 1", False),
        ("/* job_outbox\n job_outbox */ SELECT 1", False),
        ("SELECT FROM job_outbox_archive", False),
        ("SELECT FROM my_job_outbox", False),
    ],
)
def test_mentions_of_a_table(text, names):
    """In code, not in comments, and not as part of another name."""
    assert mentions(text, "job_outbox") is names
