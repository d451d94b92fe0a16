"""Values of alerting: the signals and rules of a policy, alerts and their transitions at a time.

Units: durations in seconds, times in Unix seconds, by the wall clock. Labels are sorted pairs, so that they compare.
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Labels = tuple[tuple[str, str], ...]
# A metric, and labels without the metric's name.
SeriesName = tuple[str, Labels]

# The test alert of alerts/notify/drill, which is no incident: the watch, the verdict and the status page leave it out.
DRILL: Final = "OutboxDrill"


class Severity(StrEnum):
    """The severity of an alert: `page` wakes someone, `ticket` waits for office hours, `none` is the watchdog's."""

    PAGE = "page"
    TICKET = "ticket"
    INFO = "info"
    NONE = "none"


class Outlet(StrEnum):
    """Where a rule is evaluated."""

    PROMETHEUS = "prometheus"
    SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True, order=True)
class RuleKey:
    """Identifies a rule: an alert has one rule per severity."""

    alert: str
    severity: Severity

    @property
    def is_incident(self) -> bool:
        """Whether its alerts report a problem: all but the watchdog and the drill."""
        return self.severity is not Severity.NONE and self.alert != DRILL

    def __str__(self) -> str:
        return f"{self.alert}/{self.severity}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A recording rule with one value per outbox. `expr` is complete PromQL."""

    record: str
    unit: str
    meaning: str
    expr: str
    outlets: frozenset[Outlet] = frozenset(Outlet)


@dataclass(frozen=True, slots=True)
class Objective:
    """The latency objective: the share `target` of all jobs is processed within `time`, over any `window`.

    Units: seconds; `target` 0-1.
    """

    time: float
    target: float
    window: float
    source: str

    @property
    def budget(self) -> float:
        """The share of jobs that may take longer."""
        return round(1 - self.target, 9)


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule.

    `expr` is complete PromQL. It compares `signal` with `threshold`, in `unit`; times are in seconds. `description` is
    a template. Without fresh results of all `collectors` the result is unknown. `runbook_url` is empty when it is
    unknown. While one of the rules `muted_by` fires, the alerts of this rule are muted. `hold_duration` (`for`) and
    `keep_firing_for` are in seconds.
    """

    key: RuleKey
    group: str
    expr: str
    threshold: float
    source: str
    summary: str
    description: str
    runbook_url: str
    hold_duration: float  # `for`
    keep_firing_for: float = 0.0
    signal: str | None = None
    collectors: tuple[str, ...] = ()
    muted_by: tuple[RuleKey, ...] = ()
    outlets: frozenset[Outlet] = frozenset(Outlet)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A signal or rule that never has a value for this outbox, and why."""

    item: Signal | Rule
    reason: str

    @property
    def name(self) -> str:
        """The name of the signal or alert."""
        return self.item.record if isinstance(self.item, Signal) else self.item.key.alert


@dataclass(frozen=True, slots=True)
class Policy:
    """All signals and rules. `interval` is in seconds; `job` is the label `job` of the exporter's series.

    `left_out` are those of the document that the outbox cannot have; no other refers to them. `unknown_metrics` are the
    names of the metrics that it cannot have, with the reason, and `unknown_states` the states of pending jobs.
    `exhausted_apart`: exhausted jobs are no backlog.
    """

    interval: float
    job: str
    signals: tuple[Signal, ...]
    rules: tuple[Rule, ...]
    objective: Objective | None = None
    left_out: tuple[LeftOut, ...] = ()
    unknown_metrics: Mapping[str, str] = field(default_factory=dict)
    unknown_states: Mapping[str, str] = field(default_factory=dict)
    exhausted_apart: bool = False

    def rule(self, key: RuleKey) -> Rule:
        """The rule of that name. Raises: KeyError."""
        return _rule(self.rules, key)

    def any_rule(self, key: RuleKey) -> Rule:
        """The rule of that name, also one that is left out. Raises: KeyError."""
        left_out = tuple(each.item for each in self.left_out if isinstance(each.item, Rule))
        return _rule((*self.rules, *left_out), key)

    def missing(self, name: str) -> str:
        """Why a signal or alert is left out; empty when it is not."""
        return next((each.reason for each in self.left_out if each.name == name), "")

    @property
    def left_out_by_reason(self) -> Mapping[str, tuple[str, ...]]:
        """The names of signals and alerts that are left out, in the order of the document, by the reason."""
        found: dict[str, dict[str, None]] = {}
        for each in self.left_out:
            found.setdefault(each.reason, {})[each.name] = None
        return {reason: tuple(names) for reason, names in found.items()}


def _rule(rules: Iterable[Rule], key: RuleKey) -> Rule:
    for rule in rules:
        if rule.key == key:
            return rule
    raise KeyError(str(key))


class State(StrEnum):
    """The state of an active alert."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert at a time: its rule's expression has a sample with these labels.

    `labels` include alertname and severity. `held`: its result is unknown, so that it keeps its state. `muted`: another
    alert mutes it. `firing_since` is None while it is pending.
    """

    key: RuleKey
    labels: Labels
    state: State
    active_since: float
    value: float
    last_true: float
    firing_since: float | None = None
    held: bool = False
    muted: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


class Change(StrEnum):
    """The kind of a transition."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    DROPPED = "dropped"  # was pending and never fired


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the state of one alert at `at` (Unix seconds); `alert` is its state at that time."""

    at: float
    change: Change
    alert: Alert


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation.

    `at`: Unix seconds. `signals` has the value of each known signal, the greatest one of several outboxes. A missing
    signal is unknown or has no samples.
    """

    at: float
    signals: Mapping[str, float]
    alerts: tuple[Alert, ...]
    transitions: tuple[Transition, ...]

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The firing alerts, including muted ones."""
        return tuple(alert for alert in self.alerts if alert.state is State.FIRING)


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Samples of scrapes at `times`, ascending Unix milliseconds.

    Shape: `columns` has for each series one value per time; NaN: the series was missing from that scrape.
    """

    times: "array[int]"
    columns: Mapping[SeriesName, "array[float]"]
