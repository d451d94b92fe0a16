"""The application's own metrics: bounded lists, and a restart."""

from exporter.lab.application.dialects import ApplicationDialect, answers
from exporter.lab.application.telemetry import Telemetry
from tests.lab.application.telemetry_samples import NOW, busy


def test_long_lists_are_bounded():
    """The last 1000 durations, the last 100 timestamps and depths."""
    telemetry = Telemetry()
    for _ in range(1100):
        telemetry.initialised(1.0, cached=False)
        telemetry.polled(1, 1.0, 1.0, NOW)
        telemetry.fell_back(2, NOW, succeeded=True)
    deployed = answers(ApplicationDialect.DEPLOYED, telemetry.figures(), NOW)
    assert len(deployed["metrics.getFSM"]()["durations"]) == 1000
    assert len(deployed["metrics.getOutbox"]()["metrics"]["queueDepthHistory"]) == 100
    assert len(deployed["metrics.getFallbacks"]()["timestamps"]) == 100


def test_a_reset_sets_all_to_zero():
    """Except whether the processor is alive."""
    telemetry = busy()
    telemetry.reset()
    figures = telemetry.figures()
    assert (figures.initialisations.succeeded, figures.processing.succeeded, figures.processing.alive) == (0, 0, True)
