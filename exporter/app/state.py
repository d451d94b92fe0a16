"""Whether the state directory is in use by this exporter: without it nothing survives a restart."""

import logging
import math
from collections.abc import Callable
from pathlib import Path

from exporter.core import state_directory
from exporter.core.logs import event
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

logger = logging.getLogger(__name__)

# Seconds between two checks. Each one creates an empty file and removes it.
CHECK_INTERVAL = 60.0
LOST = "the watch, declared maintenance, the states of alerts and undelivered notifications are lost at a restart"


class StateCheck:
    """Checks one directory; logs a failure, and its end. Use from one thread at a time.

    `in_use` returns why another exporter's use of the directory prevents this one's; empty when nothing does.
    """

    def __init__(self, directory: Path, in_use: Callable[[], str] = str) -> None:
        self._directory = directory
        self._in_use = in_use
        self._checked_at = -math.inf
        self._problem = ""
        self._readings: tuple[Reading, ...] = ()

    @property
    def problem(self) -> str:
        """Why nothing is stored, and what a restart would lose; empty when all is stored."""
        return f"{self._problem}; {LOST}" if self._problem else ""

    def readings(self) -> tuple[Reading, ...]:
        """The same for /metrics, none before the first check; the same object until it changes."""
        return self._readings

    def check(self, now: float) -> None:
        """Check the directory, unless that was done within CHECK_INTERVAL; `now` monotonic time, seconds."""
        if now - self._checked_at < CHECK_INTERVAL:
            return
        self._checked_at = now
        before, self._problem = self._problem, state_directory.problem(self._directory) or self._in_use()
        if not self._readings or bool(before) != bool(self._problem):
            self._readings = (Reading(catalogue.STATE_STORED, not self._problem),)
        if self._problem and self._problem != before:
            event(logger, logging.WARNING, "state is not stored", reason=self._problem, consequence=LOST)
        elif before and not self._problem:
            event(logger, logging.INFO, "state is stored again", directory=str(self._directory))
