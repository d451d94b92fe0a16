"""The four endpoints: their fields in the documented and in the deployed dialect, and the readings of these.

Source: the watched system's migrations reference (documented), its deployed code (deployed).
"""

import re
from collections.abc import Iterator

from exporter.application.dialect import PayloadDialect, reading
from exporter.application.envelope import Payload
from exporter.application.fields import (
    Field,
    Values,
    count,
    flag,
    mean_of_milliseconds,
    milliseconds,
    moment,
    percent,
    ratio,
    seconds,
)
from exporter.metrics.catalogue import (
    APP_CHECK,
    APP_FAILED_JOBS,
    APP_FALLBACK_ACTIVATIONS,
    APP_FALLBACK_FAILURES,
    APP_FSM_CACHE_HIT_RATIO,
    APP_FSM_DURATION,
    APP_FSM_FAILURE_RATIO,
    APP_FSM_INITIALIZATIONS,
    APP_HEALTHY,
    APP_LAST_PROCESSED,
    APP_PENDING_JOBS,
    APP_PROCESSED_JOBS,
    APP_PROCESSING_TIME,
    Metric,
)
from exporter.metrics.readings import Reading

# A health check's name that may become a label: an identifier, no longer than PostgreSQL would allow either.
_CHECK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


# --- healthCheck -----------------------------------------------------------------------------------------------
def _check(path: str) -> Field:
    return Field(path, flag, APP_CHECK, (_snake_case(path.rpartition(".")[2]),))


def _snake_case(name: str) -> str:
    return _WORD_START.sub("_", name).lower()


def _further_checks(candidates: object) -> Iterator[Reading]:
    """Every boolean of an object, whether its dialect knows it or not."""
    if isinstance(candidates, dict):
        for name, value in candidates.items():
            if isinstance(value, bool) and name != "healthy" and _CHECK_NAME.fullmatch(name):
                yield Reading(APP_CHECK, float(value), (_snake_case(name),))


_HEALTH = (
    PayloadDialect(
        (Field("healthy", flag, APP_HEALTHY), _check("outboxAlive"), _check("lastProcessedOk")),
        derive=lambda _, payload: _further_checks(payload),
    ),
    PayloadDialect(
        (
            Field("healthy", flag, APP_HEALTHY),
            _check("checks.outboxAlive"),
            _check("checks.fsmSuccessRateOk"),
            _check("checks.queueDepthOk"),
            _check("checks.lastProcessedOk"),
            Field("checks.lastProcessed", moment, APP_LAST_PROCESSED),
        ),
        unread=("timestamp",),
        derive=lambda _, payload: _further_checks(payload.get("checks")),
    ),
)


# --- getFSM ----------------------------------------------------------------------------------------------------
def _documented_fsm(values: Values, _payload: Payload) -> Iterator[Reading]:
    tried = _sum(values, "succeeded", "failed")
    begun = values.get("initiated", tried)
    if begun:
        yield from reading(APP_FSM_CACHE_HIT_RATIO, values.get("cacheHitRate"))
        yield from reading(APP_FSM_DURATION, values.get("avgDuration"))
    yield from _share(APP_FSM_FAILURE_RATIO, values.get("failed"), tried, values.get("failureRate") if begun else None)


def _deployed_fsm(values: Values, _payload: Payload) -> Iterator[Reading]:
    tried = _sum(values, "success", "failed")
    asked = _sum(values, "cacheHits", "cacheMisses")
    begun = values.get("total", tried)
    succeeded, hits = (values.get("successRate"), values.get("cacheHitRate")) if begun else (None, None)
    stated = None if succeeded is None else 1 - succeeded
    yield from _share(APP_FSM_FAILURE_RATIO, values.get("failed"), tried, stated)
    yield from _share(APP_FSM_CACHE_HIT_RATIO, values.get("cacheHits"), asked, hits)


def _sum(values: Values, *paths: str) -> float | None:
    parts = [values.get(path) for path in paths]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _share(metric: Metric, part: float | None, whole: float | None, stated: float | None) -> Iterator[Reading]:
    """`part` of `whole`, nothing when the whole is 0; the application's own ratio only where a count is unreadable."""
    if part is None or whole is None:
        yield from reading(metric, stated)
    elif whole > 0:
        yield Reading(metric, part / whole)


_FSM = (
    PayloadDialect(
        (
            Field("initiated", count),
            Field("succeeded", count, APP_FSM_INITIALIZATIONS, ("succeeded",)),
            Field("failed", count, APP_FSM_INITIALIZATIONS, ("failed",)),
            Field("failureRate", ratio),
            Field("cacheHitRate", ratio),
            Field("avgDuration", milliseconds),
        ),
        derive=_documented_fsm,
    ),
    PayloadDialect(
        (
            Field("total", count),
            Field("success", count, APP_FSM_INITIALIZATIONS, ("succeeded",)),
            Field("failed", count, APP_FSM_INITIALIZATIONS, ("failed",)),
            Field("cacheHits", count),
            Field("cacheMisses", count),
            Field("durations", mean_of_milliseconds, APP_FSM_DURATION),
            Field("successRate", percent),
            Field("cacheHitRate", percent),
        ),
        unread=("failureReasons",),
        derive=_deployed_fsm,
    ),
)


# --- getOutbox -------------------------------------------------------------------------------------------------
def _processing_time(values: Values, _payload: Payload) -> Iterator[Reading]:
    if values.get("processed"):
        yield from reading(APP_PROCESSING_TIME, values.get("avgProcessingTime"))


_OUTBOX = (
    PayloadDialect(
        (
            Field("pending", count, APP_PENDING_JOBS),
            Field("processed", count, APP_PROCESSED_JOBS),
            Field("failed", count, APP_FAILED_JOBS),
            Field("avgProcessingTime", seconds),
        ),
        derive=_processing_time,
    ),
    # The deployed processingDurations are per batch: no time per job follows from them.
    PayloadDialect(
        (
            Field("health.queueDepth", count, APP_PENDING_JOBS),
            Field("metrics.jobsCreated", count, APP_PROCESSED_JOBS),
            Field("metrics.jobsFailed", count, APP_FAILED_JOBS),
            Field("health.lastProcessed", moment, APP_LAST_PROCESSED),
        ),
    ),
)

# --- getFallbacks ----------------------------------------------------------------------------------------------
_ACTIVATIONS = (
    Field("layer2Activations", count, APP_FALLBACK_ACTIVATIONS, ("2",)),
    Field("layer3Activations", count, APP_FALLBACK_ACTIVATIONS, ("3",)),
)
_FALLBACKS = (
    PayloadDialect(_ACTIVATIONS),
    PayloadDialect(
        (
            *_ACTIVATIONS,
            Field("layer2Failures", count, APP_FALLBACK_FAILURES, ("2",)),
            Field("layer3Failures", count, APP_FALLBACK_FAILURES, ("3",)),
        ),
        unread=("layer2Successes", "layer3Successes", "timestamps", "recentActivations"),
    ),
)

# The documented dialect of each endpoint comes first. getOutbox comes before healthCheck: both may say when the
# processor last worked, and the processor itself knows better than a check of it.
DIALECTS: dict[str, tuple[PayloadDialect, ...]] = {
    "getOutbox": _OUTBOX,
    "healthCheck": _HEALTH,
    "getFSM": _FSM,
    "getFallbacks": _FALLBACKS,
}
ENDPOINTS = tuple(DIALECTS)
