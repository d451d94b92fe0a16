"""Watches to report on: a day with faults, and one with hostile texts."""

import math
import random
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from alerts.watch.analysis.changes import of_judgement
from alerts.watch.analysis.comparison import DayComparison, Direction, EffectSize, SignalComparison
from alerts.watch.model.change import Change, ChangeKind
from alerts.watch.model.check import Budget, Check, CheckKind, Condition
from alerts.watch.model.result import (
    AlertSpan,
    CheckResult,
    ClockStep,
    Coverage,
    Difference,
    Gap,
    Judgement,
    MaintenanceSpan,
    Reconciliation,
    Restart,
)
from alerts.watch.model.tick import Cause, Tick, TimeSpan
from alerts.watch.model.watch import Verdict, Watch, WatchState
from alerts.watch.report import WatchReport

START, DAY, INTERVAL = 1_763_800_000.0, 86_400.0, 15.0
SEEN = Coverage(5760, 5748, 0.998, 180.0, 180.0)


def span(start: float, seconds: float) -> TimeSpan:
    return TimeSpan(START + start, START + start + seconds, start, seconds)


def check(name: str, title: str, signal: str, limit: float, unit: str) -> Check:
    return Check(
        name=name,
        title=title,
        kind=CheckKind.LEVEL,
        subject=f"The {title.lower()}",
        good="stayed below its limit",
        bad="was beyond its limit",
        source="policy, OutboxBacklogHigh/page",
        budget=Budget(600.0, 300.0),
        conditions=(Condition(signal, above=True, limit=limit),),
        collectors=("backlog",),
        signal=signal,
        limit=limit,
        unit=unit,
    )


BACKLOG = check("backlog", "Backlog", "outbox:backlog_jobs", 1000.0, "jobs")
AGE = check("age", "Age of the oldest job", "outbox:oldest_pending_age_seconds", 300.0, "seconds")
FAILURES = check("failures", "Failing jobs", "outbox:failure_ratio", 0.1, "ratio")
DRAIN = check("drain", "Drain time", "outbox:drain_time_seconds", 900.0, "seconds")
PAGES = replace(
    check("pages", "Pages", "", 0, ""), kind=CheckKind.PAGES, rules=("OutboxStalled/page",), signal=None, limit=None
)
APP = replace(check("app", "Application", "outbox:app_healthy", 1, ""), not_applicable="no application is configured")


def ticks(seed: int = 7) -> list[Tick]:
    """A day at 15 s: a stall in the afternoon, a hole of three minutes in the night."""
    rng = random.Random(seed)
    found = []
    for number in range(5760):
        elapsed = number * INTERVAL
        if 40_000 <= elapsed < 40_180:
            continue
        peak = 1400 * math.exp(-(((elapsed - 60_000) / 900) ** 2))
        backlog = round(20 + 15 * math.sin(elapsed / 9000) + peak + rng.random() * 8)
        values = {
            "outbox:backlog_jobs": float(backlog),
            "outbox:oldest_pending_age_seconds": 4 + peak / 3 + rng.random() * 20,
            "outbox:failure_ratio": 0.002 + rng.random() * 0.004,
            "outbox:drain_time_seconds": math.inf if 59_000 < elapsed < 60_000 else backlog / 3.6,
        }
        found.append(Tick(START + elapsed, elapsed, 1, INTERVAL, values))
    return found


def report() -> WatchReport:
    """A day that failed."""
    results = (
        CheckResult(
            BACKLOG, Verdict.FAIL, "The backlog was beyond 1,000 jobs for 22 min; 10 min are allowed.", 1320.0, 1320.0,
            240.0, SEEN, (span(59_400, 1320),), 1428.0, START + 60_000,
        ),
        CheckResult(
            AGE, Verdict.FAIL, "The oldest job waited up to 8 min.", 900.0, 900.0, 0.0, SEEN,
            (span(59_600, 900),), 490.0, START + 60_000,
        ),
        CheckResult(FAILURES, Verdict.PASS, "Failing jobs stayed below 10 %.", 0, 0, 0, SEEN, (), 0.006, START),
        CheckResult(DRAIN, Verdict.INCONCLUSIVE, "Too little of it was seen.", 0, 0, 0, SEEN, (), math.inf, START),
        CheckResult(PAGES, Verdict.FAIL, "OutboxStalled paged once.", 1000, 1000, 0, SEEN),
        CheckResult(APP, None, "Not checked: no application is configured", 0, 0, 0, SEEN),
    )  # fmt: skip
    judgement = Judgement(
        number=3,
        at=START + DAY,
        elapsed=DAY,
        duration=DAY,
        final=True,
        verdict=Verdict.FAIL,
        summary="Jobs were stuck for a quarter of an hour in the afternoon.",
        reasons=tuple(each.reason for each in results if each.verdict is Verdict.FAIL),
        results=results,
        ratio=0.998,
        ticks=5748,
        gaps=(
            Gap(span(40_000, 180), Cause.UNREACHABLE),
            Gap(span(20_000, 45), Cause.LOCK, ("backlog",)),
        ),
        maintenance=(MaintenanceSpan(span(70_000, 3600), "partial rollback, drill"),),
        alerts=(
            AlertSpan("OutboxStalled/page", span(59_700, 1000)),
            AlertSpan("OutboxJobsExhausted/ticket", span(80_000, 6400), open=True),
        ),
        restarts=(Restart(START + 30_000, 30_000, "outbox_app_processed_jobs_total", explained=False),),
        clock_steps=(ClockStep(START + 50_000, 50_000, -3600.0),),
        evidence={"jobs processed": 312_044.0, "initialisations": 312_101.0},
        reconciliation=Reconciliation(
            12, 31, 2, 312_044, 312_063, 0, 312_101, None, 180.0,
            (
                Difference("initialisations without a job", 38, "created while not seen, at most 40"),
                Difference("jobs", -2),
            ),
        ),
    )  # fmt: skip
    watch = Watch(
        3, "migration", START, 0.0, DAY, INTERVAL, "0.1.0", tuple(each.check for each in results), START + DAY,
        WatchState.FAILED, START + 60_900, START + DAY, DAY, database="db.internal:5432/megacampus",
    )  # fmt: skip
    compared = SignalComparison(
        "outbox:backlog_jobs", "Backlog", "jobs", 24, 24, 31.0, 22.0, 8.0, 0.6, 0.004, EffectSize.LARGE,
        Direction.WORSE,
        "The backlog was 8 jobs higher than then.",
    )  # fmt: skip
    comparison = DayComparison("watch 2, from 2025-11-20", (compared,))
    settings = {"watch.duration": "24h", "sampling.interval": "15s", "OutboxBacklogHigh/page": "1000"}
    return WatchReport(
        watch, judgement, ticks(), START + DAY + 60, "0.1.0", comparison, settings,
        (*of_judgement(judgement), Change(ChangeKind.LOCK, "a lock on a table", START + 59_395, 59_380, 59_395)),
    )  # fmt: skip


HOSTILE = "<script>alert('x')</script>\"'><img src=x>|`*[a](http://evil)</style>\n# x"


def hostile(value: Any) -> Any:
    """The same with every text replaced, names of enumerations apart."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"unit", "record", "signal"}
        return replace(
            value, **{each.name: hostile(getattr(value, each.name)) for each in fields(value) if each.name not in kept}
        )
    if isinstance(value, Enum) or not isinstance(value, str | tuple | list | dict):
        return value
    if isinstance(value, str):
        return HOSTILE if value else value
    if isinstance(value, dict):
        return {HOSTILE if index == 0 else key: hostile(each) for index, (key, each) in enumerate(value.items())}
    return type(value)(hostile(each) for each in value)


def hostile_report() -> WatchReport:
    """Every text contains markup or control characters; the ticks keep the names of their signals."""
    made = report()
    changed: WatchReport = hostile(replace(made, ticks=()))
    return replace(changed, ticks=made.ticks)
