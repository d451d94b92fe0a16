"""One sample of a real stand-in application."""

from __future__ import annotations

from alerts.diagnosis.application_sample import sample
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import Reason
from exporter.core.types import Seconds, Url
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry
from exporter.lab.ports import LOOPBACK, free_port
from exporter.metrics.catalogue import APP_UP


def test_readings_and_payloads():
    """The readings of the collector, and what they were made of."""
    with Application(Telemetry()) as application:
        found = sample(ApplicationSettings(Url(application.url)))
    assert set(found.payloads) == {"getOutbox", "healthCheck", "getFSM", "getFallbacks"}
    assert found.payloads["getFSM"]["failureReasons"] == {}
    assert sum(found.values(APP_UP).values()) == 4
    assert found.outcome.failures == ()


def test_a_shorter_time():
    """No payload of one that refuses; a failure for each endpoint."""
    settings = ApplicationSettings(Url(f"http://{LOOPBACK}:{free_port()}"), timeout=Seconds(5))
    found = sample(settings, seconds=0.5)
    assert found.payloads == {}
    assert {failure.reason for failure in found.outcome.failures} == {Reason.CONNECTION}
