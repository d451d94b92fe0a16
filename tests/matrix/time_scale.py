"""How fast the rehearsal goes: everything that the rules wait for, and how often anybody looks, by the same factor."""

from __future__ import annotations

from typing import Final

from alerts.model import Policy, RuleKey, Severity
from alerts.policy.load import load_policy

# A minute takes two seconds. Samples, scrapes and evaluations are scaled alike, so a race that is won by an interval in
# production is won by one here.
SCALE: Final = 1 / 30
INTERVAL: Final = 15 * SCALE
HOUR: Final = 3600 * SCALE

POLICY: Final[Policy] = load_policy(time_scale=SCALE, interval=INTERVAL)


def page(alert: str) -> RuleKey:
    """Its rule that wakes somebody."""
    return RuleKey(alert, Severity.PAGE)


def ticket(alert: str) -> RuleKey:
    """Its rule that opens a ticket."""
    return RuleKey(alert, Severity.TICKET)


def minutes(number: float) -> float:
    """So many minutes of the rehearsed time, in real seconds."""
    return number * 60 * SCALE
