"""Node with packages of npm, for tests with real libraries."""

import fcntl
import subprocess
from pathlib import Path

from tests.requirements import missing, require_program

_INSTALL_TIMEOUT = 300  # seconds


def node_with_packages(folder: Path) -> Path:
    """The path of Node; the packages of the folder's lock file are in its `node_modules` then.

    They are installed when they are not, or are older than the lock file. Without Node, npm or the packages the test
    ends by `missing`.
    """
    program, npm = require_program("node"), require_program("npm")
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with lock.open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)  # other test processes wait for the same packages
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return program
        command = [npm, "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False
        )
    if done.returncode:
        missing(f"what {lock} lists", f"npm ci in {folder}: {done.stderr.strip()}")
    return program
