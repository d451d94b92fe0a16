"""Runs a command and prints its processor time in seconds, its peak memory in KiB and its exit status.

A process of its own, with as few modules as possible: the peak memory that Linux reports for a program (ru_maxrss)
begins at that of the process that started it. It is started with `python -I -S`; a command that takes less memory than
its 9 MiB has those.
"""

import os
import sys

if __name__ == "__main__":
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
    _, ended, used = os.wait4(child, 0)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(ended))  # noqa: T201 - its result
