"""The responses of both applications, made from the same metrics."""

from datetime import timedelta

import pytest

from exporter.lab.application.dialects import ApplicationDialect, answers
from exporter.lab.application.telemetry import Telemetry
from tests.lab.application.telemetry_samples import DEPLOYED, DOCUMENTED, NOW, busy


@pytest.mark.parametrize(
    ("dialect", "expected"), [(ApplicationDialect.DOCUMENTED, DOCUMENTED), (ApplicationDialect.DEPLOYED, DEPLOYED)]
)
@pytest.mark.parametrize("procedure", list(DOCUMENTED))
def test_every_field_of_every_procedure(dialect, expected, procedure):
    """With its misleading fields, such as a success rate of 100 %."""
    assert answers(dialect, busy().figures(), NOW)[f"metrics.{procedure}"]() == expected[procedure]


def test_the_deployed_application_never_reports_a_failed_job():
    """A permanent failure is a job created; jobsFailed stays 0."""
    telemetry = Telemetry()
    telemetry.job_failed("x")
    metrics = answers(ApplicationDialect.DEPLOYED, telemetry.figures(), NOW)["metrics.getOutbox"]()["metrics"]
    assert (metrics["jobsCreated"], metrics["jobsFailed"], metrics["successRate"]) == (1, 0, 100.0)


def test_before_anything_happened():
    """SuccessRate is 0 for initialisations and 100 for the outbox, which means nothing in either."""
    fresh = answers(ApplicationDialect.DEPLOYED, Telemetry().figures(), NOW)
    assert fresh["metrics.getFSM"]()["successRate"] == 0.0
    assert fresh["metrics.getOutbox"]()["metrics"]["successRate"] == 100.0
    assert fresh["metrics.getOutbox"]()["health"]["lastProcessed"] is None
    assert fresh["metrics.healthCheck"]()["checks"]["fsmSuccessRateOk"] is True


@pytest.mark.parametrize(("seconds", "ok"), [(299, True), (300, False)])
def test_a_stalled_processor_is_unhealthy_after_300_seconds(seconds, ok):
    """In both dialects."""
    telemetry = Telemetry()
    telemetry.processor_alive(alive=True)
    telemetry.polled(0, 1.0, 1.0, NOW - timedelta(seconds=seconds))
    for dialect in ApplicationDialect:
        assert answers(dialect, telemetry.figures(), NOW)["metrics.healthCheck"]()["healthy"] is ok
