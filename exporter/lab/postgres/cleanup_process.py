"""Outlives the owner of a throw-away cluster by a moment, and takes the cluster away after it.

A program of its own (`python guardian.py DIRECTORY`), because a killed owner can clean nothing. It reads
standard input until that ends, which is when the owner closes it or dies of whatever cause; then it kills the
server that still runs in DIRECTORY/data, and removes DIRECTORY. After an orderly end there is nothing left to
do. Imports the standard library only: it starts in some 20 ms and needs no package path.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

STOP_TIMEOUT = 5.0  # seconds for a server to die of SIGQUIT; its children get as long from PostgreSQL itself
_STEP = 0.02


def server_pid(data: Path) -> int | None:
    """The process id in `data`/postmaster.pid; None when there is no such file or the process is not ours.

    A process id that was given to another program meanwhile is recognised by its command line (Linux).
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if Path("/proc/self").exists() and os.fsencode(data) not in command.read_bytes():
            return None
    except (OSError, ValueError):
        return None
    return pid


def kill_server(data: Path) -> None:
    """Ends the server of `data` at once, losing its last writes: SIGQUIT, then SIGKILL after `PATIENCE`."""
    deadline = time.monotonic() + STOP_TIMEOUT
    sent: signal.Signals | None = None
    while (pid := server_pid(data)) is not None:
        wanted = signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL
        if wanted is not sent:
            os.kill(pid, wanted)
            sent = wanted
        time.sleep(_STEP)


def main(directory: Path) -> None:
    """Waits for the end of standard input, then leaves nothing of `directory`."""
    # Who ends everything at once ends our owner too, and then there is work for us.
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(request, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if directory.exists():
        kill_server(directory / "data")
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
