"""Signals as something to wait for.

A handler that sets a threading.Event may run while the main thread holds that event's lock, and then waits for it
for ever. So handlers write a byte into a pipe, and the main thread waits for the pipe.
"""

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
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
        self._set_handlers(self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An impatient second signal must not kill, in Python's last moments, what has ended well.
        self._set_handlers(signal.SIG_IGN)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> signal.Signals | None:
        """The next signal, at once if one has come already; None when none came for so long."""
        ready, _, _ = select.select([self._read], [], [], seconds)
        return signal.Signals(os.read(self._read, 1)[0]) if ready else None

    def _set_handlers(self, handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for number in self._numbers:
            signal.signal(number, handler)

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):  # thousands wait already
            os.write(self._write, bytes([number]))
