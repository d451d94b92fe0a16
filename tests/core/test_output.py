"""Standard output: in UTF-8, complete, or an error."""

import subprocess
import sys

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


def test_output_that_is_lost_is_an_error():
    """As on a full disk."""
    done = run("> /dev/full")
    assert (done.returncode, done.stderr) == (5, b"No space left on device\n")
