"""Removes a temporary cluster after its owner has ended.

A program of its own (`python cleanup_process.py DIRECTORY`), because a killed owner cannot clean up. It reads standard
input until the owner closes it or ends for any reason; then it kills the server that still runs in DIRECTORY/data, and
removes DIRECTORY. After a normal end of the owner nothing is left to do. It imports the standard library only: it
starts in 20 ms and needs no package path.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

STOP_TIMEOUT = 5.0  # seconds for a server to end after SIGQUIT; PostgreSQL gives its children as long
_STEP = 0.02


def server_pid(data: Path) -> int | None:
    """The process id in `data`/postmaster.pid; None when there is no such file or the process is not ours.

    A process id that another program has now is recognised by its command line (Linux).
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
    """Ends the server of `data` at once, losing its last writes: SIGQUIT, then SIGKILL after `STOP_TIMEOUT`."""
    deadline = time.monotonic() + STOP_TIMEOUT
    sent: signal.Signals | None = None
    while (pid := server_pid(data)) is not None:
        wanted = signal.SIGQUIT if time.monotonic() < deadline else signal.SIGKILL
        if wanted is not sent:
            os.kill(pid, wanted)
            sent = wanted
        time.sleep(_STEP)


def main(directory: Path) -> None:
    """Waits for the end of standard input, then removes the server and `directory`."""
    # A signal to all processes ends the owner too, and this process has to clean up after it.
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(request, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if directory.exists():
        kill_server(directory / "data")
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
