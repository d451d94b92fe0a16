"""How often and for how long: every interval of notifying in one place, and the clocks that they are taken from."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """Every interval of notifying, in seconds, and how many episodes one receiver may have waiting.

    `resend` and `retention` are Prometheus' own: --rules.alert.resend-delay, and how long it repeats what is resolved.
    `patience` is that of `episodes.observed`: longer than an exporter needs to start and judge anew. A disk that does
    not answer for `save_patience` does not hold up the pager any longer.
    """

    resend: float = 60
    retention: float = 900
    timeout: float = 10
    initial_retry_interval: float = 1
    max_retry_interval: float = 60
    absence_timeout: float = 300
    save_timeout: float = 2
    capacity: int = 200


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks: `wall` gives Unix seconds, for others; `tick` is never set, for durations."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
