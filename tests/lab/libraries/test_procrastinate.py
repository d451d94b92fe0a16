"""The lab's procrastinate. tests/lab/libraries/test_library_lab.py runs its worker."""

import pytest

from tests.lab.libraries.enqueued import waits

QUERY = """
    SELECT queue_name,
           greatest(round(extract(epoch FROM scheduled_at - now())), 0)::int
    FROM procrastinate_jobs ORDER BY id
"""


def test_jobs(embedded):
    """One is due at once, the other later."""
    assert waits("procrastinate", embedded, QUERY) == [("mail", 0), ("reports", pytest.approx(100, abs=5))]
