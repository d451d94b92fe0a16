"""From ticks to a judgement. No clock, no disk: the same ticks always come to the same.

FAIL is when what was seen exceeds a budget; it is certain at that moment and stays. PASS is when even all that was
not seen could not have exceeded one, and enough was seen; that is known only at the end. Everything else is
INCONCLUSIVE. So more breach never improves a verdict, and less coverage moves it towards INCONCLUSIVE alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from alerts.watch.analysis import messages
from alerts.watch.analysis.check_intervals import look, seen
from alerts.watch.analysis.cleanup import CleanupTracker
from alerts.watch.analysis.counters import CounterIncreases
from alerts.watch.analysis.coverage import Gaps, Meter, MeterTotals, TickCounter, TickInterval, TickStatus
from alerts.watch.analysis.reconciliation import JobBalance
from alerts.watch.analysis.spans import AlertTracker, MaintenanceTracker
from alerts.watch.checks.sources import MAINTENANCE
from alerts.watch.model import (
    Cause,
    Check,
    CheckKind,
    CheckResult,
    ClockStep,
    Coverage,
    Gap,
    Judgement,
    Tick,
    Verdict,
    Watch,
)
from exporter.core.clock_step import clock_step

# Half of a watch has to be watched: what is excused, or was never there, is no proof.
LEAST_SEEN = 0.5
# Sums of thousands of seconds are not exact.
_ROUNDING = 1e-6


def judge(watch: Watch, ticks: Iterable[Tick], at: float, elapsed: float, *, final: bool) -> Judgement:
    """The judgement of ticks in any order, at a moment not before the last of them."""
    judging = WatchEvaluator(watch)
    in_order = sorted(ticks, key=lambda tick: tick.elapsed)
    for _, group in groupby(in_order, key=lambda tick: tick.elapsed):
        together = list(group)
        judging.add(*(together if len(together) == 1 else sorted(together, key=repr)))
    return judging.judgement(at, elapsed, final=final)


@dataclass(slots=True)
class _TrackedCheck:
    """One check and what is measured of it."""

    check: Check
    meter: Meter = field(default_factory=Meter)
    worst: float | None = None
    worst_at: float | None = None

    def add(self, step: TickInterval, ticks: Sequence[Tick], offset: float) -> None:
        self.meter.add(step, look(self.check, ticks, offset))
        if self.check.signal and not (offset and self._by_clock()):
            for tick in ticks:
                value = tick.values.get(self.check.signal)
                if value is not None and (self.worst is None or self._is_worse(value, self.worst)):
                    self.worst, self.worst_at = value, tick.at

    def _by_clock(self) -> bool:
        return any(condition.by_clock for condition in self.check.conditions)

    def _is_worse(self, value: float, than: float) -> bool:
        above = not self.check.conditions or self.check.conditions[0].above
        return value > than if above else value < than


class WatchEvaluator:
    """Hears ticks in the order of time, and can say at any moment what they come to."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._ticks = TickCounter(watch.started_at)
        self._tracked = [_TrackedCheck(check) for check in watch.checks]
        self._coverage = {frozenset(collectors): Meter() for collectors in watch.sources.values()}
        self._cleanups = {
            check.name: CleanupTracker(check.schedule, frozenset(check.collectors), watch.started_at)
            for check in watch.checks
            if check.schedule
        }
        self._gaps = Gaps(watch.started_at, frozenset((MAINTENANCE,)))
        self._alerts = AlertTracker()
        self._maintenance = MaintenanceTracker()
        self._growth = CounterIncreases()
        self._jobs = JobBalance()
        self._steps: list[ClockStep] = []
        self._offset = 0.0
        self._runs: set[int] = set()

    def add(self, *ticks: Tick) -> None:
        """One tick, or several of the same moment; never earlier than the one before."""
        step = self._ticks.step(ticks[0])
        self._offset += sum(tick.step for tick in ticks)
        offset = clock_step(self._offset)
        for tracked in self._tracked:
            tracked.add(step, ticks, offset)
        troubled = any(tick.troubles for tick in ticks)
        for collectors, meter in self._coverage.items():
            known = not troubled or any(seen(collectors, tick) for tick in ticks)
            meter.add(step, TickStatus.GOOD if known else TickStatus.UNKNOWN)
        for tick in ticks:
            for listener in (self._gaps, self._alerts, self._maintenance, self._growth, self._jobs):
                listener.add(tick)
            for cleanups in self._cleanups.values():
                cleanups.add(tick, offset)
            if tick.step:
                self._steps.append(ClockStep(tick.at, tick.elapsed, tick.step))
            self._runs.add(tick.run)

    @property
    def elapsed(self) -> float:
        """When the last look was."""
        return self._ticks.elapsed

    def judgement(self, at: float, elapsed: float, *, final: bool, cause: Cause = Cause.EXPORTER_DOWN) -> Judgement:
        """What has been heard comes to this. `cause` is why nothing was seen lately, if that is so."""
        elapsed = max(elapsed, self.elapsed)
        gaps = self._gaps.at(at, elapsed, self.watch.interval, cause)
        results = tuple(self._result(tracked, gaps, at, elapsed, final=final) for tracked in self._tracked)
        verdict = self._verdict(results, final=final)
        judged = [result for result in results if result.check.conditions and not result.check.not_applicable]
        ratio = min((result.coverage.ratio for result in judged), default=0.0)
        coverage = {key: self._covered(meter, elapsed) for key, meter in self._coverage.items()}
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
            ticks=self._ticks.looks,
            coverage={name: coverage[frozenset(collectors)] for name, collectors in self.watch.sources.items()},
            gaps=gaps,
            maintenance=self._maintenance.spans(),
            alerts=self._alerts.spans(),
            restarts=tuple(self._growth.restarts),
            clock_steps=tuple(self._steps),
            exporter_restarts=max(len(self._runs) - 1, 0),
            evidence={
                each.what: self._found(each.counter)
                for check in self.watch.checks
                for each in check.evidence
                if not check.not_applicable
            },
            reconciliation=self._jobs.account(self._growth),
        )

    def _verdict(self, results: Sequence[CheckResult], *, final: bool) -> Verdict | None:
        verdicts = {result.verdict for result in results}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        if not final:
            return None
        conclusive = verdicts & {Verdict.PASS} and Verdict.INCONCLUSIVE not in verdicts and not self.watch.stopped
        return Verdict.PASS if conclusive else Verdict.INCONCLUSIVE

    def _result(
        self, tracked: _TrackedCheck, gaps: Sequence[Gap], at: float, elapsed: float, *, final: bool
    ) -> CheckResult:
        check, times = tracked.check, tracked.meter.times(self._ticks, elapsed, self.watch.interval)
        verdict, reason = next(self._opinions(tracked, times, gaps, at, final=final))
        return CheckResult(
            check=check,
            verdict=verdict,
            reason=reason,
            breached=times.bad,
            longest=times.longest_bad,
            excused=times.excused,
            coverage=times.coverage,
            breaches=tuple(tracked.meter.breaches),
            worst=tracked.worst,
            worst_at=tracked.worst_at,
            evidence={each.what: self._found(each.counter) for each in check.evidence},
        )

    def _opinions(
        self, tracked: _TrackedCheck, times: MeterTotals, gaps: Sequence[Gap], at: float, *, final: bool
    ) -> Iterator[tuple[Verdict | None, str]]:
        """What can be said of a check; the first counts."""
        check = tracked.check
        if check.not_applicable:
            yield None, f"Not judged: {check.not_applicable}."
        if check.kind is CheckKind.CLEANUP:
            yield messages.cleanup(check, self._cleanups[check.name].outcomes(at, final=final))
        if exceeds(times.bad, check.budget.total) or exceeds(times.longest_bad, check.budget.stretch):
            yield Verdict.FAIL, messages.broken(check, times)
        if exceeds(times.dark, check.budget.total) or exceeds(times.longest_dark, check.budget.stretch):
            yield Verdict.INCONCLUSIVE, messages.unseen(check, times, _relevant(gaps, check))
        if final and times.seen < LEAST_SEEN * self.watch.duration - _ROUNDING:
            yield Verdict.INCONCLUSIVE, messages.too_little_seen(check, times, self.watch)
        for each in check.evidence:
            found = self._found(each.counter)
            if found < each.at_least:
                yield Verdict.INCONCLUSIVE if final else None, messages.lacking(each, found, final=final)
            elif check.kind is CheckKind.EVIDENCE:
                yield Verdict.PASS, messages.traffic(check, each, found)
        yield Verdict.PASS, messages.held(check, times, was_breached=bool(tracked.meter.breaches))

    def _found(self, counter: str) -> float:
        return self._growth.grown.get(counter, 0.0)

    def _covered(self, meter: Meter, elapsed: float) -> Coverage:
        return meter.times(self._ticks, elapsed, self.watch.interval).coverage


def exceeds(seconds: float, allowed: float) -> bool:
    """Whether it is more than allowed."""
    return seconds > allowed + _ROUNDING


def _relevant(gaps: Sequence[Gap], check: Check) -> tuple[Gap, ...]:
    return tuple(gap for gap in gaps if not gap.affects or set(gap.affects) & set(check.collectors))


def _reasons(results: Sequence[CheckResult]) -> Iterator[str]:
    """What is no PASS, the gravest first; then what was breached within its budget."""
    for result in messages.gravest(results):
        yield result.reason
    for result in results:
        if result.verdict is Verdict.PASS and result.was_breached:
            yield result.reason
