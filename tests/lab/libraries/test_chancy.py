"""The lab's chancy. tests/lab/libraries/test_library_lab.py runs its worker."""

import pytest

from tests.lab.libraries.enqueued import waits

QUERY = """
    SELECT queue, round(extract(epoch FROM scheduled_at - created_at))::int
    FROM chancy_jobs ORDER BY scheduled_at
"""


def test_jobs(embedded):
    """One is due at once, the other later."""
    assert waits("chancy", embedded, QUERY) == [("mail", 0), ("reports", pytest.approx(100, abs=5))]
