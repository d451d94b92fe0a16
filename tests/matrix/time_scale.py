"""The time scale of the fault matrix: for-durations, windows and all intervals are multiplied by the same factor."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from alerts.model import Policy, RuleKey, Severity
from alerts.policy.load import load_policy
from exporter.core.types import Seconds

# A minute takes two seconds. Samples, scrapes and evaluations are scaled alike, so that events keep their order.
SCALE: Final = 1 / 30
INTERVAL: Final = 15 * SCALE
HOUR: Final = 3600 * SCALE

# Of a lab that runs for minutes, windows of hours and days hold a fault and nothing else: no job is late here.
OBJECTIVE_TIME: Final = Seconds(math.inf)

POLICY: Final[Policy] = load_policy(
    time_scale=SCALE, interval=INTERVAL, objective=lambda objective: replace(objective, time=OBJECTIVE_TIME)
)


def page(alert: str) -> RuleKey:
    """The key of the alert's rule of severity page."""
    return RuleKey(alert, Severity.PAGE)


def ticket(alert: str) -> RuleKey:
    """The key of the alert's rule of severity ticket."""
    return RuleKey(alert, Severity.TICKET)


def minutes(number: float) -> float:
    """Scaled minutes as real seconds."""
    return number * 60 * SCALE
