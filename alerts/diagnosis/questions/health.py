"""Which health check of the application fails?"""

from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from exporter.metrics.catalogue import APP_CHECK, APP_HEALTHY


class Answer(StrEnum):
    """Whether it reports itself healthy, or the check that fails."""

    HEALTHY = "healthy"
    PROCESSOR = "processor"
    INITIALISATIONS = "initialisations"
    OTHER = "other"


_CHECKS = {
    "outbox_alive": Answer.PROCESSOR,
    "last_processed_ok": Answer.PROCESSOR,
    "fsm_success_rate_ok": Answer.INITIALISATIONS,
}


def ask(sources: Sources) -> Evidence:
    """The health check of one sample."""
    found = sources.application
    if found is None:
        return Evidence(None, "no application is configured")
    healthy = found.values(APP_HEALTHY).get(())
    if healthy is None:
        return Evidence(None, "the health check of the application does not answer")
    if healthy:
        return Evidence(Answer.HEALTHY, "the application reports itself healthy")
    failing = sorted(labels[0] for labels, value in found.values(APP_CHECK).items() if not value)
    answers = [_CHECKS.get(each, Answer.OTHER) for each in failing] or [Answer.OTHER]
    order = list(_CHECKS.values())
    answer = min(answers, key=lambda each: order.index(each) if each in order else len(order))
    return Evidence(answer, f"the application reports itself unhealthy; failing checks: {', '.join(failing) or 'none'}")
