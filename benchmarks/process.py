"""An exporter as a process: its start and end, processor time and memory."""

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import psutil

from benchmarks.exporters import StartCommand

_STOP_TIMEOUT: Final = 10.0  # seconds after SIGTERM, then SIGKILL
_LIBC: Final = ctypes.CDLL(None)


class ExporterProcess:
    """A process and its children; a context manager that ends them."""

    def __init__(self, start: StartCommand, log: Path) -> None:
        """Starts it with its output in `log`; it inherits only PATH and HOME from this process's environment."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
                start.command,
                env={**inherited, **start.environment},
                cwd=start.directory,
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
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._view.pid

    def check(self) -> None:
        """Raises: RuntimeError with the end of its log when it has ended."""
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"{self._process.args!r} ended:\n{tail}")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Keeps the process from running for as long as the context is active."""
        self._view.suspend()
        try:
            yield
        finally:
            self._view.resume()

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
    """Processor time of all threads of a process, user and system, seconds; 0 when it has ended.

    From its POSIX clock (clock_getcpuclockid), because /proc counts in 0.01 s and a minute of monitoring takes 0.03 s.
    """
    clock = ctypes.c_int()
    return 0.0 if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)) else time.clock_gettime(clock.value)
