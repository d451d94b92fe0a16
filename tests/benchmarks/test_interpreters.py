"""The search for a Python."""

import subprocess
import sys

import pytest

from benchmarks.interpreters import find, version_of


@pytest.mark.parametrize(
    ("answer", "version"), [("Python 3.13.0\n", (3, 13)), ("Python 3.9.2", (3, 9)), ("no version", (0, 0))]
)
def test_versions_of_python_are_numbers(answer, version):
    """So that 3.9 is older than 3.13."""
    assert version_of(answer) == version


def test_an_interpreter_has_the_version_that_it_was_found_for():
    """The version of this one exists here; none is accepted by nothing."""
    wanted = sys.version_info[:2]
    found = find(lambda version: version == wanted)
    assert found is not None
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert version_of(answer) == wanted
    assert find(lambda _: False) is None
