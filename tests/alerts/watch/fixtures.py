"""Generated histories: healthy ticks, and changes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from alerts.model import Policy
from alerts.policy.load import load_policy
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.checks import series
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.clock import WatchTime
from alerts.watch.model.result import CheckResult, Judgement
from alerts.watch.model.tick import Cause, CollectorProblem, Tick
from alerts.watch.model.watch import Watch
from alerts.watch.runtime.watch_manager import WatchFactory

# 2025-11-18 10:00 UTC: the next clean-up is due after 17 hours.
START = 1_763_460_000.0
INTERVAL = 60.0
HOUR, DAY = 3600.0, 86400.0


@cache
def policy(time_scale: float = 1.0) -> Policy:
    return load_policy(time_scale=time_scale)


def factory(
    duration: float = DAY, *, interval: float = INTERVAL, application: bool = True, scale: float = 1.0
) -> WatchFactory:
    return WatchFactory(CheckParameters(policy(scale), duration, application, scale), interval, "1.2.3")


@cache
def watch(duration: float = DAY, *, started_at: float = START, application: bool = True, scale: float = 1.0) -> Watch:
    made = factory(duration, application=application, scale=scale)
    return made.watch(1, "manual", WatchTime(started_at, 0.0, "boot"), 0.0)


def values(elapsed: float, at: float) -> dict[str, float]:
    """Values of a healthy outbox: a job a second, one in 500 initialisations fails, a clean-up at three."""
    cleaned = (at - 3 * HOUR) // DAY * DAY + 3 * HOUR
    return {
        "outbox:backlog_jobs": 5,
        "outbox:oldest_open_age_seconds": 2.0,
        "outbox:oldest_pending_age_seconds": 2.0,
        "outbox:completions_per_second": 1.0,
        "outbox:completed_jobs:increase5m": 300,
        "outbox:completed_jobs:increase30m": 1800,
        "outbox:drain_time_seconds": 5.0,
        "outbox:head_blocked_jobs": 0,
        "outbox:exhausted_jobs": 0,
        "outbox:processing_time_p95_seconds": 2.5,
        "outbox:failure_ratio": 0.001,
        "outbox:attempted_jobs": 3600,
        "outbox:fsm_attempts:increase5m": 150,
        "outbox:fsm_attempts:increase1h": 1800,
        "outbox:fsm_failures:increase6h": 20,
        "outbox:fsm_failure_ratio:5m": 0.002,
        "outbox:fsm_failure_ratio:6h": 0.002,
        "outbox:fallback_activations:increase5m": 1,
        "outbox:fallback_failures:increase10m": 0,
        "outbox:app_healthy": 1,
        "outbox:app_endpoints_down": 0,
        "outbox:expired_key_age_seconds": at - cleaned,
        "outbox:oldest_processed_age_seconds": 30 * DAY,
        "outbox:migration_checks_broken": 0,
        "outbox:maintenance_active": 0,
        "outbox:database_up": 1,
        "outbox:backlog_sample_age_seconds": 1.0,
        "outbox_processed_jobs_total": elapsed,
        'outbox_pending_jobs{state="waiting"}': 5,
        'outbox_pending_jobs{state="failing"}': 0,
        'outbox_pending_jobs{state="exhausted"}': 0,
        "outbox_last_hour_processed_jobs": 3600,
        "outbox_idempotency_oldest_expired_timestamp_seconds": cleaned,
        "outbox_cron_timezone_offset_seconds": 0,
        'outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}': elapsed / 2,
        'outbox_app_fsm_initializations_total{result="succeeded"}': 1000 + elapsed / 2,
        'outbox_app_fsm_initializations_total{result="failed"}': 2 + elapsed // 1000,
        "outbox_app_processed_jobs_total": 5000 + elapsed,
        "outbox_app_fallback_activations_total": elapsed // 300,
        'outbox_processing_time_seconds_bucket{le="60"}': elapsed - elapsed // 1000,
        "outbox_processing_time_seconds_count": elapsed,
    }


def tick(elapsed: float, *, at: float | None = None, run: int = 1, interval: float = INTERVAL) -> Tick:
    at = START + elapsed if at is None else at
    return Tick(at, elapsed, run, interval, values(elapsed, at))


def ticks(duration: float = DAY, *, interval: float = INTERVAL) -> list[Tick]:
    """A healthy watch."""
    return [tick(number * interval, interval=interval) for number in range(1, round(duration / interval) + 1)]


Change = Callable[[Tick], Tick]


def during(history: Iterable[Tick], start: float, end: float, change: Change) -> list[Tick]:
    """The history with the ticks between two times changed."""
    return [change(each) if start < each.elapsed <= end else each for each in history]


def without(history: Iterable[Tick], start: float, end: float, before: Cause = Cause.EXPORTER_DOWN) -> list[Tick]:
    """The history without the ticks in between; the next tick has the cause of the gap."""
    kept = [each for each in history if not start < each.elapsed <= end]
    after = next((each for each in kept if each.elapsed > end), None)
    return [replace(each, before=before) if each is after else each for each in kept]


def counting(history: Iterable[Tick], start: float, end: float, **rates: float) -> list[Tick]:
    """The history with so many more per second between two times, by counter: failed, slow, fallbacks."""
    names = {
        "failed": 'outbox_app_fsm_initializations_total{result="failed"}',
        "slow": "outbox_processing_time_seconds_count",
        "fallbacks": "outbox_app_fallback_activations_total",
    }

    def more(each: Tick) -> Tick:
        seconds = min(max(each.elapsed - start, 0.0), end - start)
        added = {names[key]: each.values[names[key]] + rate * seconds for key, rate in rates.items()}
        return replace(each, values={**each.values, **added})

    return [more(each) for each in history]


def showing(**shown: float) -> Change:
    """Other values, by the signal's name after `outbox:`."""
    return lambda each: replace(
        each, values={**each.values, **{f"outbox:{name}": value for name, value in shown.items()}}
    )


def lacking(*names: str) -> Change:
    """No value for these."""
    return lambda each: replace(each, values={name: value for name, value in each.values.items() if name not in names})


def collector_unknown(collector: str, cause: Cause) -> Change:
    """A collector without valid readings, so that all values that depend on it are absent."""
    gone = [name for name, rests_on in watch().sources.items() if collector in rests_on]

    def change(each: Tick) -> Tick:
        return replace(lacking(*gone)(each), problems=(*each.problems, CollectorProblem(collector, cause, stale=True)))

    return change


def database_unknown(cause: Cause) -> Change:
    """All collectors of rows."""

    def change(each: Tick) -> Tick:
        for collector in ("backlog", "throughput", "last_hour", "events", "idempotency"):
            each = collector_unknown(collector, cause)(each)
        return each

    return change


def result(judgement: Judgement, name: str) -> CheckResult:
    return next(each for each in judgement.results if each.check.name == name)


def verdicts(judgement: Judgement) -> Mapping[str, str | None]:
    return {each.check.name: each.verdict for each in judgement.results}


def everything(made: Watch) -> set[str]:
    """The fields of a tick."""
    return {*made.sources, *series.STORED}


def judgement_of_a_day() -> Judgement:
    """A judgement with something of everything in it."""
    history = during(ticks(), HOUR, 2 * HOUR, showing(backlog_jobs=2000))
    history = during(without(history, 6 * HOUR, 7 * HOUR), 8 * HOUR, 9 * HOUR, database_unknown(Cause.LOCK))
    history = during(
        history, 10 * HOUR, 11 * HOUR, lambda each: replace(each, maintenance=True, maintenance_reason="x")
    )
    history = during(history, 12 * HOUR, 12 * HOUR + 60, lambda each: replace(each, step=5.0, firing=("A/page",)))
    return evaluate_watch(watch(), history, START + DAY, DAY, final=True)
