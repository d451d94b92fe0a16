"""What a job of the lab does, in whichever library."""

import random
import sys
from enum import StrEnum
from typing import Final

QUEUES: Final = ("mail", "reports", "webhooks")
# With the first attempt; the same in every library.
ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 1

# A line of a worker's output after each attempt.
ENDED: Final = "an attempt has ended"

_SECONDS: Final = (0.02, 0.2)
_FLAKY_SHARE: Final = 0.5


class Outcome(StrEnum):
    """How the attempts of a job end: every one succeeds, half of them do, or none."""

    SUCCEED = "succeed"
    FLAKY = "flaky"
    FAIL = "fail"


class JobFailedError(Exception):
    """An attempt failed."""


def duration() -> float:
    """Seconds that an attempt takes."""
    return random.uniform(*_SECONDS)  # noqa: S311 - not secret


def finish(outcome: str) -> None:
    """The end of an attempt, in the worker's output as well. Raises: JobFailedError."""
    sys.stdout.write(f"{ENDED}\n")
    sys.stdout.flush()
    share = {Outcome.SUCCEED: 0, Outcome.FLAKY: _FLAKY_SHARE, Outcome.FAIL: 1}[Outcome(outcome)]
    if random.random() < share:  # noqa: S311 - not secret
        raise JobFailedError("the recipient answered with status 503")
