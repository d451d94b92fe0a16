"""Evaluates the ticks of a watch. No clock and no disk: the same ticks always give the same judgement.

FAIL: breached time exceeds a budget. It is certain at that tick, and final. PASS: breached and unknown time together
exceed no budget, and enough is known; that is certain at the end only. Everything else is INCONCLUSIVE. So more
breaches never improve a verdict, and less coverage only makes it INCONCLUSIVE.

Where a check has outcomes, a breach may be chance. It counts while the outcomes prove one (`evidence.py`), and PASS
also needs outcomes that exclude the limit (`sequences.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

from alerts.watch.analysis import messages
from alerts.watch.analysis.baseline import BaselineTracker
from alerts.watch.analysis.check_status import status
from alerts.watch.analysis.cleanup import CleanupOutcome, CleanupTracker
from alerts.watch.analysis.counters import CounterIncreases
from alerts.watch.analysis.coverage import (
    ROUNDING,
    Gaps,
    Meter,
    MeterTotals,
    TickCounter,
    TickInterval,
    TickStatus,
    exceeds,
)
from alerts.watch.analysis.outcomes import OutcomeTracker, trackers
from alerts.watch.analysis.reconciliation import JobBalance
from alerts.watch.analysis.spans import SpanTracker
from alerts.watch.checks.series import MAINTENANCE
from alerts.watch.model.check import Check, CheckKind
from alerts.watch.model.result import AlertSpan, CheckResult, ClockStep, Estimate, Gap, Judgement, MaintenanceSpan
from alerts.watch.model.tick import Cause, Tick
from alerts.watch.model.watch import Verdict, Watch
from exporter.core.clock_step import clock_step

# The share of a watch that has to be known and not excused.
MIN_KNOWN = 0.5


def evaluate_watch(watch: Watch, ticks: Iterable[Tick], at: float, elapsed: float, *, final: bool) -> Judgement:
    """The judgement of ticks in any order. `at` (Unix seconds) and `elapsed` are not before the last of them."""
    evaluator = WatchEvaluator(watch)
    for tick in sorted(ticks, key=lambda tick: tick.elapsed):
        evaluator.add(tick)
    return evaluator.judgement(at, elapsed, final=final)


@dataclass(slots=True)
class _TrackedCheck:
    """One check and its measurements."""

    check: Check
    outcomes: OutcomeTracker | None = None
    meter: Meter = field(default_factory=Meter)
    worst: float | None = None
    worst_at: float | None = None

    def add(self, interval: TickInterval, tick: Tick, offset: float) -> None:
        self.meter.add(interval, self._status(tick, offset))
        if (
            not self.check.signal
            or self.check.kind is CheckKind.EVIDENCE
            or (offset and any(condition.by_clock for condition in self.check.conditions))
        ):
            return
        value = tick.values.get(self.check.signal)
        if value is not None and (self.worst is None or self._is_worse(value, self.worst)):
            self.worst, self.worst_at = value, tick.at

    def _status(self, tick: Tick, offset: float) -> TickStatus:
        found = status(self.check, tick, offset)
        if found is not TickStatus.BAD or self.outcomes is None or self.outcomes.evidence.is_certain:
            return found
        return TickStatus.UNKNOWN if self.outcomes.evidence.is_possible else TickStatus.GOOD

    def _is_worse(self, value: float, than: float) -> bool:
        above = not self.check.conditions or self.check.conditions[0].above
        return value > than if above else value < than


@dataclass(frozen=True, slots=True)
class _Measured:
    """The measurements of one check at one moment."""

    check: Check
    meter: Meter
    totals: MeterTotals
    estimate: Estimate | None


class WatchEvaluator:
    """Evaluates a watch tick by tick. The judgement is available at any time, in any thread."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._lock = Lock()
        self._ticks = TickCounter(watch.started_at)
        self._outcomes = trackers(watch.checks, watch.duration)
        self._checks = [_TrackedCheck(check, self._outcomes.get(check.name)) for check in watch.checks]
        self._coverage = {frozenset(collectors): Meter() for collectors in watch.sources.values()}
        self._cleanups = {
            check.name: CleanupTracker(check.schedule, frozenset(check.collectors), watch.started_at)
            for check in watch.checks
            if check.schedule
        }
        self._baselines = {
            check.name: BaselineTracker(check) for check in watch.checks if check.kind is CheckKind.BASELINE
        }
        self._gaps = Gaps(watch.started_at, frozenset((MAINTENANCE,)))
        self._alerts = SpanTracker()
        self._maintenance = SpanTracker()
        self._increases = CounterIncreases()
        self._jobs = JobBalance()
        self._steps: list[ClockStep] = []
        self._offset = 0.0
        self._runs: set[int] = set()

    def add(self, tick: Tick) -> None:
        """Add one tick, in the order of time."""
        with self._lock:
            self._add(tick)

    def has_failed(self, at: float) -> bool:
        """Whether the judgement at `at` (Unix seconds) is FAIL, before the end; for the thread that adds ticks.

        It takes a fraction of the time of the judgement, which has the reasons, bounds and coverage of every check.
        """
        return any(self._fails(each, at) for each in self._checks if each.check.decides)

    def coverage(self, elapsed: float) -> float:
        """The coverage of the watch, 0 to 1: the lowest of the checks that count; `elapsed` as of `judgement`."""
        tail = self._ticks.unknown_tail(elapsed, self.watch.interval)
        ratios = [each.meter.ratio(elapsed, tail) for each in self._checks if each.check.counts_for_coverage]
        return min(ratios, default=0.0)

    def judgement(self, at: float, elapsed: float, *, final: bool, cause: Cause = Cause.EXPORTER_DOWN) -> Judgement:
        """The judgement at a moment: `at` Unix seconds, `elapsed` seconds of the watch.

        `final`: the watch is over. `cause` is that of a gap since the last tick.
        """
        with self._lock:
            return self._judgement(at, elapsed, final=final, cause=cause)

    def _add(self, tick: Tick) -> None:
        interval = self._ticks.add(tick)
        self._offset += tick.step
        offset = clock_step(self._offset)
        self._increases.add(tick)
        for outcomes in self._outcomes.values():
            outcomes.add(tick, interval, self._increases)
        for tracked in self._checks:
            tracked.add(interval, tick, offset)
        for collectors, meter in self._coverage.items():
            meter.add(interval, TickStatus.GOOD if tick.known(collectors) else TickStatus.UNKNOWN)
        self._gaps.add(tick)
        self._alerts.add(tick, dict.fromkeys((*tick.firing, *tick.held), ""))
        self._maintenance.add(tick, {"": tick.maintenance_reason} if tick.maintenance else {})
        self._jobs.add(tick)
        for cleanup in self._cleanups.values():
            cleanup.add(tick, offset)
        for compared in self._baselines.values():
            compared.add(tick)
        if tick.step:
            self._steps.append(ClockStep(tick.at, tick.elapsed, tick.step))
        self._runs.add(tick.run)

    def _judgement(self, at: float, elapsed: float, *, final: bool, cause: Cause) -> Judgement:
        elapsed = max(elapsed, self._ticks.elapsed)
        gaps = self._gaps.at(at, elapsed, self.watch.interval, cause)
        results = tuple(self._result(tracked, gaps, at, elapsed, final=final) for tracked in self._checks)
        verdict = self._verdict([each for each in results if each.check.decides], final=final)
        ratio = self.coverage(elapsed)
        coverage = {key: self._totals(meter, elapsed).coverage for key, meter in self._coverage.items()}
        return Judgement(
            number=self.watch.number,
            at=at,
            elapsed=elapsed,
            duration=self.watch.duration,
            final=final,
            verdict=verdict,
            summary=messages.summary(self.watch, verdict, results, ratio, elapsed),
            reasons=tuple(_reasons(results)),
            results=results,
            ratio=ratio,
            ticks=self._ticks.ticks,
            coverage={name: coverage[frozenset(collectors)] for name, collectors in self.watch.sources.items()},
            gaps=gaps,
            maintenance=tuple(MaintenanceSpan(each.span, each.text) for each in self._maintenance.spans()),
            alerts=tuple(AlertSpan(each.key, each.span, each.open) for each in self._alerts.spans()),
            restarts=tuple(self._increases.restarts),
            clock_steps=tuple(self._steps),
            exporter_restarts=max(len(self._runs) - 1, 0),
            evidence={
                each.what: self._increase(each.counter)
                for check in self.watch.checks
                for each in check.evidence
                if not check.not_applicable
            },
            reconciliation=self._jobs.reconcile(self._increases),
        )

    def _fails(self, tracked: _TrackedCheck, at: float) -> bool:
        check = tracked.check
        if check.not_applicable or check.kind is CheckKind.BASELINE:
            return False
        if check.kind is CheckKind.CLEANUP:
            outcomes = self._cleanups[check.name].outcomes(at, final=False)
            return outcomes is not None and CleanupOutcome.OVERDUE in outcomes.values()
        return tracked.meter.exceeds(check.budget)

    def _verdict(self, results: Sequence[CheckResult], *, final: bool) -> Verdict | None:
        """The verdict by the results of the checks that decide."""
        verdicts = {result.verdict for result in results}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        if not final:
            return None
        is_proved = any(each.verdict is Verdict.PASS and each.check.kind is not CheckKind.EVIDENCE for each in results)
        conclusive = is_proved and Verdict.INCONCLUSIVE not in verdicts and not self.watch.stopped
        return Verdict.PASS if conclusive else Verdict.INCONCLUSIVE

    def _result(
        self, tracked: _TrackedCheck, gaps: Sequence[Gap], at: float, elapsed: float, *, final: bool
    ) -> CheckResult:
        check, totals = tracked.check, self._totals(tracked.meter, elapsed)
        estimate = tracked.outcomes.estimate(final=final) if tracked.outcomes else None
        measured = _Measured(check, tracked.meter, totals, estimate)
        verdict, reason = next(self._verdicts(measured, gaps, at, final=final))
        return CheckResult(
            check=check,
            verdict=verdict,
            reason=reason,
            breached=totals.bad,
            longest=totals.longest_bad,
            excused=totals.excused,
            coverage=totals.coverage,
            breaches=tuple(tracked.meter.breaches),
            worst=tracked.worst,
            worst_at=tracked.worst_at,
            evidence={each.what: self._increase(each.counter) for each in check.evidence},
            estimate=estimate,
        )

    def _verdicts(
        self, measured: _Measured, gaps: Sequence[Gap], at: float, *, final: bool
    ) -> Iterator[tuple[Verdict | None, str]]:
        """The verdicts on a check that apply, with their reasons; the first one counts."""
        check, totals, estimate = measured.check, measured.totals, measured.estimate
        budget = check.budget
        yield from self._verdicts_without_budget(check, at, final=final)
        if measured.meter.exceeds(budget):
            yield Verdict.FAIL, messages.failed(check, totals, estimate)
        if exceeds(totals.possible, budget.total) or exceeds(totals.longest_possible, budget.stretch):
            yield Verdict.INCONCLUSIVE, messages.unknown(check, totals, _relevant(gaps, check))
        if final and totals.known < MIN_KNOWN * self.watch.duration - ROUNDING:
            yield Verdict.INCONCLUSIVE, messages.too_little_known(check, totals, self.watch)
        for each in check.evidence:
            found = self._increase(each.counter)
            if found < each.at_least:
                yield Verdict.INCONCLUSIVE if final else None, messages.lacking(each, found, final=final)
            elif check.kind is CheckKind.EVIDENCE:
                yield Verdict.PASS, messages.traffic(check, each, found)
        if estimate and estimate.at_most >= estimate.limit:
            yield Verdict.INCONCLUSIVE if final else None, messages.not_excluded(check, estimate, final=final)
        yield Verdict.PASS, messages.passed(check, totals, estimate, was_breached=bool(measured.meter.breaches))

    def _verdicts_without_budget(self, check: Check, at: float, *, final: bool) -> Iterator[tuple[Verdict | None, str]]:
        if check.not_applicable:
            yield None, f"Not checked: {check.not_applicable}."
        if check.kind is CheckKind.CLEANUP:
            yield messages.cleanup(check, self._cleanups[check.name].outcomes(at, final=final))
        if check.kind is CheckKind.BASELINE:
            # Once, at the end: repeated looks would find a difference by chance.
            decides = final and not self.watch.stopped
            yield messages.compared(check, self._baselines[check.name].change() if decides else None, final=final)

    def _increase(self, counter: str) -> float:
        return self._increases.grown.get(counter, 0.0)

    def _totals(self, meter: Meter, elapsed: float) -> MeterTotals:
        return meter.totals(self._ticks, elapsed, self.watch.interval)


def _relevant(gaps: Sequence[Gap], check: Check) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if not gap.affects or set(gap.affects) & set(check.collectors))


def _reasons(results: Sequence[CheckResult]) -> Iterator[str]:
    """The reasons of results other than PASS, the most severe first; then breaches within a budget.

    Those of advisory checks come last.
    """
    for decides in (True, False):
        chosen = [result for result in results if result.check.decides is decides]
        for result in messages.most_severe(chosen):
            yield messages.of_check(result)
        for result in chosen:
            if result.verdict is Verdict.PASS and result.was_breached:
                yield messages.of_check(result)
