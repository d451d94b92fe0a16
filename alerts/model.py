"""Plain values of judging: signals and rules as the policy states them, alerts as they stand at a moment.

Units: durations in seconds, times in Unix seconds, by the wall clock. Labels are sorted pairs, so that they compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]


class Severity(StrEnum):
    """Whom an alert concerns: wake someone, office hours, good to know, nobody (the dead-man's switch)."""

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
    """Names one rule: an alert has one for each of its severities."""

    alert: str
    severity: Severity

    def __str__(self) -> str:
        return f"{self.alert}/{self.severity}"


@dataclass(frozen=True, slots=True)
class Signal:
    """A recording rule: one number per watched outbox. `expr` is PromQL, complete."""

    record: str
    unit: str
    meaning: str
    expr: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule.

    `expr` is PromQL, complete; `threshold` is what it compares `signal` with, in `unit`, seconds for times.
    `description` is a template of Prometheus'. `collectors` are those without whose fresh results nothing is known of
    it. `runbook_url` is empty when nobody knows where people read runbooks. `muted_by` names the rules that explain
    this one: while one fires, nobody is told of this.
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
class Policy:
    """Everything to judge by. `job` is the scrape job's name: Prometheus' label of our series, and our own."""

    interval: float
    job: str
    signals: tuple[Signal, ...]
    rules: tuple[Rule, ...]

    def rule(self, key: RuleKey) -> Rule:
        """The rule of that name. Raises: KeyError."""
        return next((rule for rule in self.rules if rule.key == key), None) or _missing(key)


def _missing(key: RuleKey) -> Rule:
    raise KeyError(str(key))


class State(StrEnum):
    """How an alert stands; what is inactive is not there."""

    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at a moment: its rule's expression has a sample with these labels.

    `labels` are complete, alertname and severity among them. `held` says that its signal is unknown at present and
    that it stands as it stood. `muted` says that another alert explains it. `firing_since` is None while pending.
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
    """What happened to an alert."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    DROPPED = "dropped"  # was pending and never fired


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of one alert, `alert` as it was then."""

    at: float
    change: Change
    alert: Alert


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation found.

    `signals` has a value for each signal that is known (the greatest where several outboxes share an exporter, which
    is not usual); one that is missing is unknown, or has nothing to tell.
    """

    at: float
    signals: Mapping[str, float]
    alerts: tuple[Alert, ...]
    transitions: tuple[Transition, ...]

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that fire, muted ones among them."""
        return tuple(alert for alert in self.alerts if alert.state is State.FIRING)
