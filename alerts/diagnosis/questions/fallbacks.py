"""Are defence layers 2 and 3 activated often, and do they fail?"""

from enum import StrEnum
from typing import Final

from alerts.diagnosis.application_answer import ApplicationAnswer
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from alerts.model import Severity
from exporter.core.humanize import count
from exporter.metrics.catalogue import APP_FALLBACK_ACTIVATIONS, APP_FALLBACK_FAILURES

# Seconds, as in the rules.
_ACTIVATIONS: Final = 300.0
_FAILURES: Final = 600.0


class Answer(StrEnum):
    """FAIL: too many activations failed. FREQUENT: there were too many."""

    RARE = "rare"
    FREQUENT = "frequent"
    FAIL = "fail"


def ask(sources: Sources) -> Evidence:
    """The counters of the application, and their latest increase as far as it is known."""
    found = sources.application
    if found is None:
        return Evidence(None, "no application is configured")
    activated = _recent(found)
    if activated is None:
        activated = sources.increase(APP_FALLBACK_ACTIVATIONS, sources.scaled(_ACTIVATIONS))
    failed = sources.increase(APP_FALLBACK_FAILURES, sources.scaled(_FAILURES))
    totals = found.values(APP_FALLBACK_ACTIVATIONS)
    if activated is None and failed is None:
        since = count(sum(totals.values())) if totals else "no"
        return Evidence(None, f"{since} activations since the application's start; how many lately is not known")
    text = f"{_counted(activated)} activations in five minutes, {_counted(failed)} failures in ten"
    if (failed or 0.0) >= sources.threshold("OutboxFallbacksFailing", Severity.PAGE):
        return Evidence(Answer.FAIL, text)
    if activated is None:
        return Evidence(None, text)
    many = activated > sources.threshold("OutboxFallbacksFrequent", Severity.TICKET)
    return Evidence(Answer.FREQUENT if many else Answer.RARE, text)


def _counted(number: float | None) -> str:
    return "an unknown number of" if number is None else count(number)


def _recent(found: ApplicationAnswer) -> float | None:
    """The deployed application's own count of the last five minutes."""
    number = found.payloads.get("getFallbacks", {}).get("recentActivations")
    return number if isinstance(number, float) else None
