"""The timing of notifications, and the clocks for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """Intervals and timeouts in seconds; `capacity` is the number of incidents that one receiver may have waiting.

    `resend` and `retention` are Prometheus': --rules.alert.resend-delay, and how long it resends resolved alerts.
    `absence_timeout` is longer than a restart of the exporter takes. When the disk does not answer for `save_timeout`,
    notifications are sent without being saved.
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
    """Two clocks: `wall` in Unix seconds, and `monotonic` in seconds for durations."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
