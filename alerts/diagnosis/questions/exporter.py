"""Does the exporter run here, and is it scraped?"""

import time
from enum import StrEnum

from alerts.diagnosis.exporter_status import ExporterStatus
from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from alerts.model import RuleKey, Severity
from exporter.core.humanize import duration


class Answer(StrEnum):
    """ANSWERS: it runs, and whether it is scraped is not known."""

    NOT_RUNNING = "not-running"
    NO_ANSWER = "no-answer"
    ANSWERS = "answers"
    NOT_SCRAPED = "not-scraped"
    SCRAPED = "scraped"


def ask(sources: Sources) -> Evidence:
    """From the status of the exporter at `web.listen`."""
    limit = sources.policy.rule(RuleKey("OutboxExporterDown", Severity.PAGE)).hold_duration
    return evidence(sources.exporter, sources.config.web.listen, limit, time.time())


def evidence(status: ExporterStatus, address: str, limit: float, now: float) -> Evidence:
    """`limit` is how long a scrape may be ago, seconds; `now` in Unix seconds."""
    if not status.answers:
        answer = Answer.NO_ANSWER if status.accepts else Answer.NOT_RUNNING
        return Evidence(answer, f"the exporter at {address}: {status.problem}")
    started, last = status.document.get("started"), status.document.get("last_scrape")
    if not isinstance(started, int | float):
        return Evidence(Answer.ANSWERS, f"the exporter at {address} answers; its status needs TLS or credentials")
    if not isinstance(last, int | float):
        text = f"the exporter at {address} answers; it was not scraped since its start {duration(now - started)} ago"
        return Evidence(Answer.ANSWERS if now - started <= limit else Answer.NOT_SCRAPED, text)
    text = f"the exporter at {address} answers; its last scrape was {duration(max(now - last, 0.0))} ago"
    return Evidence(Answer.SCRAPED if now - last <= limit else Answer.NOT_SCRAPED, text)
