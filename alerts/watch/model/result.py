"""The results of a watch: coverage, gaps, checks, jobs, and the judgement of all of it. Units: durations in seconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from alerts.watch.model.check import Check, CheckKind
from alerts.watch.model.tick import Cause, TimeSpan
from alerts.watch.model.watch import Verdict


@dataclass(frozen=True, slots=True)
class Gap:
    """Values were missing from one complete tick to the next. `affects` names collectors; empty for all of them."""

    span: TimeSpan
    cause: Cause
    affects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaintenanceSpan:
    """Declared maintenance within the watch."""

    span: TimeSpan
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """An alert of the exporter that fired. `open`: it still fired at the last tick."""

    rule: str  # "OutboxStalled/page"
    span: TimeSpan
    open: bool = False


@dataclass(frozen=True, slots=True)
class Restart:
    """A reset of the application's counters. `explained`: it was during declared maintenance."""

    at: float
    elapsed: float
    counter: str
    explained: bool


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set forward by `seconds`; negative: back."""

    at: float
    elapsed: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete the values are. `expected` and `received` count samples; `ratio` is known time by expected time.

    `unseen` and `longest_unseen` are unknown time, in all and without interruption.
    """

    expected: int
    received: int
    ratio: float
    unseen: float
    longest_unseen: float


@dataclass(frozen=True, slots=True)
class Change:
    """How much higher a signal is than before, as a share: 0.5 is half as much again; between `low` and `high`."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The frequency of a check's outcomes: a share, or a rate per second.

    `events` were observed in `exposure` trials or seconds. With 95 % confidence the true value is `at_least` and
    `at_most` these, at every tick at once. `detectable` is the least value above the limit that would have been proved;
    None if none would. `needed` is how many more trials or seconds would have been needed to exclude the limit, if the
    frequency stayed the same; 0 when it is excluded, None when no number would do.
    """

    events: float
    exposure: float
    at_least: float
    at_most: float
    limit: float
    detectable: float | None = None
    needed: float | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    `verdict` is None where the check does not apply and, while a watch runs, until its evidence is there; PASS is
    provisional until the end. `breached` is breached time, `longest` the longest without a good tick or a gap within,
    `excused` time during declared maintenance. `worst` is the worst value of `check.signal`, `worst_at` its time;
    None where no value of it is a bad one.
    `breaches` are the first hundred; one that a single tick showed may last 0 seconds. `estimate` is that of the
    check's outcomes.
    """

    check: Check
    verdict: Verdict | None
    reason: str
    breached: float
    longest: float
    excused: float
    coverage: Coverage
    breaches: tuple[TimeSpan, ...] = ()
    worst: float | None = None
    worst_at: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    estimate: Estimate | None = None

    @property
    def was_breached(self) -> bool:
        """Whether any tick showed a breach, within the budget or not."""
        return self.breached > 0 or bool(self.breaches)

    @property
    def word(self) -> str:
        """The verdict, or why there is none."""
        if self.verdict is not None:
            return self.verdict.value
        if self.check.not_applicable:
            return "not checked"
        return "no baseline" if self.check.baseline_limit is not None and self.check.baseline is None else "undecided"

    @property
    def is_undecided(self) -> bool:
        """Whether the check applies, needs a verdict and has none yet."""
        needs_none = self.check.kind in (CheckKind.CLEANUP, CheckKind.BASELINE)
        return self.verdict is None and not self.check.not_applicable and not needs_none


@dataclass(frozen=True, slots=True)
class Difference:
    """Two counts of the same thing that differ by `by`. `explanation` is empty where there is none."""

    what: str
    by: float
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The jobs of a watch: created + pending at the start = processed + pending at the end + removed.

    `created` and `removed` follow from pending and processed jobs; `removed` is a lower bound. `events` are
    initialisations that the database recorded, `initialised` those that the application counted. None: no value. The
    spans reach from the first to the last sample behind these numbers.
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
    jobs_span: TimeSpan | None = None
    events_span: TimeSpan | None = None
    initialised_span: TimeSpan | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of a watch at one moment.

    `verdict` is None while undecided; before the end (`final`) it can only be FAIL. `reasons` explain it, the most
    severe first. Shape: `coverage` is by signal and raw series; `ratio` is the lowest of the evaluated checks.
    `evidence` has counts by what was counted.
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


@dataclass(frozen=True)
class Standing:
    """How a watch stands: its coverage, and the judgement, which is made when somebody asks for it.

    The judgement of an open watch may be newer than the coverage, by the ticks that were added before it was made.
    """

    coverage: float
    judge: Callable[[], Judgement]

    @cached_property
    def judgement(self) -> Judgement:
        """The judgement, always the same one."""
        return self.judge()

    @classmethod
    def of(cls, judgement: Judgement) -> Self:
        """That of a judgement that was made before."""
        return cls(judgement.ratio, lambda: judgement)
