"""The jobs that the lab adds to a library's outbox: as many a second, with the same share of failures and delays."""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from exporter.lab.libraries.job import QUEUES, Outcome

POISON_JOBS: Final = 20

_RATE: Final = 4.0  # jobs per second
_FLAKY_SHARE: Final = 0.06
_DELAYED_SHARE: Final = 0.05
_DELAY: Final = 30  # seconds


class NewJob(NamedTuple):
    """A job to add, in `after` seconds; it is due `delay` seconds later."""

    queue: str
    outcome: Outcome
    delay: int
    after: float


def jobs(rng: random.Random) -> Iterator[NewJob]:
    """Endless traffic."""
    while True:
        outcome = Outcome.FLAKY if rng.random() < _FLAKY_SHARE else Outcome.SUCCEED
        delay = _DELAY if rng.random() < _DELAYED_SHARE else 0
        yield NewJob(rng.choice(QUEUES), outcome, delay, rng.expovariate(_RATE))


def poison_jobs() -> list[NewJob]:
    """Jobs that always fail, all at once."""
    return [NewJob(QUEUES[-1], Outcome.FAIL, 0, 0.0)] * POISON_JOBS
