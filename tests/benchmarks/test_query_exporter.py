"""The Python for query-exporter."""

import pytest

from benchmarks.query_exporter import version_of


@pytest.mark.parametrize(
    ("answer", "version"), [("Python 3.13.0\n", (3, 13)), ("Python 3.9.2", (3, 9)), ("no version", (0, 0))]
)
def test_versions_of_python_are_numbers(answer, version):
    """So that 3.9 is older than 3.13."""
    assert version_of(answer) == version
