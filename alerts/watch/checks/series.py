"""The raw series that a watch stores beside the signals, and the collectors that they come from."""

import math
from collections.abc import Mapping
from functools import cache

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric

# The collector that decides whether breaches are excused. It has no values of the outbox.
MAINTENANCE = "maintenance"

# The raw series that are stored: for evidence, reconciliation, the clean-up and reports. Labels of None: the sum over
# all label values.
_EVENTS = {f'outbox_last_hour_fsm_events{{source="{source}"}}': (source,) for source in catalogue.SOURCES}
_KEYS = {f'outbox_idempotency_keys{{state="{state}"}}': (state,) for state in catalogue.KEY_STATES}
SERIES: Mapping[str, tuple[Metric, tuple[str, ...] | None]] = {
    "outbox_processed_jobs_total": (catalogue.PROCESSED_JOBS, ()),
    "outbox_created_jobs_total": (catalogue.CREATED_JOBS, ()),
    **{
        f'outbox_unaccounted_jobs_total{{kind="{kind}"}}': (catalogue.UNACCOUNTED_JOBS, (kind,))
        for kind in catalogue.UNACCOUNTED_KINDS
    },
    **{f'outbox_pending_jobs{{state="{state}"}}': (catalogue.PENDING_JOBS, (state,)) for state in catalogue.STATES},
    "outbox_last_hour_processed_jobs": (catalogue.LAST_HOUR_PROCESSED, ()),
    'outbox_last_hour_processing_time_avg_seconds{cohort="created"}': (
        catalogue.LAST_HOUR_PROCESSING_TIME,
        ("created",),
    ),
    **{name: (catalogue.LAST_HOUR_EVENTS, labels) for name, labels in _EVENTS.items()},
    'outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}': (catalogue.EVENTS_BY_TYPE, ("FSM_INITIALIZED",)),
    **{name: (catalogue.IDEMPOTENCY_KEYS, labels) for name, labels in _KEYS.items()},
    "outbox_idempotency_oldest_expired_timestamp_seconds": (catalogue.OLDEST_EXPIRED_KEY, ()),
    "outbox_cron_timezone_offset_seconds": (catalogue.CRON_TIMEZONE_OFFSET, ()),
    'outbox_app_fsm_initializations_total{result="succeeded"}': (catalogue.APP_FSM_INITIALIZATIONS, ("succeeded",)),
    'outbox_app_fsm_initializations_total{result="failed"}': (catalogue.APP_FSM_INITIALIZATIONS, ("failed",)),
    "outbox_app_processed_jobs_total": (catalogue.APP_PROCESSED_JOBS, ()),
    "outbox_app_fallback_activations_total": (catalogue.APP_FALLBACK_ACTIVATIONS, None),
}

# Buckets of histograms, cumulative up to a bound; all of them with infinity.
BUCKETS: Mapping[str, tuple[Metric, float]] = {
    'outbox_processing_time_seconds_bucket{le="60"}': (catalogue.PROCESSING_TIME, 60.0),
    "outbox_processing_time_seconds_count": (catalogue.PROCESSING_TIME, math.inf),
}
STORED = (*SERIES, *BUCKETS)

# The age of the samples behind a tick's counters, by collector: expensive collectors run minutes apart.
COUNTED = ("throughput", "events", "application")
AGE_OF: Mapping[str, str] = {collector: f"sample_age:{collector}" for collector in COUNTED}


@cache
def age_of(series: str) -> str:
    """The name of the value with the age, seconds, of the sample behind one of `STORED`; empty without one."""
    metric, _ = SERIES.get(series) or BUCKETS[series]
    return AGE_OF.get(collector_of_metric().get(metric.name, ""), "")


@cache
def collector_of_metric() -> Mapping[str, str]:
    """The collector of each metric, by name."""
    return {metric.name: metric.collector for metric in catalogue.CATALOGUE if metric.collector}
