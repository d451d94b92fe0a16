"""The newest programs (tools/newest), besides those of stable Debian that the other tests use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.requirements import missing, require_program
from tools.newest_programs import program

# Returns the path of a program, or ends the test by `missing`.
Require = Callable[[str], Path]


def require_newest(name: str) -> Path:
    """The newest program of this name. Without it the test is skipped, or fails with CI=true."""
    found = program(name)
    if found is None:
        missing(f"the newest {name}", "tools/newest, or OUTBOX_NEWEST_BIN with the folder of the programs")
    return found


SOURCES: Final[Mapping[str, Require]] = {"debian": require_program, "newest": require_newest}
# Runs a test twice, with `require` for the installed programs of Debian and for the newest.
either = pytest.mark.parametrize("require", SOURCES.values(), ids=SOURCES)


def installed(name: str) -> dict[str, Path]:
    """The paths of a program by source, for a run that serves the tests of both; the newest only if it is installed."""
    newest = program(name)
    return {"debian": require_program(name), **({"newest": newest} if newest else {})}


def version(path: Path) -> tuple[int, ...]:
    """The version that a program prints: (3, 5, 3) for Prometheus 3.5.3.

    Raises: ValueError when it prints none, as Debian's programs of VictoriaMetrics.
    """
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"(?:version|PgBouncer) (\d+\.\d+(?:\.\d+)?)", answer.stdout + answer.stderr)
    if found is None:
        message = f"{path} --version names no version"
        raise ValueError(message)
    return tuple(map(int, found[1].split(".")))
