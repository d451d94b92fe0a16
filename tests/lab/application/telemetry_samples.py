"""An application with one event of each kind, and its responses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.lab.application.telemetry import Telemetry

NOW = datetime(2025, 11, 18, 12, 0, tzinfo=UTC)


def busy() -> Telemetry:
    """Metrics after one event of each kind."""
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
