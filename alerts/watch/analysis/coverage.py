"""How long things were good, bad, or not seen at all: the arithmetic on which every verdict rests.

A look tells of the time since the look before, when that was not more than `REACH` intervals ago; otherwise nobody
knows what was in between. So time is of four kinds, and two bounds follow for what was bad: at least what was seen
to be, at most that and all that was not seen. Fewer looks move the bounds apart and never both in one direction,
which is why less coverage turns no FAIL into a PASS, nor a PASS into a FAIL. (It takes looks that keep their pace to
within a quarter of it: of two that come closer, one can be missing without a trace.)
"""

from dataclasses import dataclass, field
from enum import Enum

from alerts.watch.model import Cause, Coverage, Gap, Span, Tick

# In intervals: one look that is late is none lost, one that is missing is.
REACH = 1.5
# Of breaches: the report shows them, the sums are of all.
KEPT = 100


class TickStatus(Enum):
    """What one look found. Of several at the same time, the first of these counts."""

    BAD = 1
    GOOD = 2
    EXCUSED = 3  # whatever it was: declared maintenance
    UNKNOWN = 4


def reached(seconds: float, interval: float) -> bool:
    """Whether a look tells of the time since the one before."""
    return seconds <= REACH * interval


@dataclass(slots=True)
class _Duration:
    """Something that lasts: for how long now, at the longest, and in all."""

    now: float = 0.0
    longest: float = 0.0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.now += seconds
        self.total += seconds
        self.longest = max(self.longest, self.now)

    def end(self) -> None:
        self.now = 0.0

    def with_more(self, seconds: float) -> tuple[float, float]:
        """Total and longest if it went on for so long."""
        return self.total + seconds, max(self.longest, self.now + seconds)


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """What a meter has measured up to some moment; seconds."""

    elapsed: float
    bad: float
    longest_bad: float
    unseen: float
    longest_unseen: float
    excused: float
    dark: float  # bad or unseen
    longest_dark: float
    coverage: Coverage

    @property
    def seen(self) -> float:
        """Seen and not excused."""
        return self.elapsed - self.unseen - self.excused


@dataclass(frozen=True, slots=True)
class TickInterval:
    """From one look to the next: so many seconds, of which the later look tells or not."""

    at: float
    elapsed: float
    seconds: float
    near: bool


@dataclass(slots=True)
class TickCounter:
    """The looks themselves, whatever they found: when the last one was, how many there were and should have been."""

    at: float
    elapsed: float = 0.0
    looks: int = 0
    expected: float = 0.0

    def step(self, tick: Tick) -> TickInterval:
        """The next look, not earlier than the last."""
        seconds = tick.elapsed - self.elapsed
        self.at, self.elapsed = tick.at, tick.elapsed
        self.looks += 1
        self.expected += seconds / tick.interval
        return TickInterval(tick.at, tick.elapsed, seconds, reached(seconds, tick.interval))


@dataclass(slots=True)
class Meter:
    """Measures one thing, look by look, in the order of time."""

    breaches: list[Span] = field(default_factory=list)
    _calm: bool = True
    _missed: int = 0
    _bad: _Duration = field(default_factory=_Duration)
    _unseen: _Duration = field(default_factory=_Duration)
    _excused: _Duration = field(default_factory=_Duration)
    _dark: _Duration = field(default_factory=_Duration)

    def add(self, step: TickInterval, status: TickStatus) -> None:
        """One look."""
        if self._calm and step.near and status is TickStatus.GOOD:
            return  # as nearly always
        self._calm = status is TickStatus.GOOD
        self._add(status if step.near else TickStatus.UNKNOWN, step.seconds)
        if status is TickStatus.UNKNOWN:
            self._missed += 1
        else:
            self._unseen.end()
        if status in (TickStatus.GOOD, TickStatus.EXCUSED):
            self._dark.end()
            self._bad.end()
        if status is TickStatus.BAD:
            self._breached(step)

    def _add(self, status: TickStatus, seconds: float) -> None:
        if status is TickStatus.BAD:
            self._bad.add(seconds)
        else:
            self._bad.end()
        if status is TickStatus.UNKNOWN:
            self._unseen.add(seconds)
        if status in (TickStatus.BAD, TickStatus.UNKNOWN):
            self._dark.add(seconds)
        if status is TickStatus.EXCUSED:
            self._excused.add(seconds)

    def _breached(self, step: TickInterval) -> None:
        seconds = step.seconds if step.near else 0.0
        last = self.breaches[-1] if self.breaches else None
        if last and step.near and last.started + last.seconds >= step.elapsed - seconds:
            self.breaches[-1] = Span(last.started_at, step.at, last.started, last.seconds + seconds)
        elif len(self.breaches) < KEPT:
            self.breaches.append(Span(step.at - seconds, step.at, step.elapsed - seconds, seconds))

    def times(self, pace: TickCounter, elapsed: float, interval: float) -> MeterTotals:
        """The measures at a moment not before the last look; what came since then was not seen, if it is long."""
        rest = max(0.0, elapsed - pace.elapsed)
        tail = 0.0 if reached(rest, interval) else rest
        unseen, longest_unseen = self._unseen.with_more(tail)
        dark, longest_dark = self._dark.with_more(tail)
        expected = round(pace.expected + rest / interval)
        span = elapsed - self._excused.total
        return MeterTotals(
            elapsed=elapsed,
            bad=self._bad.total,
            longest_bad=self._bad.longest,
            unseen=unseen,
            longest_unseen=longest_unseen,
            excused=self._excused.total,
            dark=dark,
            longest_dark=longest_dark,
            coverage=Coverage(
                expected=expected,
                received=min(pace.looks - self._missed, expected),
                ratio=max(0.0, 1 - unseen / span) if span > 0 else 1.0,
                unseen=unseen,
                longest_unseen=longest_unseen,
            ),
        )


@dataclass(slots=True)
class _OpenGap:
    """A gap that has begun."""

    at: float
    elapsed: float
    until_at: float
    until: float
    affects: set[str]

    def closed(self, cause: Cause) -> Gap:
        span = Span(self.at, self.until_at, self.elapsed, self.until - self.elapsed)
        return Gap(span, cause, tuple(sorted(self.affects)))


class Gaps:
    """Names what was not seen, from one good look to the next."""

    def __init__(self, started_at: float, ignored: frozenset[str] = frozenset()) -> None:
        self._at = started_at
        self._elapsed = 0.0
        self._ignored = ignored
        self._closed: list[Gap] = []
        self._open: dict[Cause, _OpenGap] = {}

    def add(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        if not reached(tick.elapsed - self._elapsed, tick.interval):
            self._close_all()
            whole = _OpenGap(self._at, self._elapsed, tick.at, tick.elapsed, set())
            self._closed.append(whole.closed(tick.before))
        troubles: dict[Cause, set[str]] = {}
        for trouble in tick.troubles:
            if trouble.stale and trouble.collector not in self._ignored:
                troubles.setdefault(trouble.cause, set()).add(trouble.collector)
        for cause in [cause for cause in self._open if cause not in troubles]:
            self._closed.append(self._open.pop(cause).closed(cause))
        for cause, collectors in troubles.items():
            gap = self._open.setdefault(cause, _OpenGap(self._at, self._elapsed, tick.at, tick.elapsed, set()))
            gap.until_at, gap.until = tick.at, tick.elapsed
            gap.affects |= collectors
        self._at, self._elapsed = tick.at, tick.elapsed

    def at(self, now: float, elapsed: float, interval: float, cause: Cause) -> tuple[Gap, ...]:
        """All gaps up to a moment; when nothing was seen for long before it, that is one for `cause`."""
        gaps = [*self._closed, *(gap.closed(cause) for cause, gap in self._open.items())]
        if not reached(elapsed - self._elapsed, interval):
            gaps.append(Gap(Span(self._at, now, self._elapsed, elapsed - self._elapsed), cause))
        return tuple(sorted(gaps, key=lambda gap: (gap.span.started, gap.cause)))

    def _close_all(self) -> None:
        self._closed += [gap.closed(cause) for cause, gap in self._open.items()]
        self._open.clear()
