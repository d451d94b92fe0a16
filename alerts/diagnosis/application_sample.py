"""One sample of the application for a diagnosis, apart from those of the collector."""

from dataclasses import replace

from alerts.diagnosis.application_answer import ApplicationAnswer
from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import SampleError
from exporter.core.types import Seconds


def sample(settings: ApplicationSettings, seconds: float | None = None) -> ApplicationAnswer:
    """Request the four endpoints once, within `application.timeout` or within so many seconds, if these are fewer."""
    if seconds is not None:
        settings = replace(settings, timeout=Seconds(min(settings.timeout, seconds)))
    collector = ApplicationCollector(settings)
    payloads = collector.request()
    answered = {endpoint: each for endpoint, each in payloads.items() if not isinstance(each, SampleError)}
    return ApplicationAnswer(collector.outcome(payloads), answered)
