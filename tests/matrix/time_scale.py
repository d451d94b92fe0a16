"""The time scale of the fault matrix: for-durations, windows and all intervals are multiplied by the same factor."""

from __future__ import annotations

from typing import Final

from alerts.model import Policy, RuleKey, Severity
from alerts.policy.load import load_policy

# A minute takes two seconds. Samples, scrapes and evaluations are scaled alike, so that events keep their order.
SCALE: Final = 1 / 30
INTERVAL: Final = 15 * SCALE
HOUR: Final = 3600 * SCALE

POLICY: Final[Policy] = load_policy(time_scale=SCALE, interval=INTERVAL)


def page(alert: str) -> RuleKey:
    """The key of the alert's rule of severity page."""
    return RuleKey(alert, Severity.PAGE)


def ticket(alert: str) -> RuleKey:
    """The key of the alert's rule of severity ticket."""
    return RuleKey(alert, Severity.TICKET)


def minutes(number: float) -> float:
    """Scaled minutes as real seconds."""
    return number * 60 * SCALE
