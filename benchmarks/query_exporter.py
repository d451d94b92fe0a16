"""Installs query-exporter in a virtual environment of its own, with a Python that is new enough."""

import logging
import subprocess
from pathlib import Path
from typing import Final

from benchmarks import interpreters

_log = logging.getLogger(__name__)
_PACKAGES: Final = ("query-exporter==5.2.*", "psycopg[binary]>=3.3,<4")
_NEEDED: Final = (3, 12)  # requires-python of query-exporter 5.1 and later
_PREFERRED: Final = (3, 13)  # as in our image


def install(keep: Path) -> tuple[Path, str] | None:
    """Its program below `keep` and its version, installed from PyPI if needed; None without a suitable Python."""
    directory = keep / "query-exporter"
    program = directory / "bin" / "query-exporter"
    if not program.exists():
        python = interpreters.find(lambda version: version == _PREFERRED) or interpreters.find(
            lambda version: version >= _NEEDED
        )
        if python is None:
            _log.warning("query-exporter left out: it needs Python %d.%d or newer", *_NEEDED)
            return None
        _run(str(python), "-m", "venv", "--clear", str(directory))
        _run(str(directory / "bin" / "pip"), "install", "--quiet", *_PACKAGES)
    return program, _run(str(program), "--version").split()[-1]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed arguments
