"""Finds a Python of a wanted version among those installed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

PythonVersion = tuple[int, int]
_NAMES: Final = ("python3.14", "python3.13", "python3.12", "python3.11", "python3")
_PYENV: Final = ".pyenv/versions/3.*/bin/python3"


def find(accept: Callable[[PythonVersion], bool]) -> Path | None:
    """The first interpreter whose version is accepted, the newest names first; None when there is none.

    Those of pyenv come first, because its shims in the path run another version than their name says; the one that runs
    this comes last, as it need not be in the path.
    """
    managed = sorted(Path.home().glob(_PYENV), reverse=True)
    candidates = [*managed, *map(Path, filter(None, map(shutil.which, _NAMES))), Path(sys.executable)]
    return next((python for python in candidates if accept(version_of(_answer(python)))), None)


def version_of(answer: str) -> PythonVersion:
    """(major, minor) from the output of `python --version`; (0, 0) when there is none."""
    match = re.search(r"(\d+)\.(\d+)", answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _answer(python: Path) -> str:
    done = subprocess.run([python, "--version"], check=False, capture_output=True, text=True)  # noqa: S603 - found above
    return done.stdout if done.returncode == 0 else ""
