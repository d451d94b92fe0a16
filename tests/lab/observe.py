"""A lab with much traffic, and questions to it."""

from typing import Any

import requests

from exporter.lab.application.dialects import ApplicationDialect, Envelope
from exporter.lab.lab import Lab, LabPlan

LIVELY = LabPlan(rate=20.0, max_poll_interval=1.0, dialect=ApplicationDialect.DOCUMENTED, envelope=Envelope.BARE)


PENDING = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL"


def ask(lab: Lab, procedure: str) -> Any:
    return requests.get(f"{lab.application_url}/metrics.{procedure}", timeout=5).json()


def value(lab: Lab, query: str) -> Any:
    return lab.execute(query)[0][0]
