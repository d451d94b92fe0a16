"""Series as functions of time: healthy ones, replicas, restarts.

Time is seconds since the beginning of a test, which is also Unix time to the rules. None: there is no sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby, pairwise
from typing import Final

from exporter.metrics.catalogue import STATES, WATCH_STATES

STEP: Final = 15  # seconds: the rules' interval, and that of the scrapes
MINUTE, HOUR, DAY = 60, 3600, 86400

Series = Callable[[float], float | None]
SeriesByName = Mapping[str, Series]

# Counters of the exporter begin anew with it; those of the application only with the application.
_OWN_COUNTERS = re.compile(r"outbox_(?!app_)\w+_(total|bucket)\b")
COUNTERS = re.compile(r"outbox_\w+_(total|bucket)\b")


def flat(value: float) -> Series:
    return lambda _: value


def gone(_: float) -> None:
    """No sample at any time."""


def age(seconds: float) -> Series:
    """The time of something that is always so old."""
    return lambda time: time - seconds


def phases(first: Series | float, *later: tuple[float, Series | float]) -> Series:
    """One series after another, each from its time on."""
    parts = [(0.0, first), *later]
    functions = [(start, part if callable(part) else flat(part)) for start, part in parts]

    def value(time: float) -> float | None:
        return next(part for start, part in reversed(functions) if start <= time)(time)

    return value


def counting(per_minute: float, *later: tuple[float, float], start: float = 1000) -> Series:
    """A counter with its rate, and later rates by time."""
    paces = [(0.0, per_minute), *later]

    def value(time: float) -> float:
        total = start
        for (begin, pace), (end, _) in pairwise([*paces, (float("inf"), 0.0)]):
            total += pace * max(0.0, min(time, end) - begin) / MINUTE
        return total

    return value


def jumping(at: float, by: float, start: float = 1000) -> Series:
    """A constant counter with one jump."""
    return phases(start, (at, start + by))


def buckets(*shares: tuple[str, float], per_minute: float = 224) -> dict[str, Series]:
    """The histogram of so many jobs a minute: by upper bound, the share of jobs that took no longer."""
    return {f'outbox_processing_time_seconds_bucket{{le="{le}"}}': counting(per_minute * share) for le, share in shares}


FAST = buckets(("1.0", 0.9), ("30.0", 1), ("60.0", 1), ("150.0", 1), ("+Inf", 1))
COLLECTORS = (
    "backlog", "throughput", "last_hour", "events", "idempotency", "maintenance", "migration", "tables", "application",
)  # fmt: skip

HEALTHY: SeriesByName = {
    "up": flat(1),
    "process_start_time_seconds": flat(-DAY),
    **{f'outbox_pending_jobs{{state="{state}"}}': flat(3 if state == "waiting" else 0) for state in STATES},
    'outbox_oldest_pending_timestamp_seconds{state="waiting"}': age(5),
    "outbox_head_blocked_jobs": flat(0),
    "outbox_created_jobs_total": counting(224),
    "outbox_processed_jobs_total": counting(224),
    **{f'outbox_unaccounted_jobs_total{{kind="{kind}"}}': flat(3) for kind in ("removed", "uncounted", "doubled")},
    **FAST,
    "outbox_last_hour_processed_jobs": flat(1000),
    "outbox_last_hour_failure_ratio": flat(0),
    'outbox_app_fsm_initializations_total{result="succeeded"}': counting(60),
    'outbox_app_fsm_initializations_total{result="failed"}': flat(7),
    **{f'outbox_app_fallback_activations_total{{layer="{layer}"}}': flat(2) for layer in (2, 3)},
    **{f'outbox_app_fallback_failures_total{{layer="{layer}"}}': flat(1) for layer in (2, 3)},
    **{
        f'outbox_app_up{{endpoint="{name}"}}': flat(1)
        for name in ("healthCheck", "getFSM", "getOutbox", "getFallbacks")
    },
    "outbox_app_healthy": flat(1),
    **{f'outbox_app_check{{check="{name}"}}': flat(1) for name in ("outbox_alive", "fsm_success_rate_ok")},
    "outbox_app_fsm_failure_ratio": flat(0.002),
    "outbox_idempotency_oldest_expired_timestamp_seconds": age(20 * HOUR),
    "outbox_oldest_processed_timestamp_seconds": age(35 * DAY),
    **{f'outbox_migration_checks{{status="{status}"}}': flat(count) for status, count in (("ok", 40), ("broken", 0))},
    'outbox_vacuum_horizon_held_timestamp_seconds{holder="session"}': age(20 * MINUTE),
    "outbox_maintenance_active": flat(0),
    "outbox_up": flat(1),
    **{f'outbox_collector_success{{collector="{name}"}}': flat(1) for name in COLLECTORS},
    **{f'outbox_collector_last_success_timestamp_seconds{{collector="{name}"}}': age(0) for name in COLLECTORS},
    **{
        f'outbox_collector_failures_total{{collector="{name}",reason="{reason}"}}': flat(0)
        for name in COLLECTORS[:5]
        for reason in ("rls", "permission")
    },
    "outbox_exporter_config_last_reload_successful": flat(1),
    'outbox_notifications_waiting{receiver="alertmanager"}': flat(0),
    'outbox_notifications_total{receiver="alertmanager",result="dropped"}': flat(2),
    'outbox_drill_active{severity="page"}': flat(0),
    'outbox_drill_success{receiver="alertmanager"}': flat(1),
    **{f'outbox_watch_state{{state="{state}"}}': flat(state == "waiting") for state in WATCH_STATES},
}


def restarted(series_by_name: SeriesByName, at: float, back: float) -> SeriesByName:
    """The exporter is gone from `at` until `back`; then its own counters begin at zero."""

    def restart(name: str, series: Series) -> Series:
        if name == "up":
            return phases(series, (at, 0), (back, series))
        if name == "process_start_time_seconds":
            return phases(series, (at, gone), (back, back))
        return phases(series, (at, gone), (back, _from_zero(series, back) if _OWN_COUNTERS.match(name) else series))

    return {name: restart(name, series) for name, series in series_by_name.items()}


def reset(series_by_name: SeriesByName, at: float) -> SeriesByName:
    """Every counter begins at zero, from one scrape to the next."""
    return {
        name: phases(series, (at, _from_zero(series, at))) if COUNTERS.match(name) else series
        for name, series in series_by_name.items()
    }


def _from_zero(series: Series, since: float) -> Series:
    def value(time: float) -> float | None:
        now, then = series(time), series(since)
        return None if now is None or then is None else now - then

    return value


def labelled(name: str, **more: str) -> str:
    """The series with further labels."""
    metric, _, rest = name.partition("{")
    pairs = [rest.removesuffix("}")] if rest else []
    pairs += [f'{key}="{value}"' for key, value in more.items()]
    return f"{metric}{{{','.join(pairs)}}}"


def notation(series: Series, length: float) -> str:
    """The samples as promtool's test files have them, one for each step, the end included."""
    values = [series(time) for time in range(0, int(length) + STEP, STEP)]
    return " ".join(_tokens(values))


def _tokens(values: Iterable[float | None]) -> Iterable[str]:
    before = False
    for value, same in groupby(values):
        count = sum(1 for _ in same)
        if value is not None:
            yield f"{float(value):.15g}x{count - 1}"
        elif before:
            yield f"stale _x{count - 1}" if count > 1 else "stale"
        else:
            yield f"_x{count}"
        before = value is not None
