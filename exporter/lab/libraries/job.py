"""What a job of the lab does, in whichever library. Its attempts fail until a time, which is the job's argument."""

import random
import sys
import time
from typing import Final

QUEUES: Final = ("mail", "reports", "webhooks")
# With the first attempt; the same in every library.
ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 1

# Unix seconds: every attempt succeeds, or none does (the year 2100).
SUCCEEDS: Final = 0.0
FAILS: Final = 4_102_444_800.0

# A line of a worker's output after each attempt.
ENDED: Final = "an attempt has ended"

_SECONDS: Final = (0.02, 0.2)


class JobFailedError(Exception):
    """An attempt failed."""


def duration() -> float:
    """Seconds that an attempt takes."""
    return random.uniform(*_SECONDS)  # noqa: S311 - not secret


def finish(fails_until: float) -> None:
    """The end of an attempt, in the worker's output as well. Raises: JobFailedError until that time, Unix seconds."""
    sys.stdout.write(f"{ENDED}\n")
    sys.stdout.flush()
    if time.time() < fails_until:
        raise JobFailedError("the recipient answered with status 503")
