"""A process of the lab that uses a library, seen from the lab."""

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final, Self

_MODULE: Final = "exporter.lab.libraries.process"
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 3.0
_STEP: Final = 0.05  # seconds
# Variables that would configure the libraries and their connections.
_FOREIGN: Final = ("DJANGO_", "PROCRASTINATE_", "PGQUEUER_", "CHANCY_", "PG")


class ChildError(Exception):
    """The process ended, or did not begin its work."""


class Child(AbstractContextManager["Child"]):
    """A process with its output in a file. Ctrl-C in the terminal does not reach it; it ends with this process."""

    def __init__(self, profile: str, dsn: str, role: str, directory: Path) -> None:
        self._role = role
        self._log = directory / f"{role}.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - a module of this package, by this interpreter
                [sys.executable, "-P", "-m", _MODULE, profile, dsn, role],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_for(self, line: str) -> Self:
        """Wait until the process has written this line. Raises: ChildError, when it ends or takes 30 s."""
        deadline = time.monotonic() + _START_SECONDS
        while line not in self._log.read_text("utf-8", "replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ChildError(f"the process {self._role} did not begin its work:\n{self._tail()}")
            time.sleep(_STEP)
        return self

    def begin(self) -> None:
        """Let it add jobs, once it has installed the tables. Raises: OSError, when it has ended."""
        if self._process.stdin is not None:
            self._process.stdin.write(b"begin\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End the process as a service manager does: SIGTERM, and SIGKILL after 3 s. May be called twice."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its children at once. May be called twice."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _tail(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-15:])
