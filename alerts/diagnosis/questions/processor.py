"""Does the application report that its processor runs?"""

from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from exporter.metrics.catalogue import APP_CHECK


class Answer(StrEnum):
    """The flag of the application. It is set at the start of the processor, and may stay when it hangs."""

    ALIVE = "alive"
    DEAD = "dead"


def ask(sources: Sources) -> Evidence:
    """The check `outbox_alive`."""
    found = sources.application
    if found is None:
        return Evidence(None, "no application is configured")
    alive = found.values(APP_CHECK).get(("outbox_alive",))
    if alive is None:
        return Evidence(None, "the application does not report whether its processor runs")
    if alive:
        return Evidence(Answer.ALIVE, "the application reports that its processor runs")
    return Evidence(Answer.DEAD, "the application reports that its processor does not run (outboxAlive is false)")
