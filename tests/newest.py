"""The newest programs, besides those of stable Debian that the other tests use.

`tools/newest` fetches them into `.newest/`. The environment variable OUTBOX_NEWEST_BIN names another folder with
them. The programs have the names of Debian's packages: prometheus, promtool, prometheus-alertmanager, amtool,
pgbouncer, victoria-metrics, vmalert, vmalert-tool, kustomize.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.requirements import missing, require_program

FOLDER: Final = Path(__file__).parents[1] / ".newest" / "bin"

# Returns the path of a program, or ends the test by `missing`.
Require = Callable[[str], Path]


def program(name: str) -> Path | None:
    """The newest program of this name, None where it is not installed."""
    found = Path(os.environ.get("OUTBOX_NEWEST_BIN") or FOLDER) / name
    return found if os.access(found, os.X_OK) else None


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
