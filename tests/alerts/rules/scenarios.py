"""Scenarios per alert: healthy series with a fault, and the state of the alert over time.

The thresholds are repeated here as numbers, with a case on either side of each, so that every change of the policy
fails a test. Times are seconds from the beginning. `T` is the start of the fault.
"""

from __future__ import annotations

from typing import Final

from tests.alerts.rules.scenario import JOB, Scenario, T, fires, never
from tests.alerts.rules.series import (
    DAY,
    HOUR,
    MINUTE,
    Series,
    SeriesByName,
    age,
    buckets,
    counting,
    flat,
    gone,
    jumping,
    phases,
)


def collector(name: str, value: float = 0, until: float = 2400) -> SeriesByName:
    return {f'outbox_collector_success{{collector="{name}"}}': phases(1, (T, value), (until, 1))}


def pending(**states: Series) -> dict[str, Series]:
    return {f'outbox_pending_jobs{{state="{state}"}}': series for state, series in states.items()}


def oldest(**states: Series) -> dict[str, Series]:
    return {f'outbox_oldest_pending_timestamp_seconds{{state="{state}"}}': series for state, series in states.items()}


def initialised(succeeded: Series, failed: Series) -> SeriesByName:
    name = "outbox_app_fsm_initializations_total"
    return {f'{name}{{result="succeeded"}}': succeeded, f'{name}{{result="failed"}}': failed}


def watch(state: str, end: Series) -> SeriesByName:
    return {
        'outbox_watch_state{state="waiting"}': phases(1, (T, 0)),
        f'outbox_watch_state{{state="{state}"}}': phases(0, (T, 1)),
        "outbox_watch_end_timestamp_seconds": end,
    }


SAMPLED = 'outbox_collector_last_success_timestamp_seconds{collector="backlog"}'
DOWN = {"up": phases(1, (T, 0), (T + 600, 1))}

AVAILABILITY = (
    Scenario("OutboxExporterDown", "does not answer", DOWN, fires(T, 120, until=T + 600)),
    Scenario(
        "OutboxExporterDown", "no target is left", {"up": phases(1, (T, gone), (T + 600, 1))},
        fires(T, 120, until=T + 600),
    ),
    Scenario("OutboxDatabaseUnreachable", "no sample succeeds", {"outbox_up": phases(1, (T, 0), (T + 600, 1))},
             fires(T, 60, until=T + 600, keep=900), again=60),
    Scenario(
        "OutboxDatabaseUnreachable", "blindness is not that",
        {
            "outbox_up": phases(1, (T, 0)), **collector("backlog"),
            'outbox_collector_failures_total{collector="backlog",reason="rls"}': counting(0, (T - 15, 4), start=0),
        },
        never(T, T + 60, T + 600),
    ),
    Scenario(
        "OutboxBlind", "row security hides the rows",
        {
            **collector("backlog", until=T + 600),
            'outbox_collector_failures_total{collector="backlog",reason="rls"}': counting(0, (T - 15, 4), start=0),
        },
        fires(T, 60, until=T + 600), "1", again=75,
    ),
    Scenario(
        "OutboxBlind", "another failure is not that",
        {
            **collector("backlog", until=T + 600),
            'outbox_collector_failures_total{collector="backlog",reason="lock"}': counting(4, start=0),
        },
        never(T, T + 60, T + 300),
    ),
    Scenario(
        "OutboxSamplesStale", "the table is locked",
        {SAMPLED: phases(age(0), (T, T), (T + 900, age(0)))},
        fires(T + 315, 30, until=T + 900), "5m 45s",
    ),
    Scenario(
        "OutboxSamplesStale", "never sampled since the start",
        {
            SAMPLED: gone,
            "process_start_time_seconds": flat(0),
        },
        {**never(300), 315: "page pending", 345: "page firing"}, "5m 45s",
    ),
    Scenario(
        "OutboxSamplesStale", "an unreachable database is not that",
        {
            SAMPLED: phases(age(0), (T, T)),
            "outbox_up": phases(1, (T, 0)),
        },
        never(T + 345, T + 900),
    ),
    Scenario("OutboxCollectorFailing", "events fail", collector("events"), fires(T, 900, "ticket", until=2400),
             labels={"job": JOB, "collector": "events"}, again=900),
    Scenario("OutboxCollectorFailing", "a field of the application is wrong", collector("application"),
             fires(T, 900, "ticket", until=2400), labels={"job": JOB, "collector": "application"}),
    Scenario(
        "OutboxCollectorFailing", "an application that does not answer has its own alert",
        {**collector("application"), 'outbox_app_up{endpoint="getFSM"}': phases(1, (T, 0))},
        never(T, T + 900, T + 1200),
    ),
    Scenario("OutboxCollectorFailing", "a locked backlog has its own alert", collector("backlog"),
             never(T, T + 900, T + 1200)),
    Scenario("OutboxCollectorFailing", "an unreachable database has its own alert",
             {**collector("events"), "outbox_up": phases(1, (T, 0))}, never(T, T + 900, T + 1200)),
    Scenario("OutboxConfigReloadFailed", "a mistake in the file",
             {"outbox_exporter_config_last_reload_successful": phases(1, (T, 0), (T + 900, 1))},
             fires(T, 300, "ticket", until=T + 900), again=300),
    Scenario("OutboxNotificationsFailing", "one waits",
             {'outbox_notifications_waiting{receiver="alertmanager"}': phases(0, (T, 1), (T + 900, 0))},
             fires(T, 300, "ticket", until=T + 900), "1", {"job": JOB, "receiver": "alertmanager"}, again=300),
    Scenario("OutboxNotificationsRefused", "one is",
             {'outbox_notifications_total{receiver="alertmanager",result="dropped"}': jumping(T, 1, start=2)},
             fires(T, 0, "ticket", until=T + 3600), "1", {"job": JOB, "receiver": "alertmanager"}),
    Scenario("OutboxDrill", "of severity page",
             {'outbox_drill_active{severity="page"}': phases(0, (T, 1), (T + 600, 0))},
             fires(T, 0, until=T + 600), again=0),
    Scenario("OutboxDrill", "of severity info",
             {'outbox_drill_active{severity="page"}': gone,
              'outbox_drill_active{severity="info"}': phases(0, (T, 1), (T + 600, 0))},
             fires(T, 0, "info", until=T + 600), again=0),
    Scenario("OutboxDrill", "not scheduled", {'outbox_drill_active{severity="page"}': gone}, never(T, T + 600)),
    Scenario("OutboxDrillFailed", "one receiver was not reached",
             {'outbox_drill_success{receiver="alertmanager"}': phases(1, (T, 0), (T + 900, 1))},
             fires(T, 300, "ticket", until=T + 900), labels={"job": JOB, "receiver": "alertmanager"}, again=300),
    Scenario("OutboxWatchdog", "always", {}, {0: "none firing", 600: "none firing"}, labels={}),
)  # fmt: skip

CRASHED = {
    **oldest(waiting=phases(age(5), (T, T), (T + 1200, age(5)))),
    **pending(waiting=phases(3, (T, lambda time: (time - T) / 15), (T + 1200, 3))),
    "outbox_processed_jobs_total": counting(224, (T, 0), (T + 1200, 224)),
    "outbox_created_jobs_total": counting(224, (T, 4), (T + 1200, 224)),
}
POISON = {
    **oldest(waiting=gone, failing=gone, exhausted=flat(-DAY)),
    "outbox_processed_jobs_total": flat(1000),
    "outbox_created_jobs_total": flat(1000),
}


def failing_all(per_minute: float) -> SeriesByName:
    """From T on every new job is exhausted at once."""
    return {
        **oldest(waiting=gone, exhausted=phases(gone, (T, T))),
        **pending(waiting=flat(0), exhausted=phases(0, (T, lambda time: (time - T) // (60 / per_minute)))),
        "outbox_processed_jobs_total": counting(60, (T, 0)),
        "outbox_created_jobs_total": lambda time: (
            60 + time // 1 if time < T else 60 + T + (time - T) // (60 / per_minute)
        ),
    }


def uncounted(processed: Series, per_minute: float) -> SeriesByName:
    """A burst of 3000 at T that drains, as a sample by cron shows it: its counter is of no use."""
    return {
        **oldest(waiting=phases(gone, (T, T))),
        **pending(waiting=phases(0, (T, lambda time: max(0, 3000 - per_minute * ((time - T) // 60))))),
        "outbox_processed_jobs_total": processed,
        "outbox_created_jobs_total": processed,
    }


def backlog(jobs: float, per_minute: float = 24) -> SeriesByName:
    """So many jobs from T on for a quarter of an hour, while some complete."""
    return {
        **pending(waiting=phases(3, (T, jobs), (T + 900, 3))),
        "outbox_processed_jobs_total": counting(per_minute),
        "outbox_created_jobs_total": counting(per_minute),
    }


def deleted(per_minute: float, **others: Series) -> SeriesByName:
    """From T on the backlog does not grow: of its jobs, all exhausted, as many are deleted as arrive."""
    return {
        **POISON,
        **pending(waiting=flat(0), exhausted=flat(40)),
        "outbox_created_jobs_total": phases(1000, (T, lambda time: 1000 + (time - T) // (60 / per_minute))),
        **others,
    }


def unaccounted(kind: str, jobs: int) -> SeriesByName:
    return {f'outbox_unaccounted_jobs_total{{kind="{kind}"}}': jumping(T, jobs, start=3)}


SATURATION = (
    # Older than five minutes a step after that; the window without completions is full by then.
    Scenario("OutboxStalled", "the processor crashed", CRASHED,
             fires(T + 315, 60, until=T + 1200, keep=600), "6m 15s", again=75),
    Scenario("OutboxStalled", "every job fails", failing_all(4),
             {**never(T + 300), T + 315: "page pending", T + 360: "page pending", T + 375: "page firing"}, "6m 15s"),
    Scenario("OutboxStalled", "every one of few jobs fails", failing_all(0.25),
             {**never(T + 375, T + 1200, T + 1785), T + 1800: "page pending", T + 1860: "page firing"}, "31m 0s"),
    Scenario("OutboxStalled", "one job a minute fails", failing_all(1),
             {**never(T + 300), T + 315: "page pending", T + 375: "page firing", T + 450: "page firing",
              T + 900: "page firing", T + 1500: "page firing"}, "6m 15s"),
    # Four or five in five minutes, by turns.
    Scenario("OutboxStalled", "one job in seventy seconds fails", failing_all(6 / 7),
             {**never(T + 300), T + 480: "page firing", T + 840: "page firing", T + 1500: "page firing"}, "8m 0s"),
    Scenario("OutboxStalled", "one job in six minutes fails", failing_all(1 / 6),
             {**never(T + 900, T + 1785), T + 1800: "page pending", T + 1860: "page firing", T + 1935: "page firing",
              T + 2400: "page firing"}, "31m 0s"),
    Scenario("OutboxStalled", "failed jobs are deleted meanwhile",
             {**CRASHED, **pending(waiting=flat(50), exhausted=phases(90, (T, lambda time: 90 - (time - T) / 60)))},
             fires(T + 315, 60, until=T + 1200, keep=600), "6m 15s"),
    Scenario("OutboxStalled", "jobs arrive and are deleted, and none is processed", deleted(2),
             {**never(T, T + 135), T + 150: "page pending", T + 210: "page firing", T + 900: "page firing"},
             "1d 0h 8m 30s"),
    Scenario("OutboxStalled", "four jobs arrive in five minutes and are deleted", deleted(0.8),
             never(T + 300, T + 360)),
    Scenario("OutboxStalled", "jobs arrive and are deleted, and one is processed",
             deleted(2, outbox_processed_jobs_total=counting(0, (T, 0.25))), never(T + 300, T + 600)),
    Scenario("OutboxStalled", "a burst drains, and the counter stays at 0", uncounted(flat(0), 100),
             never(T + 315, T + 375, T + 540, T + 1200)),
    Scenario("OutboxStalled", "a burst drains, and there is no counter", uncounted(gone, 100),
             never(T + 315, T + 375, T + 540, T + 1200)),
    Scenario("OutboxStalled", "a burst does not drain, and the counter stays at 0", uncounted(flat(0), 0),
             {**never(T + 300), T + 315: "page pending", T + 375: "page firing", T + 900: "page firing"}, "6m 15s"),
    Scenario("OutboxStalled", "a burst does not drain, and there is no counter", uncounted(gone, 0),
             {**never(T + 300), T + 315: "page pending", T + 375: "page firing", T + 900: "page firing"}, "6m 15s"),
    Scenario("OutboxStalled", "one exhausted job, and an idle night",
             {**POISON, **pending(waiting=flat(0), exhausted=flat(1))}, never(600, 2400)),
    Scenario(
        "OutboxStalled", "a second exhausted job in an idle night",
        {**POISON, **pending(waiting=flat(0), exhausted=phases(1, (T, 2)))}, never(T, T + 60, T + 120, T + 600),
    ),
    Scenario("OutboxStalled", "a long backlog that moves", {**CRASHED, "outbox_processed_jobs_total": counting(60)},
             never(T + 375, T + 900)),
    Scenario("OutboxStalled", "in declared maintenance", {**CRASHED, "outbox_maintenance_active": flat(1)},
             never(T + 375, T + 900)),
    Scenario(
        "OutboxStalled", "a slow collector looked long ago at a job that was young",
        {
            **CRASHED,
            SAMPLED: phases(age(0), (T, T + 5)),
        },
        never(T + 375, T + 900),
    ),
    Scenario(
        "OutboxBacklogHigh", "over both", backlog(1100),
        {
            T - 15: "", T: "page pending, ticket pending", T + 285: "page pending, ticket pending",
            T + 300: "page firing, ticket firing", T + 885: "page firing, ticket firing",
            T + 1185: "page firing, ticket firing", T + 1200: "",
        },
        "1.1k", again=300,
    ),
    Scenario("OutboxBacklogHigh", "not a page yet", backlog(900),
             fires(T, 300, "ticket", until=T + 900, keep=300), "900"),
    Scenario("OutboxBacklogHigh", "just a ticket", backlog(550),
             fires(T, 300, "ticket", until=T + 900, keep=300), "550"),
    Scenario("OutboxBacklogHigh", "not a ticket yet", backlog(450), never(T, T + 300, T + 600)),
    Scenario("OutboxBacklogHigh", "it drains in eleven minutes", backlog(2000, 180), never(T, T + 300, T + 600)),
    Scenario("OutboxBacklogHigh", "nothing completes", backlog(1100, 0),
             {T: "page pending, ticket pending", T + 300: "page firing, ticket firing"}, "1.1k"),
    Scenario("OutboxBacklogHigh", "in declared maintenance", {**backlog(5000, 0), "outbox_maintenance_active": flat(1)},
             never(T, T + 300, T + 600)),
    Scenario("OutboxBacklogHigh", "it drains in ten minutes, and the counter stays at 0", uncounted(flat(0), 300),
             never(T + 300, T + 390)),
    Scenario("OutboxBacklogHigh", "it drains in ten minutes, and there is no counter", uncounted(gone, 300),
             never(T + 300, T + 390)),
    Scenario("OutboxBacklogHigh", "it drains in an hour, and there is no counter", uncounted(gone, 50),
             {T + 300: "page firing, ticket firing", T + 900: "page firing, ticket firing"}, "2.75k"),
    # 0.22 more each second are 792 in an hour: with the 211 of second 960 more than 1000.
    Scenario(
        "OutboxBacklogGrowing", "a thousand within the hour",
        pending(waiting=phases(lambda time: 0.22 * time, (2700, 0))), fires(960, 900, "ticket", until=2700, keep=900),
        "1.201k", again=0,
    ),
    Scenario("OutboxBacklogGrowing", "not within the hour", pending(waiting=lambda time: 0.15 * time),
             never(1200, 2700)),
    Scenario("OutboxBacklogGrowing", "from next to nothing", pending(waiting=phases(lambda time: time / 2, (180, 90))),
             never(150, 300, 1200)),
    Scenario("OutboxBacklogGrowing", "in declared maintenance",
             {**pending(waiting=lambda time: time), "outbox_maintenance_active": flat(1)}, never(960, 2700)),
    Scenario(
        "OutboxJobsWaitingLong", "never tried", oldest(waiting=phases(age(5), (T, T), (T + 900, age(5)))),
        {
            T + 120: "", T + 135: "ticket pending", T + 240: "ticket pending", T + 255: "ticket firing",
            T + 300: "ticket firing", T + 315: "ticket firing, page pending", T + 420: "ticket firing, page pending",
            T + 435: "ticket firing, page firing", T + 885: "ticket firing, page firing",
            T + 1005: "ticket firing, page firing", T + 1020: "",
        },
        {"ticket": "4m 15s"}, again=120,
    ),
    Scenario("OutboxJobsWaitingLong", "an idle processor's poll", oldest(waiting=age(45)), never(300, 900)),
    Scenario("OutboxJobsWaitingLong", "tried ones do not count", oldest(waiting=gone, exhausted=flat(-DAY)),
             never(300, 900)),
    Scenario("OutboxJobsWaitingLong", "in declared maintenance",
             {**oldest(waiting=flat(T)), "outbox_maintenance_active": flat(1)}, never(T + 435, T + 900)),
    Scenario(
        "OutboxHeadBlocked", "half a batch", {"outbox_head_blocked_jobs": phases(0, (T, 55), (T + 900, 0))},
        {
            T - 15: "", T: "page pending, ticket pending", T + 45: "page pending, ticket pending",
            T + 60: "page firing, ticket pending", T + 285: "page firing, ticket pending",
            T + 300: "page firing, ticket firing", T + 885: "page firing, ticket firing",
            T + 1485: "page firing, ticket firing", T + 1500: "",
        },
        {"page": "55"}, again=300,
    ),
    Scenario("OutboxHeadBlocked", "less than half a batch",
             {"outbox_head_blocked_jobs": phases(0, (T, 45), (T + 900, 0))},
             fires(T, 300, "ticket", until=T + 900, keep=600), "45"),
    Scenario("OutboxHeadBlocked", "a single one", {"outbox_head_blocked_jobs": phases(0, (T, 1), (T + 900, 0))},
             fires(T, 300, "ticket", until=T + 900, keep=600), "1"),
)  # fmt: skip


def slow(*shares: tuple[str, float], until: float = 1500, per_minute: float = 224) -> SeriesByName:
    """Processing times of these shares until then; nothing is completed afterwards."""
    slow_ones = buckets(("1.0", 0), *shares, ("150.0", 1), ("+Inf", 1), per_minute=per_minute)
    stopped = {name: _stopping(series, until) for name, series in slow_ones.items()}
    return {**stopped, "outbox_processed_jobs_total": counting(per_minute)}


def _stopping(series: Series, at: float) -> Series:
    return lambda time: series(min(time, at))


def all_slow(since: float) -> SeriesByName:
    """Every job takes longer than a minute from then on; many jobs were fast in the first minute."""
    fast, every = counting(60_000, (MINUTE, 224), (since, 0)), counting(60_000, (MINUTE, 224))
    bounds = {"1.0": fast, "30.0": fast, "60.0": fast, "150.0": every, "+Inf": every}
    return {f'outbox_processing_time_seconds_bucket{{le="{le}"}}': series for le, series in bounds.items()}


def failed(of: float, failures: float) -> SeriesByName:
    """At T, so many initialisations at once."""
    return initialised(jumping(T, of - failures), jumping(T, failures))


ERRORS = (
    Scenario("OutboxJobsExhausted", "one exhausted job", pending(exhausted=phases(0, (T, 1), (T + 900, 0))),
             fires(T, 300, "ticket", until=T + 900), "1", again=300),
    Scenario("OutboxJobsUnaccounted", "one job was deleted", unaccounted("removed", 1),
             fires(T, 0, "ticket", until=T + 3600), "1", {"job": JOB, "kind": "removed"}),
    Scenario("OutboxJobsUnaccounted", "two jobs were processed twice", unaccounted("doubled", 2),
             fires(T, 0, "ticket", until=T + 3600), "2", {"job": JOB, "kind": "doubled"}),
    Scenario("OutboxJobsUnaccounted", "no job was, today", {}, never(0, T, T + 3600)),
    # 94.6 % within a minute, the rest in two and a half: the 95th of a hundred took 67 seconds. The window of a rate is
    # closed on its left in Prometheus 2 and open in Prometheus 3, where it ends an interval earlier.
    Scenario(
        "OutboxProcessingSlow", "67 seconds", slow(("30.0", 0.5), ("60.0", 0.946)),
        {
            0: "", 15: "ticket pending", 900: "ticket pending", 915: "ticket firing", 2070: "ticket firing",
            2670: "ticket firing", 2700: "",
        },
        "1m 6s", again=0,
    ),
    Scenario("OutboxJobsExhaustedGrowing", "ten in an hour",
             pending(exhausted=phases(20, (HOUR + T, 30))), fires(HOUR + T, 300, "ticket", until=2 * HOUR + T), "10"),
    Scenario("OutboxJobsExhaustedGrowing", "nine in an hour",
             pending(exhausted=phases(20, (HOUR + T, 29))), never(HOUR + T, HOUR + T + 300, HOUR + T + 1200)),
    Scenario("OutboxJobsExhaustedGrowing", "many that have been there for long", pending(exhausted=flat(200)),
             never(HOUR, HOUR + T)),
    Scenario("OutboxProcessingSlow", "54 seconds", slow(("30.0", 0.75), ("60.0", 1)), never(15, 915, 1500)),
    Scenario("OutboxProcessingSlow", "too few to tell", slow(("30.0", 0.1), ("60.0", 0.2), per_minute=0.5),
             never(60, 915, 1500)),
    Scenario("OutboxProcessingSlow", "a burst that has drained", slow(("30.0", 0.1), ("60.0", 0.2), until=120),
             {0: "", 60: "ticket pending", 600: "ticket pending", 720: "", 1800: ""}),
    # Jobs of the first minute make the share in six hours small: the hour alone notices 525 slow seconds.
    Scenario("OutboxLatencyBudgetBurnFast", "every job is slow", all_slow(HOUR + 60),
             {HOUR + 540: "", HOUR + 615: "page pending"}),
    Scenario(
        "OutboxLatencyBudgetBurnFast", "8 % for hours", slow(("60.0", 0.92), until=600),
        {0: "", 120: "page pending", 615: "page pending", 645: "page firing", 780: "page firing", 930: ""},
        "8", again=0,
    ),
    Scenario("OutboxLatencyBudgetBurnFast", "a burst that has drained", slow(("60.0", 0.2), until=240),
             {0: "", 120: "page pending", 480: "page pending", 600: "", 900: ""}),
    Scenario("OutboxLatencyBudgetBurnFast", "5 %", slow(("60.0", 0.95)), never(60, 600)),
    Scenario("OutboxLatencyBudgetBurnFast", "every one of few jobs is slow",
             slow(("60.0", 0), per_minute=0.5), never(600, 1050)),
    Scenario("OutboxLatencyBudgetBurnFast", "in declared maintenance",
             {**slow(("60.0", 0.5)), "outbox_maintenance_active": flat(1)}, never(300, 900)),
    Scenario("OutboxLatencyBudgetBurnSlow", "1.5 %", slow(("60.0", 0.985), until=2 * HOUR),
             {120: "", 240: "ticket pending", 1965: "ticket pending", 1995: "ticket firing", 2100: "ticket firing"},
             "1.5", again=0),
    Scenario("OutboxLatencyBudgetBurnSlow", "0.9 %", slow(("60.0", 0.991)), never(300, 900)),
    Scenario("OutboxLatencyBudgetBurnSlow", "every one of few jobs is slow",
             slow(("60.0", 0), per_minute=0.5), never(600, 1050)),
    Scenario("OutboxLatencyBudgetBurnSlow", "in declared maintenance",
             {**slow(("60.0", 0.5)), "outbox_maintenance_active": flat(1)}, never(300, 900)),
    Scenario("OutboxFailureRatioHigh", "11 %", {"outbox_last_hour_failure_ratio": phases(0, (T, 0.11), (T + 900, 0))},
             fires(T, 300, "ticket", until=T + 900, keep=300), "11%", again=300),
    Scenario("OutboxFailureRatioHigh", "9 %", {"outbox_last_hour_failure_ratio": flat(0.09)}, never(300, 900)),
    Scenario(
        "OutboxFailureRatioHigh", "two of ten",
        {
            "outbox_last_hour_failure_ratio": flat(0.2), "outbox_last_hour_processed_jobs": flat(8),
            **pending(failing=flat(2)),
        },
        never(300, 900),
    ),
    Scenario("OutboxFsmFailureRateHigh", "20 of 360", failed(360, 20),
             fires(T, 60, until=T + 300, keep=300), "5.556%", again=60),
    Scenario("OutboxFsmFailureRateHigh", "20 of 440", failed(440, 20), never(T, T + 60, T + 240)),
    Scenario("OutboxFsmFailureRateHigh", "9 of 100", failed(100, 9), never(T, T + 60, T + 240)),
    Scenario(
        "OutboxFsmFailureRateHigh", "one in twelve at three a minute",
        initialised(counting(2.75), counting(0.25)),
        {**never(1800), 2760: "page firing", 3600: "page firing"}, "8.333%",
    ),
    Scenario("OutboxFsmFailureRateHigh", "the only three of an idle night", failed(3, 3),
             fires(T, 60, until=T + 300, keep=300), "100%"),
    Scenario("OutboxFsmFailureRateHigh", "one of one", failed(1, 1), never(T, T + 60, T + 240)),
    Scenario("OutboxFsmFailureBudgetBurn", "12 of 727", failed(727, 12),
             fires(T, 900, "ticket", until=T + 1800, keep=1800), "1.651%", again=0),
    Scenario("OutboxFsmFailureBudgetBurn", "12 of 889", failed(889, 12), never(T, T + 900, T + 1500)),
    Scenario("OutboxFsmFailureBudgetBurn", "9 of 100", failed(100, 9), never(T, T + 900, T + 1500)),
)  # fmt: skip


def fallbacks(what: str, count: float) -> SeriesByName:
    return {f'outbox_app_fallback_{what}_total{{layer="2"}}': jumping(T, count, start=2)}


def checks(**verdicts: float) -> SeriesByName:
    """The components in the deployed health check; healthy apart from these."""
    names = ("outbox_alive", "fsm_success_rate_ok", "queue_depth_ok", "last_processed_ok")
    return {f'outbox_app_check{{check="{name}"}}': flat(verdicts.get(name, 1)) for name in names}


APPLICATION = (
    Scenario("OutboxFallbacksFrequent", "11 in five minutes", fallbacks("activations", 11),
             fires(T, 60, "ticket", until=T + 300, keep=300), "11", again=60),
    Scenario("OutboxFallbacksFrequent", "9 in five minutes", fallbacks("activations", 9), never(T, T + 60, T + 240)),
    Scenario("OutboxFallbacksFailing", "3 in ten minutes", fallbacks("failures", 3),
             fires(T, 60, until=T + 600), "3", again=60),
    Scenario("OutboxFallbacksFailing", "2 in ten minutes", fallbacks("failures", 2), never(T, T + 60, T + 540)),
    Scenario("OutboxAppUnhealthy", "from the application", {"outbox_app_healthy": phases(1, (T, 0), (T + 900, 1))},
             fires(T, 300, "ticket", until=T + 900), again=300),
    Scenario("OutboxAppUnhealthy", "for want of anything to do",
             {"outbox_app_healthy": flat(0), **checks(fsm_success_rate_ok=0), "outbox_app_fsm_failure_ratio": gone},
             never(300, 900)),
    Scenario("OutboxAppUnhealthy", "having tried",
             {"outbox_app_healthy": flat(0), **checks(fsm_success_rate_ok=0)},
             {0: "ticket pending", 300: "ticket firing"}),
    Scenario("OutboxAppUnhealthy", "not for want of anything to do alone",
             {"outbox_app_healthy": flat(0), **checks(fsm_success_rate_ok=0, outbox_alive=0),
              "outbox_app_fsm_failure_ratio": gone}, {0: "ticket pending", 300: "ticket firing"}),
    Scenario("OutboxAppUnreachable", "one endpoint",
             {'outbox_app_up{endpoint="getFSM"}': phases(1, (T, 0), (T + 900, 1))},
             fires(T, 300, "ticket", until=T + 900), "1", again=300),
)  # fmt: skip

EXPIRED, PROCESSED = "outbox_idempotency_oldest_expired_timestamp_seconds", "outbox_oldest_processed_timestamp_seconds"
HELD = 'outbox_vacuum_horizon_held_timestamp_seconds{holder="session"}'
BROKEN = {'outbox_migration_checks{status="broken"}': phases(0, (T, 1), (T + 900, 0))}

HOUSEKEEPING = (
    Scenario("OutboxCleanupOverdue", "27 hours",
             {EXPIRED: phases(age(20 * HOUR), (T, age(27 * HOUR)), (T + 900, gone))},
             fires(T, 300, "ticket", until=T + 900), "1d 3h 0m 0s", again=300),
    Scenario("OutboxCleanupOverdue", "25 hours", {EXPIRED: age(25 * HOUR)}, never(300, 900)),
    Scenario("OutboxRetentionOverdue", "39 days",
             {PROCESSED: phases(age(35 * DAY), (T, age(39 * DAY)), (T + 900, gone))},
             fires(T, 300, "ticket", until=T + 900), "39d 0h 0m 0s", again=300),
    Scenario("OutboxRetentionOverdue", "37 days", {PROCESSED: age(37 * DAY)}, never(300, 900)),
    Scenario("OutboxVacuumBlocked", "a forgotten session",
             {HELD: phases(gone, (1500, 0), (2700, gone))},
             fires(1815, 60, "ticket", until=2700, keep=900), "31m 15s", {"job": JOB, "holder": "session"}),
    Scenario("OutboxVacuumBlocked", "a long query", {HELD: phases(gone, (600, 0), (1815, gone))},
             never(600, 1800, 1815, 2700)),
    Scenario("OutboxMigrationBroken", "an index is gone", BROKEN, fires(T, 60, "ticket", until=T + 900), "1", again=60),
    Scenario(
        "OutboxMigrationBroken", "while the watch runs", {**BROKEN, 'outbox_watch_state{state="running"}': flat(1)},
        {
            T - 15: "", T: "page pending, ticket pending", T + 45: "page pending, ticket pending",
            T + 60: "page firing, ticket firing", T + 885: "page firing, ticket firing", T + 900: "",
        },
        "1",
    ),
    Scenario(
        "OutboxMaintenanceOverrun", "five minutes over",
        {"outbox_maintenance_declared_end_timestamp_seconds": phases(gone, (60, T), (T + 900, gone))},
        fires(T + 315, 0, "ticket", until=T + 900), "5m 15s", again=0,
    ),
    Scenario("OutboxWatchFailed", "the verdict", watch("failed", phases(gone, (T, T))),
             {T - 15: "", T: "page firing", T + 900: "page firing"}, again=0),
    Scenario("OutboxWatchFailed", "two days ago", watch("failed", flat(-2 * DAY)), never(T, T + 900)),
    Scenario("OutboxWatchFailed", "another verdict", watch("passed", phases(gone, (T, T))), never(T, T + 900)),
    Scenario("OutboxWatchInconclusive", "another verdict", watch("passed", phases(gone, (T, T))), never(T, T + 900)),
    Scenario("OutboxWatchPassed", "another verdict", watch("failed", phases(gone, (T, T))), never(T, T + 900)),
    Scenario("OutboxWatchInconclusive", "the verdict", watch("inconclusive", phases(gone, (T, T))),
             {T - 15: "", T: "ticket firing", T + 900: "ticket firing"}, again=0),
    Scenario("OutboxWatchInconclusive", "two days ago", watch("inconclusive", flat(-2 * DAY)), never(T, T + 900)),
    Scenario("OutboxWatchPassed", "the verdict, published for an hour", watch("passed", phases(gone, (T, T))),
             {T - 15: "", T: "info firing", T + HOUR - 15: "info firing", T + HOUR: ""}, again=0),
)  # fmt: skip

SCENARIOS: Final = (*AVAILABILITY, *SATURATION, *ERRORS, *APPLICATION, *HOUSEKEEPING)
