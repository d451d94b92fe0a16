"""Sources of a diagnosis without targets: what questions read is set by the test."""

from __future__ import annotations

from typing import Any, cast

from alerts.diagnosis.application_answer import ApplicationAnswer
from alerts.diagnosis.sources import Limits, Sources, Targets
from alerts.policy.load import load_policy
from exporter.config.settings import Config
from exporter.database import DatabaseClient
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Reading

POLICY = load_policy()


def sources(
    alert: str = "OutboxStalled",
    *failures: tuple[str, CollectorFailure],
    config: Config | None = None,
    limits: Limits | None = None,
    database: DatabaseClient | None = None,
    **known: Any,
) -> Sources:
    """Sources in which `known` are already read: application, saved, exporter."""
    collectors = [(name, (failure,)) for name, failure in failures]
    targets = Targets(config or Config(), POLICY, cast("DatabaseClient", database), lambda: collectors)
    found = Sources(alert, targets, limits)
    vars(found).update(known)
    return found


def answered(*readings: Reading, **payloads: dict[str, Any]) -> ApplicationAnswer:
    """An application that gave these readings and payloads."""
    return ApplicationAnswer(CollectorOutcome(readings), payloads)


def failing(*failures: CollectorFailure) -> ApplicationAnswer:
    """An application of which no endpoint gave a payload."""
    return ApplicationAnswer(CollectorOutcome(failures=failures), {})
