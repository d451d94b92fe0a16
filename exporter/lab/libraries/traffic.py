"""The jobs that the lab adds to a library's outbox: as many a second, with the same share of failures and delays."""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from exporter.lab.libraries.job import FAILS, QUEUES, SUCCEEDS

POISON_JOBS: Final = 20

_RATE: Final = 4.0  # jobs per second
_FLAKY_SHARE: Final = 0.06
# Seconds. Shorter than the wait for a retry, so that no job of the traffic is given up.
_FLAKY: Final = 0.8
_DELAYED_SHARE: Final = 0.05
_DELAY: Final = 30  # seconds


class NewJob(NamedTuple):
    """A job to add, `after` seconds after the last one; its attempts fail for `fails`, and it is due after `delay`."""

    queue: str
    fails: float
    delay: int
    after: float


def jobs(rng: random.Random) -> Iterator[NewJob]:
    """Endless traffic."""
    while True:
        fails = _FLAKY if rng.random() < _FLAKY_SHARE else SUCCEEDS
        delay = _DELAY if rng.random() < _DELAYED_SHARE else 0
        yield NewJob(rng.choice(QUEUES), fails, delay, rng.expovariate(_RATE))


def poison_jobs() -> list[NewJob]:
    """Jobs that always fail, all at once."""
    return [NewJob(QUEUES[-1], FAILS, 0, 0.0)] * POISON_JOBS
