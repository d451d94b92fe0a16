"""The stand-in application over real HTTP: two dialects, three envelopes, known lies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from exporter.lab.application.dialects import ApplicationDialect, Envelope, answers
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry

NOW = datetime(2025, 11, 18, 12, 0, tzinfo=UTC)
TIMEOUT = 5


def busy() -> Telemetry:
    """An application that has seen something of everything."""
    telemetry = Telemetry()
    telemetry.processor_alive(alive=True)
    telemetry.initialised(80.0, cached=False)
    telemetry.initialised(120.0, cached=True)
    telemetry.initialised(100.0, cached=False)
    telemetry.initialisation_failed("course 1 does not exist")
    telemetry.job_succeeded(1.0)
    telemetry.job_succeeded(2.0)
    telemetry.job_failed("QueueRefusedError")
    telemetry.retried()
    telemetry.polled(3, 40.0, 1.0, NOW - timedelta(seconds=10))
    telemetry.polled(0, 1.0, 1.5, NOW - timedelta(seconds=8))
    telemetry.fell_back(2, NOW - timedelta(minutes=10), succeeded=True)
    telemetry.fell_back(2, NOW - timedelta(minutes=1), succeeded=False)
    telemetry.fell_back(3, NOW - timedelta(minutes=1), succeeded=True)
    return telemetry


DOCUMENTED: dict[str, dict[str, Any]] = {
    "healthCheck": {"healthy": True, "outboxAlive": True, "lastProcessedOk": True},
    "getFSM": {
        "initiated": 4,
        "succeeded": 3,
        "failed": 1,
        "failureRate": 0.25,
        "cacheHitRate": pytest.approx(1 / 3),
        "avgDuration": 100.0,
    },
    "getOutbox": {"pending": 0, "processed": 2, "failed": 1, "avgProcessingTime": 1.5},
    "getFallbacks": {"layer2Activations": 2, "layer3Activations": 1},
}
DEPLOYED: dict[str, dict[str, Any]] = {
    "healthCheck": {
        "healthy": False,
        "checks": {
            "outboxAlive": True,
            "fsmSuccessRate": 75.0,
            "fsmSuccessRateOk": False,
            "queueDepth": 0,
            "queueDepthOk": True,
            "lastProcessed": "2025-11-18T11:59:52.000Z",
            "lastProcessedOk": True,
        },
        "timestamp": "2025-11-18T12:00:00.000Z",
    },
    "getFSM": {
        "total": 4,
        "success": 3,
        "failed": 1,
        "cacheHits": 1,
        "cacheMisses": 2,
        "durations": [80.0, 120.0, 100.0],
        "failureReasons": {"course 1 does not exist": 1},
        "successRate": 75.0,
        "cacheHitRate": pytest.approx(100 / 3),
    },
    "getOutbox": {
        "metrics": {
            "batchesProcessed": 1,
            "jobsCreated": 3,
            "jobsFailed": 0,
            "retries": 1,
            "queueDepthHistory": [3, 0],
            "processingDurations": [40.0],
            "errors": {"QueueRefusedError": 1},
            "successRate": 100.0,
            "avgQueueDepth": 1.5,
        },
        "health": {"alive": True, "lastProcessed": "2025-11-18T11:59:52.000Z", "queueDepth": 0, "pollInterval": 1500.0},
    },
    "getFallbacks": {
        "layer2Activations": 2,
        "layer3Activations": 0,
        "layer2Successes": 1,
        "layer3Successes": 0,
        "layer2Failures": 1,
        "layer3Failures": 0,
        "timestamps": ["2025-11-18T11:50:00.000Z", "2025-11-18T11:59:00.000Z", "2025-11-18T11:59:00.000Z"],
        "recentActivations": 2,
    },
}


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    with Application(busy()) as application:
        yield application


def get(application: Application, procedure: str, **options: Any) -> requests.Response:
    return requests.get(f"{application.url}/metrics.{procedure}", timeout=TIMEOUT, **options)


@pytest.mark.parametrize(
    ("dialect", "expected"), [(ApplicationDialect.DOCUMENTED, DOCUMENTED), (ApplicationDialect.DEPLOYED, DEPLOYED)]
)
@pytest.mark.parametrize("procedure", list(DOCUMENTED))
def test_every_field_of_every_procedure(dialect, expected, procedure):
    """The answer has exactly the fields of its dialect, lies included."""
    assert answers(dialect, busy().figures(), NOW)[f"metrics.{procedure}"]() == expected[procedure]


def test_the_deployed_application_never_admits_a_failed_job():
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


@pytest.mark.parametrize("dialect", list(ApplicationDialect))
@pytest.mark.parametrize(
    ("envelope", "path"),
    [(Envelope.BARE, ()), (Envelope.DATA, ("result", "data")), (Envelope.JSON, ("result", "data", "json"))],
)
def test_envelopes_over_http(application, dialect, envelope, path):
    """The same answer, in whatever it is wrapped."""
    application.dialect, application.envelope = dialect, envelope
    answer = get(application, "getFallbacks").json()
    for step in path:
        assert set(answer) == {step}
        answer = answer[step]
    expected = DOCUMENTED if dialect is ApplicationDialect.DOCUMENTED else DEPLOYED
    assert answer["layer2Activations"] == expected["getFallbacks"]["layer2Activations"]
    assert set(answer) == set(expected["getFallbacks"])


def test_the_base_is_the_dialects_own(application):
    """/api/trpc when documented, /trpc when deployed, and 404 at the other's."""
    application.dialect = ApplicationDialect.DOCUMENTED
    assert application.url.endswith("/api/trpc")
    application.dialect, other = ApplicationDialect.DEPLOYED, application.url
    assert application.url.endswith(f":{application.port}/trpc")
    assert requests.get(f"{other}/metrics.getFSM", timeout=TIMEOUT).status_code == 404


def test_an_unknown_procedure_is_a_trpc_error(application):
    """404 with an error envelope."""
    application.envelope = Envelope.JSON
    response = get(application, "getNothing")
    assert response.status_code == 404
    assert response.json()["error"]["json"]["data"] == {"code": "NOT_FOUND", "httpStatus": 404}


def test_a_bearer_token_is_asked_for():
    """Without it or with another 401, with it an answer."""
    with Application(Telemetry(), token="s3cret") as application:
        assert get(application, "getFSM").status_code == 401
        assert get(application, "getFSM", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert get(application, "getFSM", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_a_stopped_application_refuses_and_comes_back_on_the_same_port():
    """Down is down: connections are refused, kept-alive ones too."""
    with Application(Telemetry()) as application, requests.Session() as session:
        url = f"{application.url}/metrics.getFSM"
        assert session.get(url, timeout=TIMEOUT).status_code == 200
        application.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=TIMEOUT)
        application.start()
        assert session.get(url, timeout=TIMEOUT).status_code == 200


def test_a_restart_of_the_application_begins_at_zero():
    """But the processor is as alive as before."""
    telemetry = busy()
    telemetry.reset()
    figures = telemetry.figures()
    assert (figures.initialisations.succeeded, figures.processing.succeeded, figures.processing.alive) == (0, 0, True)
