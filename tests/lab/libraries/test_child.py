"""A process that uses a library, seen from the lab."""

import psutil
import pytest

from exporter.lab.libraries.child import Child, ChildError


def test_a_process_that_ends_says_why(tmp_path):
    """The end of its output is in the error."""
    with (
        Child("nothing", "host=nowhere", "worker", tmp_path) as child,
        pytest.raises(ChildError, match=r"(?s)the process worker did not begin its work:\n.*KeyError: 'nothing'"),
    ):
        child.wait_for("never")
    assert not psutil.pid_exists(child.pid)
