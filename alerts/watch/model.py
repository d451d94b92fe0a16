"""The values of a watch: what it is to check, what was seen at each tick, and what was judged of it.

Units: durations in seconds. A moment has two clocks: `at` is Unix seconds by the wall clock, for people; `elapsed`
is seconds of the watch, which no stepped clock bends. A `Span` has both: its length is `seconds`, whatever the wall
clock did meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What a watch, or one check of it, proved. The worse comes first."""

    FAIL = "FAIL"  # what was seen exceeds a budget
    INCONCLUSIVE = "INCONCLUSIVE"  # what was not seen could have
    PASS = "PASS"  # noqa: S105 - no password; even if everything unseen had been bad, no budget was exceeded


class WatchState(StrEnum):
    """Where a watch stands: the label of `outbox_watch_state`."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why something was not seen."""

    EXPORTER_DOWN = "exporter down"
    EXPORTER_STOPPED = "exporter stopped"
    EXPORTER_STALLED = "exporter held up"  # alive, and not evaluating: suspended or starved
    NOT_WRITTEN = "state directory not writable"
    STARTING = "not sampled yet"
    UNREACHABLE = "database unreachable"
    LOCK = "table locked"
    TIMEOUT = "database too slow"
    NOT_VISIBLE = "rows not visible"
    STANDBY = "a standby answered"  # fresh or not: it proves nothing about the primary
    SCHEMA = "schema not as expected"
    APPLICATION = "application gives no answer"
    MAINTENANCE_UNKNOWN = "declared maintenance unreadable"
    NO_VALUE = "no value"
    INTERNAL = "internal error"


class CheckKind(StrEnum):
    """How a check is judged."""

    LEVEL = "level"  # the conditions hold: breached
    PAGES = "pages"  # one of the rules fires: breached
    CLEANUP = "cleanup"  # what had to go by a time of day is still there some hours later
    EVIDENCE = "evidence"  # never breached; without its evidence nothing was proved


@dataclass(frozen=True, slots=True)
class Condition:
    """A signal beyond its limit.

    `absent`: whether it holds when its collectors work and there is no value. `by_clock`: the signal compares the
    database's times with our clock, so that its value is as right as that.
    """

    signal: str
    above: bool  # False: below
    limit: float
    inclusive: bool = False
    absent: bool | None = None
    collectors: tuple[str, ...] = ()
    by_clock: bool = False

    def holds(self, value: float) -> bool:
        """Whether this value is beyond the limit."""
        if value == self.limit:
            return self.inclusive
        return value > self.limit if self.above else value < self.limit


@dataclass(frozen=True, slots=True)
class Budget:
    """For how long a check may be breached: `total` in the whole watch, `stretch` without interruption."""

    total: float
    stretch: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What has to have been seen: at least so much growth of a counter, in the words of `what`."""

    counter: str
    at_least: float
    what: str


@dataclass(frozen=True, slots=True)
class CleanupSchedule:
    """A clean-up: when it is due (`weekday` from Monday 0, None daily), and what it leaves behind.

    `hour` is meant by a clock that is ahead of UTC by the seconds in the series `clock`. `oldest` is the series with
    the time of the oldest thing there; after the clean-up nothing is older than `keeps` before it was due. `grace`
    later it has to be so.
    """

    hour: int
    weekday: int | None
    clock: str
    oldest: str
    keeps: float
    grace: float


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the watch is to prove, every number resolved when the watch begins.

    The sentence about it is made of `subject` with `good` or `bad`. `signal` is the one to plot, with `limit` in its
    `unit`: None where there is none. `excused`: declared maintenance excuses a breach. `not_applicable` is empty, or
    says why it is not judged here (no application is configured).
    """

    name: str
    title: str
    kind: CheckKind
    subject: str
    good: str
    bad: str
    source: str
    budget: Budget
    conditions: tuple[Condition, ...] = ()
    collectors: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    rules: tuple[str, ...] = ()  # of kind pages, "OutboxStalled/page"
    rules_by_clock: tuple[str, ...] = ()  # those of them that compare the database's times with our clock
    schedule: CleanupSchedule | None = None
    signal: str | None = None
    limit: float | None = None
    unit: str = ""
    excused: bool = False
    not_applicable: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. `started` is where it began on the history's own time line; `started_at` by the wall clock.

    `ends_at` is the planned end by the wall clock, moved along when that is stepped. `decided_at` is the moment of
    the verdict, `closed_at` that of the last look: after a FAIL it is observed until its planned end. `sources` has
    the collectors on which each signal and series rests.
    """

    number: int
    begun_by: str  # "manual", "migration", or the configured time
    started_at: float
    started: float
    duration: float
    interval: float
    version: str
    checks: tuple[Check, ...]
    ends_at: float
    state: WatchState = WatchState.RUNNING
    decided_at: float | None = None
    closed_at: float | None = None
    closed: float | None = None  # on the time line
    stopped: str = ""  # why it was ended early
    time_scale: float = 1.0
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict | None:
        """The last word, or none yet."""
        return VERDICTS.get(self.state)

    @property
    def is_open(self) -> bool:
        """Whether it goes on, decided or not."""
        return self.closed_at is None


VERDICTS: Mapping[WatchState, Verdict] = {
    WatchState.PASSED: Verdict.PASS,
    WatchState.FAILED: Verdict.FAIL,
    WatchState.INCONCLUSIVE: Verdict.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class CollectorProblem:
    """A collector that cannot be relied on. `stale`: what it brought last is too old; otherwise it still counts."""

    collector: str
    cause: Cause
    stale: bool


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What happened to an alert at a tick: `change` is pending, firing, resolved or dropped."""

    change: str
    rule: str
    labels: Mapping[str, str]
    value: float
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """What was seen at one moment. Shape: `values` has signals and raw series that are known, by name.

    `elapsed` counts from the watch's begin, or from the history's where there is no watch. `run` is the exporter's
    process. `before` says why nothing was seen since the tick before, if that is long ago. `firing` and `held` are
    alerts that fire, by rule: `held` ones stand as they stood, their signal being unknown. `maintenance` is None
    when that cannot be told. `step` is by how much the wall clock was set since the tick before, `changes` what
    became of alerts.
    """

    at: float
    elapsed: float
    run: int
    interval: float
    values: Mapping[str, float]
    troubles: tuple[CollectorProblem, ...] = ()
    firing: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    maintenance: bool | None = False
    maintenance_reason: str = ""
    before: Cause = Cause.EXPORTER_STALLED
    step: float = 0.0
    changes: tuple[AlertChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the watch."""

    started_at: float
    ended_at: float
    started: float  # elapsed
    seconds: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Something was not seen from one good look to the next. `affects` are collectors; empty for all of them."""

    span: Span
    cause: Cause
    affects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaintenanceSpan:
    """Declared maintenance, as far as it lay in the watch."""

    span: Span
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """An alert of the sidecar's that fired; `open` when it still did at the last look."""

    rule: str  # "OutboxStalled/page"
    span: Span
    open: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """A counter of the application's that began anew. `explained`: during declared maintenance."""

    at: float
    elapsed: float
    counter: str
    explained: bool


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set: by so many seconds, back when negative."""

    at: float
    elapsed: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of something was seen. `expected` and `received` in samples; `ratio` is seen by expected time.

    `unseen` and `longest_unseen` in seconds, between the good looks around.
    """

    expected: int
    received: int
    ratio: float
    unseen: float
    longest_unseen: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to.

    `verdict` is None where it does not apply and, while a watch runs, where evidence is still to come; PASS is "so far"
    until the end. `breached` is what was seen breached, `longest` the longest without a good look or a gap in between;
    `excused` is breached during declared maintenance. `worst` is the worst value of `check.signal` with its time.
    `breaches` are the first hundred; one that a single look saw may last 0 seconds.
    """

    check: Check
    verdict: Verdict | None
    reason: str
    breached: float
    longest: float
    excused: float
    coverage: Coverage
    breaches: tuple[Span, ...] = ()
    worst: float | None = None
    worst_at: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def was_breached(self) -> bool:
        """Whether any look found it breached, within its budget or not."""
        return self.breached > 0 or bool(self.breaches)

    @property
    def is_undecided(self) -> bool:
        """Whether it applies and nothing can be said of it yet."""
        return self.verdict is None and not self.check.not_applicable and self.check.kind is not CheckKind.CLEANUP


@dataclass(frozen=True, slots=True)
class Difference:
    """Two accounts of the same thing that differ. `explanation` is empty where there is none."""

    what: str
    by: float
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Where the jobs went, as far as the database can tell.

    created + pending at the start = processed + pending at the end + removed. `created` and `removed` are inferred
    from what was pending and processed, `removed` at least so many; `events` are initialisations that the database
    recorded, `initialised` those that the application counted. None where nothing was seen. The spans reach from the
    first to the last sample behind these numbers.
    """

    pending_before: float | None
    pending_after: float | None
    failing_after: float | None
    processed: float
    created: float | None
    removed: float
    events: float | None
    initialised: float | None
    unseen_seconds: float
    differences: tuple[Difference, ...] = ()
    jobs_span: Span | None = None
    events_span: Span | None = None
    initialised_span: Span | None = None

    @property
    def explained(self) -> bool:
        """Whether every difference has its explanation."""
        return all(each.explanation for each in self.differences)


class EffectSize(StrEnum):
    """How much two days differ, by Cliff's delta."""

    NEGLIGIBLE = "negligible"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Direction(StrEnum):
    """Which way."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class SignalComparison:
    """One signal, by medians of hours. `shift` is the median of all differences (Hodges-Lehmann), in its unit.

    `delta` is Cliff's, from -1 (always lower than before) to 1; `p` that of Mann and Whitney, two-sided.
    """

    signal: str
    title: str
    unit: str
    hours: int
    hours_before: int
    median: float
    median_before: float
    shift: float
    delta: float
    p: float
    effect: EffectSize
    direction: Direction
    sentence: str


@dataclass(frozen=True, slots=True)
class DayComparison:
    """A watch beside an earlier one, or beside the day before: the same hours of the day. `against` names it."""

    against: str
    signals: tuple[SignalComparison, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything judged of a watch at one moment.

    `verdict` is None while undecided; FAIL may come early, the others only with `final`. `reasons` are the sentences
    that led to it, the gravest first. `coverage` is by signal and raw series; `ratio` the lowest of all that is
    judged. `evidence` counts what was seen, by words.
    """

    number: int
    at: float
    elapsed: float
    duration: float
    final: bool
    verdict: Verdict | None
    summary: str
    reasons: tuple[str, ...]
    results: tuple[CheckResult, ...]
    ratio: float
    ticks: int
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    maintenance: tuple[MaintenanceSpan, ...] = ()
    alerts: tuple[AlertSpan, ...] = ()
    restarts: tuple[Restart, ...] = ()
    clock_steps: tuple[ClockStep, ...] = ()
    exporter_restarts: int = 0
    evidence: Mapping[str, float] = field(default_factory=dict)
    reconciliation: Reconciliation | None = None

    @property
    def breached(self) -> tuple[CheckResult, ...]:
        """The checks that were seen breached at all, within their budget or not."""
        return tuple(result for result in self.results if result.was_breached)
