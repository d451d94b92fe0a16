"""The processor time and peak memory of a command."""

import sys

from benchmarks.exporters import StartCommand
from benchmarks.usage import run

WORK = "import time\nwhile time.process_time() < 0.2: pass\nraise SystemExit(3)"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {WORK!r}])"


def test_processor_time_and_status_are_those_of_the_command():
    """The time of a child of the command counts as well; its output goes nowhere."""
    used = run(StartCommand((sys.executable, "-I", "-S", "-c", f"print('x' * 10)\n{WORK}")))
    assert used.status == 3
    assert 0.2 <= used.seconds < 2
    assert 0.2 <= run(StartCommand((sys.executable, "-I", "-S", "-c", CHILD))).seconds < 2


def test_peak_memory_is_that_of_the_command_and_not_of_this_process():
    """A small command takes less than these tests; one that allocates 64 MiB takes more."""
    small = run(StartCommand(("true",), {"PATH": "/usr/bin:/bin"}))
    large = run(StartCommand((sys.executable, "-I", "-S", "-c", "bytearray(b'x') * (64 << 20)")))
    assert 1 << 20 < small.peak < 20 << 20
    assert 64 << 20 < large.peak < 100 << 20


def test_a_command_has_only_its_own_environment():
    """A variable of this process is not there."""
    script = "import os; raise SystemExit(sorted(os.environ.keys() - {'LC_CTYPE'}) != ['GIVEN'])"
    assert run(StartCommand((sys.executable, "-I", "-S", "-c", script), {"GIVEN": "1"})).status == 0
