"""Responses of the application, payload by payload, in both dialects."""

import json
from typing import Any, Final

# Verbatim from the reference document: "Expected Values (Healthy System)".
_DOCUMENT = """
{
  "healthCheck": {
    "healthy": true,
    "outboxAlive": true,
    "lastProcessedOk": true
  },
  "fsm": {
    "initiated": 1000,
    "succeeded": 998,
    "failed": 2,
    "failureRate": 0.002,
    "cacheHitRate": 0.35,
    "avgDuration": 85
  },
  "outbox": {
    "pending": 5,
    "processed": 995,
    "failed": 0,
    "avgProcessingTime": 1.2
  },
  "fallbacks": {
    "layer2Activations": 0,
    "layer3Activations": 1
  }
}
"""
_PROCEDURES = {"healthCheck": "healthCheck", "fsm": "getFSM", "outbox": "getOutbox", "fallbacks": "getFallbacks"}

DOCUMENTED: Final[dict[str, dict[str, Any]]] = {
    _PROCEDURES[name]: payload for name, payload in json.loads(_DOCUMENT).items()
}

# As the deployed code answers, with the same story: 998 initialisations, 2 failures, 5 pending.
DEPLOYED: Final[dict[str, dict[str, Any]]] = {
    "healthCheck": {
        "healthy": False,
        "checks": {
            "outboxAlive": True,
            "fsmSuccessRate": 99.8,
            "fsmSuccessRateOk": True,
            "queueDepth": 5,
            "queueDepthOk": True,
            "lastProcessed": "2025-11-18T10:00:01.250Z",
            "lastProcessedOk": False,
        },
        "timestamp": "2025-11-18T10:00:02.000Z",
    },
    "getFSM": {
        "total": 1000,
        "success": 998,
        "failed": 2,
        "cacheHits": 350,
        "cacheMisses": 650,
        "durations": [80, 90, 85],
        "failureReasons": {"Course 00000000-0000-0000-0000-000000000001 not found": 2},
        "successRate": 99.8,
        "cacheHitRate": 35,
    },
    "getOutbox": {
        "metrics": {
            "batchesProcessed": 120,
            "jobsCreated": 995,
            "jobsFailed": 0,
            "retries": 3,
            "queueDepthHistory": [0, 3, 5],
            "processingDurations": [12, 40],
            "errors": {"connection": 3},
            "successRate": 100,
            "avgQueueDepth": 2.66,
        },
        "health": {"alive": True, "lastProcessed": "2025-11-18T10:00:01.500Z", "queueDepth": 5, "pollInterval": 1000},
    },
    "getFallbacks": {
        "layer2Activations": 0,
        "layer3Activations": 1,
        "layer2Successes": 0,
        "layer3Successes": 1,
        "layer2Failures": 4,
        "layer3Failures": 0,
        "timestamps": ["2025-11-18T09:00:00.000Z"],
        "recentActivations": 0,
    },
}
DIALECTS: Final = {"documented": DOCUMENTED, "deployed": DEPLOYED}


def body(value: object) -> bytes:
    """A value as the body of an answer. Like JavaScript's, but NaN and Infinity may be in it."""
    return json.dumps(value).encode()
