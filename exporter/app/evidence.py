"""Evidence for a notification: the diagnosis of an alert within limits, by the exporter itself.

Imported with the first notification: the diagnosis takes memory that most exporters never need.
"""

import logging
from collections.abc import Callable

from alerts.diagnosis import output
from alerts.diagnosis.diagnose import diagnose
from alerts.diagnosis.sources import Limits, Sources, Targets
from alerts.diagnosis.tree import load
from alerts.model import Policy
from exporter.config.settings import Config
from exporter.core.logs import event
from exporter.database import DatabaseClient
from exporter.metrics.readings import CollectorFailure
from exporter.metrics.snapshot import CollectorState, CollectorTarget

logger = logging.getLogger(__name__)

# Seconds for the whole of it, and for one statement. A notification waits for half of this.
LIMITS = Limits(total=2.0, statement=0.5)


def gather(alert: str, targets: Targets) -> str:
    """The evidence about an alert; empty when no cause was found. Call it in the thread that samples the database."""
    found = diagnose(Sources(alert, targets, LIMITS), load())
    text = output.sentence(found)
    cause = found.cause.name if found.cause else "none"
    event(logger, logging.INFO, "alert diagnosed", alert=alert, cause=cause, evidence=text)
    return text


def targets(
    config: Config, policy: Policy, database: DatabaseClient, states: Callable[[], tuple[CollectorState, ...]]
) -> Targets:
    """What the exporter diagnoses: its own client and the results of its own collectors."""

    def failures() -> list[tuple[str, tuple[CollectorFailure, ...]]]:
        return [(each.name, each.problems) for each in states() if each.target is CollectorTarget.DATABASE]

    return Targets(config, policy, database, failures)
