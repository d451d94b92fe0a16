"""The lab's pgqueuer. tests/lab/libraries/test_library_lab.py runs its worker."""

import pytest

from tests.lab.libraries.enqueued import waits

QUERY = """
    SELECT entrypoint, round(extract(epoch FROM execute_after - created))::int
    FROM pgqueuer ORDER BY id
"""


def test_jobs(embedded):
    """One is due at once, the other later."""
    assert waits("pgqueuer", embedded, QUERY) == [("mail", 0), ("reports", pytest.approx(100, abs=5))]
