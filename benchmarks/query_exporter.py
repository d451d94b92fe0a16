"""Installs query-exporter in a virtual environment of its own, with a Python that is new enough."""

import logging
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
_PACKAGES: Final = ("query-exporter==5.2.*", "psycopg[binary]>=3.3,<4")
_NEEDED: Final = (3, 12)  # requires-python of query-exporter 5.1 and later
_NAMES: Final = ("python3.14", "python3.13", "python3.12", "python3")
_PYENV: Final = ".pyenv/versions/3.*/bin/python3"


def install(keep: Path) -> tuple[Path, str] | None:
    """Its program below `keep` and its version, installed from PyPI if needed; None without a suitable Python."""
    directory = keep / "query-exporter"
    program = directory / "bin" / "query-exporter"
    if not program.exists():
        python = _suitable_python()
        if python is None:
            _log.warning("query-exporter left out: it needs Python %d.%d or newer", *_NEEDED)
            return None
        _run(python, "-m", "venv", "--clear", str(directory))
        _run(str(directory / "bin" / "pip"), "install", "--quiet", *_PACKAGES)
    return program, _run(str(program), "--version").split()[-1]


def version_of(answer: str) -> tuple[int, int]:
    """(major, minor) from the output of `python --version`; (0, 0) when there is none."""
    match = re.search(r"(\d+)\.(\d+)", answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _suitable_python() -> str | None:
    managed = sorted(Path.home().glob(_PYENV), reverse=True)
    candidates = [*filter(None, map(shutil.which, _NAMES)), *map(str, managed)]
    return next((python for python in candidates if _version_of_program(python) >= _NEEDED), None)


def _version_of_program(python: str) -> tuple[int, int]:
    # A version manager may have a shim in the path without a version.
    done = subprocess.run([python, "--version"], check=False, capture_output=True, text=True)  # noqa: S603 - found above
    return version_of(done.stdout) if done.returncode == 0 else (0, 0)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
