"""The processor time and peak memory of a command."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.exporters import StartCommand

_SPAWN: Final = Path(__file__).with_name("spawn.py")
_TIMEOUT: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class CommandUsage:
    """Seconds of processor time with those of its children, peak resident bytes, exit status."""

    seconds: float
    peak: int
    status: int


def run(start: StartCommand) -> CommandUsage:
    """Runs a command to its end, without input and output. Raises: CalledProcessError, TimeoutExpired."""
    done = subprocess.run(  # noqa: S603 - commands of the image
        [sys.executable, "-I", "-S", _SPAWN, *start.command],
        env=dict(start.environment),
        cwd=start.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=_TIMEOUT,
    )
    seconds, peak, status = done.stdout.split()
    return CommandUsage(float(seconds), int(peak) * 1024, int(status))
