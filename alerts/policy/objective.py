"""The latency objective: the bounds of the histogram that can measure it."""

import math
from bisect import bisect_left

from exporter.config.values import format_duration
from exporter.metrics.catalogue import PROCESSING_TIME, PROCESSING_TIME_BUCKETS


def bound_error(seconds: float) -> str | None:
    """Why jobs cannot be counted that took no longer than this; None when a bucket of the histogram counts them."""
    if seconds in PROCESSING_TIME_BUCKETS:
        return None
    bounds = ", ".join(map(format_duration, PROCESSING_TIME_BUCKETS))
    return f"expected an upper bound of a bucket of {PROCESSING_TIME.name}: {bounds}"


def least_bound(seconds: float) -> float:
    """The least upper bound of a bucket that is no shorter; infinite beyond the last one."""
    return (*PROCESSING_TIME_BUCKETS, math.inf)[bisect_left(PROCESSING_TIME_BUCKETS, seconds)]


def bucket_label(bound: float) -> str:
    """The value of the label `le` of a bucket, as it is exposed."""
    return "+Inf" if bound == math.inf else repr(float(bound))
