"""The responses of the two known applications, made from the same metrics, and the envelopes around them."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from exporter.lab.application.telemetry import Fallbacks, Figures, Initialisations, Processing

Answer = dict[str, Any]

# deployed-application.md, "Thresholds its team uses".
_STALLED: Final = timedelta(seconds=300)
_CRITICAL_DEPTH: Final = 1000
_LEAST_SUCCESS_PERCENT: Final = 95.0
_RECENT: Final = timedelta(minutes=5)


class ApplicationDialect(Enum):
    """The application whose responses are served."""

    DOCUMENTED = "documented"
    DEPLOYED = "deployed"

    @property
    def base(self) -> str:
        """The path of its procedures."""
        return "/api/trpc" if self is ApplicationDialect.DOCUMENTED else "/trpc"


class Envelope(Enum):
    """The JSON around a response."""

    BARE = "bare"  # nothing, as in the reference document
    DATA = "data"  # tRPC: result.data
    JSON = "json"  # tRPC with superjson: result.data.json

    def around(self, answer: Answer) -> Answer:
        """The response in this envelope."""
        if self is Envelope.BARE:
            return answer
        return {"result": {"data": answer if self is Envelope.DATA else {"json": answer}}}

    def around_error(self, code: str, status: int, message: str) -> Answer:
        """A tRPC error; the bare application uses the same."""
        error = {"message": message, "code": -32000, "data": {"code": code, "httpStatus": status}}
        return {"error": {"json": error} if self is Envelope.JSON else error}


def answers(dialect: ApplicationDialect, figures: Figures, now: datetime) -> dict[str, Callable[[], Answer]]:
    """The procedures of the application by name; each returns its response."""
    initialisations, processing, fallbacks = figures.initialisations, figures.processing, figures.fallbacks
    if dialect is ApplicationDialect.DOCUMENTED:
        return {
            "metrics.healthCheck": lambda: _documented_health(processing, now),
            "metrics.getFSM": lambda: _documented_fsm(initialisations),
            "metrics.getOutbox": lambda: _documented_outbox(processing),
            "metrics.getFallbacks": lambda: _documented_fallbacks(fallbacks),
        }
    return {
        "metrics.healthCheck": lambda: _deployed_health(initialisations, processing, now),
        "metrics.getFSM": lambda: _deployed_fsm(initialisations),
        "metrics.getOutbox": lambda: _deployed_outbox(processing),
        "metrics.getFallbacks": lambda: _deployed_fallbacks(fallbacks, now),
    }


def _documented_health(processing: Processing, now: datetime) -> Answer:
    checks = {"outboxAlive": processing.alive, "lastProcessedOk": _processed_lately(processing, now)}
    return {"healthy": all(checks.values()), **checks}


def _documented_fsm(counts: Initialisations) -> Answer:
    initiated = counts.succeeded + counts.failed
    return {
        "initiated": initiated,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "failureRate": _ratio(counts.failed, initiated),
        "cacheHitRate": _ratio(counts.cache_hits, counts.cache_hits + counts.cache_misses),
        "avgDuration": _mean(counts.durations),
    }


def _documented_outbox(processing: Processing) -> Answer:
    return {
        "pending": processing.depth,
        "processed": processing.succeeded,
        "failed": processing.failed,
        "avgProcessingTime": _ratio(processing.seconds, processing.succeeded),
    }


def _documented_fallbacks(fallbacks: Fallbacks) -> Answer:
    return {f"layer{layer}Activations": fallbacks.activations[layer] for layer in (2, 3)}


def _deployed_health(counts: Initialisations, processing: Processing, now: datetime) -> Answer:
    initiated = counts.succeeded + counts.failed
    percent = 100 * _ratio(counts.succeeded, initiated)
    verdicts = {
        "outboxAlive": processing.alive,
        "fsmSuccessRateOk": initiated == 0 or percent >= _LEAST_SUCCESS_PERCENT,
        # Never false: the depth is the size of a batch, and a batch has at most 100 jobs.
        "queueDepthOk": processing.depth < _CRITICAL_DEPTH,
        "lastProcessedOk": _processed_lately(processing, now),
    }
    return {
        "healthy": all(verdicts.values()),
        "checks": {
            **verdicts,
            "fsmSuccessRate": percent,
            "queueDepth": processing.depth,
            "lastProcessed": _iso(processing.polled_at),
        },
        "timestamp": _iso(now),
    }


def _deployed_fsm(counts: Initialisations) -> Answer:
    initiated = counts.succeeded + counts.failed
    return {
        "total": initiated,
        "success": counts.succeeded,
        "failed": counts.failed,
        "cacheHits": counts.cache_hits,
        "cacheMisses": counts.cache_misses,
        "durations": list(counts.durations),
        "failureReasons": dict(counts.failure_reasons),
        "successRate": 100 * _ratio(counts.succeeded, initiated),
        "cacheHitRate": 100 * _ratio(counts.cache_hits, counts.cache_hits + counts.cache_misses),
    }


def _deployed_outbox(processing: Processing) -> Answer:
    return {
        "metrics": {
            "batchesProcessed": processing.batches,
            # The deployed application counts a permanent failure as a job created.
            "jobsCreated": processing.succeeded + processing.failed,
            "jobsFailed": 0,
            "retries": processing.retries,
            "queueDepthHistory": list(processing.depths),
            "processingDurations": list(processing.durations),
            "errors": dict(processing.errors),
            "successRate": 100.0,
            "avgQueueDepth": _mean(processing.depths),
        },
        "health": {
            "alive": processing.alive,
            "lastProcessed": _iso(processing.polled_at),
            "queueDepth": processing.depth,
            "pollInterval": processing.pause * 1000,
        },
    }


def _deployed_fallbacks(fallbacks: Fallbacks, now: datetime) -> Answer:
    """Layer 3 is always zero: it runs in the worker's process, whose metrics are not served."""
    return {
        "layer2Activations": fallbacks.activations[2],
        "layer3Activations": 0,
        "layer2Successes": fallbacks.activations[2] - fallbacks.failures[2],
        "layer3Successes": 0,
        "layer2Failures": fallbacks.failures[2],
        "layer3Failures": 0,
        "timestamps": [_iso(time) for time in fallbacks.times],
        "recentActivations": sum(1 for time in fallbacks.times if now - time <= _RECENT),
    }


def _processed_lately(processing: Processing, now: datetime) -> bool:
    """Depends on the latest poll only, not on any job."""
    return processing.polled_at is not None and now - processing.polled_at < _STALLED


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return _ratio(sum(known), len(known))


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
