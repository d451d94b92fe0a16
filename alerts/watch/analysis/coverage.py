"""Durations: how long a check was good, bad, excused, or not known.

A tick is evidence for the time since the previous tick, unless that is more than `MAX_INTERVALS` intervals ago; then
the time between is unknown. Two bounds follow for bad time: at least the bad time, at most bad and unknown time. Fewer
ticks move the bounds apart. So less coverage never turns a FAIL into a PASS, nor a PASS into a FAIL. (This assumes
ticks that are at most a quarter of an interval early or late: of two that are closer, one may be missing unnoticed.)
"""

from dataclasses import dataclass, field
from enum import Enum

from alerts.watch.model.check import Budget
from alerts.watch.model.result import Coverage, Gap
from alerts.watch.model.tick import Cause, Tick, TimeSpan

# In intervals: a late tick is none lost, a missing one is.
MAX_INTERVALS = 1.5
# Breaches listed in a result; durations include all of them.
MAX_BREACHES = 100
# Seconds. Sums of thousands of seconds are not exact.
ROUNDING = 1e-6


class TickStatus(Enum):
    """The status of a check at one tick."""

    BAD = 1
    GOOD = 2
    EXCUSED = 3  # during declared maintenance, good or bad
    UNKNOWN = 4


def exceeds(seconds: float, limit: float) -> bool:
    """Whether a duration exceeds its limit, but for rounding. Units: seconds."""
    return seconds > limit + ROUNDING


def is_covered(seconds: float, interval: float) -> bool:
    """Whether a tick is evidence for the time since the previous one. Units: seconds."""
    return seconds <= MAX_INTERVALS * interval


@dataclass(slots=True)
class _Duration:
    """Seconds without interruption up to now, the longest of these, and the total."""

    current: float = 0.0
    longest: float = 0.0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.current += seconds
        self.total += seconds
        self.longest = max(self.longest, self.current)

    def interrupt(self) -> None:
        self.current = 0.0

    def with_more(self, seconds: float) -> tuple[float, float]:
        """Total and longest if it went on for so many seconds."""
        return self.total + seconds, max(self.longest, self.current + seconds)


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """The durations of a meter at one moment, seconds. `possible` is time that was bad or unknown."""

    elapsed: float
    bad: float
    longest_bad: float
    unknown: float
    excused: float
    possible: float
    longest_possible: float
    coverage: Coverage

    @property
    def known(self) -> float:
        """Time that is known and not excused, seconds."""
        return self.elapsed - self.unknown - self.excused


@dataclass(frozen=True, slots=True)
class TickInterval:
    """The time from one tick to the next, seconds. `covered`: the later tick is evidence for all of it."""

    at: float
    elapsed: float
    seconds: float
    covered: bool


@dataclass(slots=True)
class TickCounter:
    """Counts ticks: those received, and those expected by their intervals."""

    at: float
    elapsed: float = 0.0
    ticks: int = 0
    expected: float = 0.0

    def add(self, tick: Tick) -> TickInterval:
        """Count the next tick, not earlier than the last."""
        seconds = tick.elapsed - self.elapsed
        self.at, self.elapsed = tick.at, tick.elapsed
        self.ticks += 1
        self.expected += seconds / tick.interval
        return TickInterval(tick.at, tick.elapsed, seconds, is_covered(seconds, tick.interval))

    def unknown_tail(self, elapsed: float, interval: float) -> float:
        """Time since the last tick, seconds, or 0 when it is short. Units: as of `Meter.totals`."""
        rest = max(0.0, elapsed - self.elapsed)
        return 0.0 if is_covered(rest, interval) else rest


@dataclass(slots=True)
class Meter:
    """Measures one check, or one set of collectors, tick by tick in the order of time."""

    breaches: list[TimeSpan] = field(default_factory=list)
    _was_good: bool = True
    _missed: int = 0
    _bad: _Duration = field(default_factory=_Duration)
    _unknown: _Duration = field(default_factory=_Duration)
    _excused: _Duration = field(default_factory=_Duration)
    _possible: _Duration = field(default_factory=_Duration)

    def add(self, interval: TickInterval, status: TickStatus) -> None:
        """Add one tick with its status."""
        if self._was_good and interval.covered and status is TickStatus.GOOD:
            return  # the usual case: no duration changes
        self._was_good = status is TickStatus.GOOD
        self._missed += status is TickStatus.UNKNOWN
        effective = status if interval.covered else TickStatus.UNKNOWN
        for duration, counted in (
            (self._bad, (TickStatus.BAD,)),
            (self._unknown, (TickStatus.UNKNOWN,)),
            (self._possible, (TickStatus.BAD, TickStatus.UNKNOWN)),
            (self._excused, (TickStatus.EXCUSED,)),
        ):
            if effective in counted:
                duration.add(interval.seconds)
            if status not in counted or effective not in counted:
                duration.interrupt()
        if status is TickStatus.BAD:
            self._add_breach(interval)

    def _add_breach(self, interval: TickInterval) -> None:
        seconds = interval.seconds if interval.covered else 0.0
        last = self.breaches[-1] if self.breaches else None
        if last and interval.covered and last.started + last.seconds >= interval.elapsed - seconds:
            self.breaches[-1] = TimeSpan(last.started_at, interval.at, last.started, last.seconds + seconds)
        elif len(self.breaches) < MAX_BREACHES:
            self.breaches.append(TimeSpan(interval.at - seconds, interval.at, interval.elapsed - seconds, seconds))

    def exceeds(self, budget: Budget) -> bool:
        """Whether bad time exceeds a budget. It is certain: bad time never becomes less."""
        return exceeds(self._bad.total, budget.total) or exceeds(self._bad.longest, budget.stretch)

    def ratio(self, elapsed: float, tail: float) -> float:
        """The known part of `elapsed` seconds, without excused ones. `tail`: unknown seconds since the last tick."""
        counted = elapsed - self._excused.total
        return max(0.0, 1 - (self._unknown.total + tail) / counted) if counted > 0 else 1.0

    def totals(self, counter: TickCounter, elapsed: float, interval: float) -> MeterTotals:
        """The durations at a moment not before the last tick. Time since then is unknown, unless it is short.

        Units: `elapsed` seconds of the watch at that moment, `interval` of evaluations, seconds.
        """
        tail = counter.unknown_tail(elapsed, interval)
        unknown, longest_unknown = self._unknown.with_more(tail)
        possible, longest_possible = self._possible.with_more(tail)
        expected = round(counter.expected + max(0.0, elapsed - counter.elapsed) / interval)
        return MeterTotals(
            elapsed=elapsed,
            bad=self._bad.total,
            longest_bad=self._bad.longest,
            unknown=unknown,
            excused=self._excused.total,
            possible=possible,
            longest_possible=longest_possible,
            coverage=Coverage(
                expected=expected,
                received=min(counter.ticks - self._missed, expected),
                ratio=self.ratio(elapsed, tail),
                unseen=unknown,
                longest_unseen=longest_unknown,
            ),
        )


@dataclass(slots=True)
class _OpenGap:
    """A gap that has begun: from the last complete tick to the latest tick of the same cause."""

    first: Tick
    last: Tick
    affects: set[str] = field(default_factory=set)

    def closed(self, cause: Cause) -> Gap:
        return Gap(TimeSpan.between(self.first, self.last), cause, tuple(sorted(self.affects)))


class Gaps:
    """Finds the gaps of a watch that began at `started_at`, Unix seconds. Problems of `ignored` collectors are none."""

    def __init__(self, started_at: float, ignored: frozenset[str] = frozenset()) -> None:
        self._last = Tick(started_at, 0.0, 0, 0.0, {})
        self._ignored = ignored
        self._closed: list[Gap] = []
        self._open: dict[Cause, _OpenGap] = {}

    def add(self, tick: Tick) -> None:
        """Add one tick, in the order of time."""
        if not is_covered(tick.elapsed - self._last.elapsed, tick.interval):
            self._closed += [gap.closed(cause) for cause, gap in self._open.items()]
            self._open.clear()
            self._closed.append(_OpenGap(self._last, tick).closed(tick.before))
        affected: dict[Cause, set[str]] = {}
        for problem in tick.problems:
            if problem.stale and problem.collector not in self._ignored:
                affected.setdefault(problem.cause, set()).add(problem.collector)
        for cause in [cause for cause in self._open if cause not in affected]:
            self._closed.append(self._open.pop(cause).closed(cause))
        for cause, collectors in affected.items():
            gap = self._open.setdefault(cause, _OpenGap(self._last, tick))
            gap.last = tick
            gap.affects |= collectors
        self._last = tick

    def at(self, now: float, elapsed: float, interval: float, cause: Cause) -> tuple[Gap, ...]:
        """All gaps up to a moment (`now` Unix seconds), by their begin; the one since the last tick has `cause`."""
        gaps = [*self._closed, *(gap.closed(each) for each, gap in self._open.items())]
        if not is_covered(elapsed - self._last.elapsed, interval):
            gaps.append(_OpenGap(self._last, Tick(now, elapsed, 0, interval, {})).closed(cause))
        return tuple(sorted(gaps, key=lambda gap: (gap.span.started, gap.cause)))
