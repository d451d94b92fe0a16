"""Signals are waited for, and none is lost between two waits."""

import os
import signal
import subprocess
import sys
import time

from exporter.app.signals import Signals


def test_signal_that_came_before_is_returned_at_once():
    """It is in the pipe; without one, the wait ends after its time."""
    before = signal.getsignal(signal.SIGUSR1)
    try:
        with Signals(signal.SIGUSR1) as signals:
            assert signals.wait(0.01) is None
            os.kill(os.getpid(), signal.SIGUSR1)
            started = time.monotonic()
            assert signals.wait(30) is signal.SIGUSR1
            assert time.monotonic() - started < 10
            assert signals.wait(0.01) is None
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_signals_are_ignored_afterwards():
    """A second SIGTERM must not kill the process while Python exits."""
    script = (
        "import os, signal\n"
        "from exporter.app.signals import Signals\n"
        "with Signals(signal.SIGTERM) as signals:\n"
        "    os.kill(os.getpid(), signal.SIGTERM); signals.wait(30)\n"
        "os.kill(os.getpid(), signal.SIGTERM); print('ended well')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ended well\n"
