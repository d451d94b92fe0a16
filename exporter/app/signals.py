"""Waits for signals.

A handler that sets a threading.Event may run while the main thread holds that event's lock, and then blocks for ever.
Writing to a pipe in a handler fails too: the kernel may deliver a signal to any thread, and Python's handler then waits
for the main thread to wake up. So the pipe is Python's wake-up descriptor, which is written at once in any thread.
"""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self


class Signals:
    """Catches these signals from entering to leaving it, and ignores them afterwards: leave it to end the program.

    A context manager, for the main thread. A signal is never lost between two calls of `wait`; the same one twice
    may be reported once.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        # A full pipe holds thousands of signals already.
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, _caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second signal must not kill the process while Python exits.
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> signal.Signals | None:
        """The next signal, at once if one has come already; None after so many seconds without one."""
        ready, _, _ = select.select([self._read], [], [], seconds)
        return signal.Signals(os.read(self._read, 1)[0]) if ready else None


def _caught(_number: int, _frame: FrameType | None) -> None:
    """Does nothing: the signal's number is in the pipe."""
