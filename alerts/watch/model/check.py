"""The checks of a watch, with every number resolved. Units: durations in seconds."""

from dataclasses import dataclass
from enum import StrEnum

# What a configuration makes of a check.
MARKS = ("own", "advisory", "left out")


class CheckKind(StrEnum):
    """How a check is evaluated."""

    LEVEL = "level"  # breached while all conditions hold
    PAGES = "pages"  # breached while one of the rules of severity page fires
    CLEANUP = "cleanup"  # breached when rows that the clean-up removes are still there after its grace period
    EVIDENCE = "evidence"  # never breached; INCONCLUSIVE without its evidence
    BASELINE = "baseline"  # fails when the signal is worse than in the same hours of earlier days; else never decisive


@dataclass(frozen=True, slots=True)
class Condition:
    """A signal compared with a limit, in the signal's unit.

    `absent`: the result when the collectors work and there is no value; None: unknown. `known_by`: another signal,
    without which that is unknown, too; empty where there is none. `by_clock`: the signal is a
    database time compared with the exporter's clock. `expression`: `signal` is PromQL, no name of a recorded signal.
    """

    signal: str
    above: bool  # False: below
    limit: float
    inclusive: bool = False
    absent: bool | None = None
    collectors: tuple[str, ...] = ()
    by_clock: bool = False
    expression: bool = False
    known_by: str = ""

    def holds(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        if value == self.limit:
            return self.inclusive
        return value > self.limit if self.above else value < self.limit


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a check may be breached, seconds: `total` in the whole watch, `stretch` without interruption."""

    total: float
    stretch: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The least increase of a counter that a watch needs; `what` names the things counted."""

    counter: str
    at_least: float
    what: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes whose frequency a check limits, by the counters of ticks.

    A share: `trials` less `successes` are the events, `limit` is their share of the trials. A rate: `events` are
    counted in time, `limit` is how many there may be per second, and `per` the seconds for which messages give it.
    `what` names the trials, or the events of a rate; `event` is the predicate of a trial that is an event ("failed").
    """

    limit: float
    what: str
    event: str = ""
    trials: tuple[str, ...] = ()
    successes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    per: float = 0.0

    @property
    def counters(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.trials, *self.successes, *self.events)


@dataclass(frozen=True, slots=True)
class CleanupSchedule:
    """A scheduled clean-up, checked by the rows that are left.

    It is due at `hour`, on `weekday` (Monday is 0, None is daily), by a clock that is ahead of UTC by the value of the
    series `clock`, seconds. `oldest` is the series with the time of the oldest row, Unix seconds. `grace` seconds after
    the due time, no row may be older than `keeps` seconds before it.
    """

    hour: int
    weekday: int | None
    clock: str
    oldest: str
    keeps: float
    grace: float


@dataclass(frozen=True, slots=True)
class BaselineLimit:
    """How much higher than before a signal may be: by the share `tolerance` of its value plus `floor`.

    `floor` is in the signal's unit: differences that are small beside it mean nothing. `absent` is the value where the
    collectors work and there is none; None: unknown. With fewer than `traffic` attempted jobs in the last hour, a value
    does not count.
    """

    tolerance: float
    floor: float
    traffic: float = 0.0
    absent: float | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The same hours of `days` earlier days; `same_weekday`: all of them are the same day of the week.

    Shape: `hours` has the median of the days for each hour of the day in UTC, from 0 to 23; None: unknown. `shift` and
    `spread` are mean and standard deviation, over these days, of the logarithm by which a day is above the others.
    """

    hours: tuple[float | None, ...]
    days: int
    same_weekday: bool
    shift: float
    spread: float


@dataclass(frozen=True, slots=True)
class Check:
    """One check. Reports describe its result with `subject` and `good` or `bad`.

    `signal` is plotted, with `limit` in its `unit` (seconds, jobs, ratio); None without a plot. `excused`: declared
    maintenance excuses a breach. `not_applicable`: why the check is not evaluated here; empty when it is.

    By the configuration, a check is `own` (not a shipped one), `advisory` (it decides nothing) or `left_out`.
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
    rules: tuple[str, ...] = ()  # of kind PAGES, "OutboxStalled/page"
    rules_by_clock: tuple[str, ...] = ()  # the rules that compare a database time with the exporter's clock
    schedule: CleanupSchedule | None = None
    outcomes: Outcomes | None = None  # a breach counts when they prove it
    signal: str | None = None
    limit: float | None = None
    unit: str = ""
    excused: bool = False
    not_applicable: str = ""
    own: bool = False
    advisory: bool = False
    left_out: bool = False
    baseline_limit: BaselineLimit | None = None
    baseline: Baseline | None = None  # None: there is none, and the check decides nothing
    no_baseline: str = ""  # why there is none

    @property
    def decides(self) -> bool:
        """Whether the verdict depends on it."""
        return not self.advisory and not self.left_out

    @property
    def counts_for_coverage(self) -> bool:
        """Whether its coverage is that of the watch: it reads signals, and decides."""
        return bool(self.conditions) and self.decides and not self.not_applicable

    @property
    def marks(self) -> tuple[str, ...]:
        """What the configuration made of it: own, advisory, left out."""
        applies = (self.own, self.advisory, self.left_out)
        return tuple(mark for mark, is_set in zip(MARKS, applies, strict=True) if is_set)
