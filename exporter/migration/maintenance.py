"""Maintenance windows: while one is open, for instance in a partial rollback, the backlog may grow.

They are kept in one file of the state directory, so that they survive restarts and every process sees them. The file is
replaced atomically. Times are Unix seconds.
"""

import fcntl
import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from exporter.core import atomic_file, state_directory
from exporter.core.errors import SampleError

FILE = "maintenance.json"
FORMAT = 1
# Only the latest windows are kept: far more than are declared during a watch of one day.
KEPT = 100


class MaintenanceFileError(SampleError):
    """The file or its directory cannot be read or written, so whether maintenance is declared is unknown."""


class MaintenancePhase(StrEnum):
    """The phase of a window at some time."""

    BEFORE = "before"
    ACTIVE = "active"
    OVERRUN = "overrun"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A window from `started_at` to `until`, or to `ended_at` if it was ended before. Units: Unix seconds."""

    started_at: float
    until: float
    reason: str
    ended_at: float | None = None

    def phase(self, at: float) -> MaintenancePhase:
        """The phase at a time, Unix seconds. After `until` a window that was not ended is OVERRUN and has no effect."""
        if at < self.started_at:
            return MaintenancePhase.BEFORE
        if self.ended_at is not None and at >= self.ended_at:
            return MaintenancePhase.ENDED
        return MaintenancePhase.ACTIVE if at < self.until else MaintenancePhase.OVERRUN


def active(windows: Iterable[MaintenanceWindow], at: float) -> MaintenanceWindow | None:
    """The window that is active at this time, Unix seconds; None if there is none."""
    return next((each for each in windows if each.phase(at) is MaintenancePhase.ACTIVE), None)


class MaintenanceFile:
    """The windows of one state directory. Every method reads the file; several processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self) -> tuple[MaintenanceWindow, ...]:
        """All windows that are kept, the oldest first. Raises: MaintenanceFileError, also for a newer format."""
        path = self._directory / FILE
        try:
            return _parse(path.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise MaintenanceFileError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise MaintenanceFileError(
                f"{path} is damaged ({error}): move it away, and declare the maintenance again"
            ) from error

    def current(self) -> MaintenanceWindow | None:
        """The latest window if it was not ended, also if it overruns. Raises: MaintenanceFileError."""
        windows = self.read()
        return windows[-1] if windows and windows[-1].ended_at is None else None

    def start(self, now: float, seconds: float, reason: str) -> MaintenanceWindow:
        """Open a window of so many seconds from `now` (Unix seconds), or extend the active one.

        Raises: MaintenanceFileError.
        """
        with self._locked():
            windows = self.read()
            window = MaintenanceWindow(now, now + seconds, reason)
            if windows and windows[-1].phase(now) is MaintenancePhase.ACTIVE:
                window = replace(windows[-1], until=now + seconds, reason=reason)
                windows = windows[:-1]
            elif windows and windows[-1].ended_at is None:
                windows = (*windows[:-1], _closed(windows[-1], now))
            self._write((*windows, window))
            return window

    def end(self, now: float) -> MaintenanceWindow | None:
        """End the latest window at `now` (Unix seconds); None if it has ended already. Raises: MaintenanceFileError."""
        with self._locked():
            windows = self.read()
            if not windows or windows[-1].ended_at is not None:
                return None
            ended = _closed(windows[-1], now)
            self._write((*windows[:-1], ended))
            return ended

    @contextmanager
    def _locked(self) -> Generator[None]:
        """One writer at a time; the kernel releases the lock when the process ends."""
        try:
            state_directory.prepare(self._directory)
            with (self._directory / f"{FILE}.lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise MaintenanceFileError(f"{self._directory} cannot be written: {error.strerror}") from error

    def _write(self, windows: tuple[MaintenanceWindow, ...]) -> None:
        document = {"format": FORMAT, "maintenance": [asdict(each) for each in windows[-KEPT:]]}
        atomic_file.replace(self._directory / FILE, json.dumps(document, indent=2))


def _closed(window: MaintenanceWindow, now: float) -> MaintenanceWindow:
    # After the clock was set back a window must not end before it began.
    return replace(window, ended_at=max(now, window.started_at))


def _parse(text: str) -> tuple[MaintenanceWindow, ...]:
    document: Any = json.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
    return tuple(
        MaintenanceWindow(
            float(each["started_at"]),
            float(each["until"]),
            str(each["reason"]),
            None if each["ended_at"] is None else float(each["ended_at"]),
        )
        for each in document["maintenance"]
    )
