"""Standard output: in UTF-8, complete, or an error."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from exporter.core import output

output.use_utf8()
try:
    output.write("Größe ☃\\n")
except BrokenPipeError:
    output.discard()
    sys.exit(4)
except output.OutputLost as error:
    output.discard()
    print(error, file=sys.stderr)
    sys.exit(5)
"""


def run(redirect: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["/bin/sh", "-c", f'"$0" -c "$1" {redirect}', sys.executable, PROGRAM]
    return subprocess.run(command, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, capture_output=True, check=False)


def test_it_is_utf8_in_every_locale():
    """A letter neither changes nor ends a command."""
    done = run("")
    assert (done.returncode, done.stdout.decode("utf-8"), done.stderr) == (0, "Größe ☃\n", b"")


@pytest.mark.parametrize(("redirect", "status"), [("> /dev/full", 5), (">&-", 0)])
def test_output_that_is_lost_is_an_error(redirect, status):
    """A full disk is; without any standard output nobody wants it."""
    done = run(redirect)
    assert done.returncode == status, done.stderr
    assert done.stderr == (b"No space left on device\n" if status else b"")
