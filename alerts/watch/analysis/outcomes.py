"""Counts the outcomes of a check tick by tick, and estimates their frequency."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from alerts.watch.analysis import sequences
from alerts.watch.analysis.counters import CounterIncreases
from alerts.watch.analysis.coverage import TickInterval
from alerts.watch.analysis.evidence import Evidence
from alerts.watch.analysis.sequences import ConfidenceSequence, RateSequence, ShareSequence
from alerts.watch.model.check import Check, Outcomes
from alerts.watch.model.result import Estimate
from alerts.watch.model.tick import Tick


class _Totals(NamedTuple):
    """Since the begin of the watch: events, trials, elapsed seconds of the samples, and resets of the counters."""

    events: float = 0.0
    trials: float = 0.0
    until: float = 0.0
    resets: int = 0


@dataclass(slots=True)
class OutcomeTracker:
    """The outcomes of one check. `duration` is that of the watch, seconds; `error` the probability of a false FAIL.

    Outcomes during declared maintenance are left out where it excuses the check. Those across a gap count when the
    counters were not reset in it; otherwise they are lost.
    """

    outcomes: Outcomes
    duration: float
    error: float
    excused: bool
    evidence: Evidence = field(init=False)
    _counters: tuple[str, ...] = field(init=False)
    _events: float = 0.0
    _exposure: float = 0.0
    _last: _Totals | None = None
    _complete: bool = True

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.error, self.duration)
        self._counters = self.outcomes.counters

    def add(self, tick: Tick, interval: TickInterval, increases: CounterIncreases) -> None:
        """Add one tick, in the order of time, after its `increases`."""
        for name in self._counters:
            if name not in tick.values:
                self._complete = False
                return
        complete = self._complete and interval.covered
        last, self._last, self._complete = self._last, self._totals(increases), True
        if self.excused and tick.maintenance is not False:
            if tick.maintenance is None:
                self.evidence.lose(tick.elapsed)
        elif last is None:
            if not complete:
                self.evidence.lose(tick.elapsed)
        else:
            self._count(tick.elapsed, last, self._last, complete=complete)

    def estimate(self, *, final: bool) -> Estimate:
        """The frequency up to now; its power at the end."""
        sequence, events, exposure = self._sequence, self._events, self._exposure
        at_most = sequences.at_most(sequence, events, exposure)
        needed: float | None = 0.0
        if at_most >= sequence.limit:
            size = sequences.exposure_needed(sequence, events, exposure)
            needed = None if size is None else size - exposure
        return Estimate(
            events=events,
            exposure=exposure,
            at_least=sequences.at_least(sequence, events, exposure),
            at_most=at_most,
            limit=sequence.limit,
            detectable=sequences.detectable(sequence, exposure, self.error) if final else None,
            needed=needed,
        )

    @property
    def _sequence(self) -> ConfidenceSequence:
        return ShareSequence(self.outcomes.limit) if self.outcomes.trials else RateSequence(self.outcomes.limit)

    def _totals(self, increases: CounterIncreases) -> _Totals:
        grown, outcomes = increases.grown, self.outcomes
        events, trials, resets = 0.0, 0.0, 0
        for name in outcomes.trials:
            trials += grown[name]
        for name in outcomes.successes:
            events -= grown[name]
        for name in outcomes.events:
            events += grown[name]
        for name in self._counters:
            resets += increases.resets[name]
        return _Totals(trials + events, trials, increases.until(self._counters[0]), resets)

    def _count(self, elapsed: float, last: _Totals, now: _Totals, *, complete: bool) -> None:
        was_reset, events = now.resets != last.resets, max(now.events - last.events, 0.0)
        if self.outcomes.trials:
            exposure = max(now.trials - last.trials, 0.0)
            events = min(events, exposure)  # a reset that only one of the counters shows
        else:
            exposure = (
                0.0 if was_reset else now.until - last.until
            )  # after a reset, nobody knows the time of the events
        self._events += events
        self._exposure += exposure
        if was_reset and not complete:
            self.evidence.lose(elapsed)
        else:
            self.evidence.observe(elapsed, events, self.outcomes.limit * exposure, complete=complete)


def trackers(checks: Iterable[Check], duration: float) -> dict[str, OutcomeTracker]:
    """By the names of the checks with outcomes. They share the probability of a false FAIL."""
    limited = {check.name: (check.outcomes, check.excused) for check in checks if not check.not_applicable}
    found = {name: (outcomes, excused) for name, (outcomes, excused) in limited.items() if outcomes}
    return {
        name: OutcomeTracker(outcomes, duration, sequences.ERROR / len(found), excused)
        for name, (outcomes, excused) in found.items()
    }
