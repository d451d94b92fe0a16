"""A process that uses a library: `python -m exporter.lab.libraries.process PROFILE DSN traffic|poison|worker`.

It ends when its standard input does, with its children, so that nothing is left of a demo that was killed.
"""

import os
import random
import signal
import sys
import threading
import time
from typing import Final

from exporter.lab.libraries import known
from exporter.lab.libraries.library import Library
from exporter.lab.libraries.traffic import NewJob, jobs, poison_jobs

INSTALLED: Final = "the tables are installed"
TRAFFIC: Final = "traffic"
POISON: Final = "poison"
WORKER: Final = "worker"

_SEED: Final = 1


def main(profile: str, dsn: str, role: str) -> None:
    """`traffic` installs the tables and adds jobs, `poison` adds some that always fail before; `worker` runs jobs.

    Jobs are added from the first line of the standard input on.
    """
    told = threading.Event()
    threading.Thread(target=_follow_parent, args=(told,), daemon=True).start()
    library = known.load(profile, dsn)
    if role == WORKER:
        library.work()
    else:
        library.install()
        sys.stdout.write(f"{INSTALLED}\n")
        sys.stdout.flush()
        told.wait()
        _produce(library, poison_jobs() if role == POISON else [])


def _produce(library: Library, first: list[NewJob]) -> None:
    rng = random.Random(_SEED)  # noqa: S311 - reproducible, not secret
    for source in (first, jobs(rng)):
        for job in source:
            time.sleep(job.after)
            library.enqueue(job.queue, time.time() + job.fails, job.delay)


def _follow_parent(told: threading.Event) -> None:
    for _ in sys.stdin:
        told.set()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
