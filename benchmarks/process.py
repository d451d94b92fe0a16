"""An exporter as a running process: started, weighed, ended."""

import ctypes
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import psutil

from benchmarks.exporters import Start

_TIMEOUT: Final = 10.0  # seconds to end in order
_LIBC: Final = ctypes.CDLL(None)


class Running:
    """A process and its children; a context manager that ends them."""

    def __init__(self, start: Start, log: Path) -> None:
        """Starts it, its output going to `log`, with none of our own variables that could configure it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "OUTBOX_", "QE_"))}
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                start.command,
                env={**inherited, **start.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._view = psutil.Process(self._process.pid)
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def check(self) -> None:
        """Raises: RuntimeError with the end of its log when it has ended."""
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"{self._process.args!r} ended:\n{tail}")

    @property
    def processor_seconds(self) -> float:
        """Processor time used so far, user and system, children included."""
        return sum(_processor_seconds(one.pid) for one in self._family())

    @property
    def resident_bytes(self) -> int:
        """Resident memory now, children included."""
        return sum(one.memory_info().rss for one in self._family())

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [self._view, *self._view.children(recursive=True)]
        return []


def _processor_seconds(pid: int) -> float:
    """What all threads of a process have used, ended ones too, user and system; 0 when it is no more.

    By its clock (clock_getcpuclockid, POSIX): /proc counts in hundredths of a second, of which a minute of watching
    takes three.
    """
    clock = ctypes.c_int()
    return 0.0 if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)) else time.clock_gettime(clock.value)
