"""Do the receivers of notifications answer?"""

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited

if TYPE_CHECKING:
    from alerts.notify.probe import ProbeResult


class Answer(StrEnum):
    """Whether all answer, or how one fails."""

    NOT_CONFIGURED = "not-configured"
    ANSWER = "answer"
    UNREACHABLE = "unreachable"
    REFUSE = "refuse"


def ask(sources: Sources) -> Evidence:
    """Request each without a notification."""
    # Not imported above: the HTTP client takes 50 ms, which other alerts do not need.
    return evidence(tuple(import_module("alerts.notify.probe").ask(sources.config.alerting)))


def evidence(results: "Sequence[ProbeResult]") -> Evidence:
    """From the results of all receivers."""
    if not results:
        return Evidence(Answer.NOT_CONFIGURED, "no receiver is configured here")
    failed = [each for each in results if each.problem]
    if not failed:
        return Evidence(Answer.ANSWER, f"reached: {', '.join(each.receiver for each in results)}")
    text = limited("; ".join(f"receiver {each.receiver}: {each.problem}" for each in failed))
    return Evidence(Answer.REFUSE if any(each.answered for each in failed) else Answer.UNREACHABLE, text)
