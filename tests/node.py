"""Node with packages of npm, for tests with real libraries."""

import fcntl
import subprocess
from pathlib import Path

from tests.requirements import missing, require_program

_INSTALL_TIMEOUT = 300  # seconds


def node_with_packages(folder: Path) -> Path:
    """The path of Node; the packages of the folder's lock file are in its `node_modules` then.

    They are installed unless they were for the same lock file. Without Node, npm or the packages the test ends by
    `missing`.
    """
    program, npm = require_program("node"), require_program("npm")
    lock = folder / "package-lock.json"
    installed = folder / "node_modules" / "installed-package-lock.json"
    with lock.open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)  # other test processes wait for the same packages
        wanted = locked.read()
        if not installed.exists() or installed.read_text() != wanted:
            _install(npm, folder)
            installed.write_text(wanted)
    return program


def _install(npm: Path, folder: Path) -> None:
    command: list[str | Path] = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False)
    if done.returncode:
        missing(f"what {folder.name}/package-lock.json lists", f"npm ci in {folder}: {done.stderr.strip()}")
