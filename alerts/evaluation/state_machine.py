"""The alert state machine: pending, firing, held, muted, resolved. Pure functions.

Two clocks are used: the wall clock for times that people read, and the time since the previous evaluation by the
monotonic clock for durations. While the result of a rule is unknown, its alerts keep their state and their durations
stand still. Prometheus differs: it resolves an alert whose series disappear.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from alerts.evaluation.template import Template, compile_template
from alerts.model import Alert, Change, Evaluation, Labels, Rule, RuleKey, State, Transition

# Tolerance when durations are compared, seconds: sums of fractions are not exact.
_TOLERANCE = 1e-6

Identity = tuple[RuleKey, Labels]
# The samples of a rule's expression: values by labels, without the metric's name. None when they are unknown.
RuleSamples = Mapping[Labels, float] | None


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert with its durations: seconds during which its result was known.

    `true_for` counts towards the for-duration. `false_for` counts towards `keep_firing_for`; it is None while the
    expression is true.
    """

    alert: Alert
    true_for: float = 0.0
    false_for: float | None = None


# The alerts that one evaluation hands to the next.
ActiveAlerts = Mapping[Identity, ActiveAlert]


@dataclass(frozen=True, slots=True)
class RuleResults:
    """The results of one evaluation: the samples of each rule, and the value of each signal that is known.

    A rule that is missing is unknown. For rules in `positive_only` a sample proves that the alert is active, but a
    missing sample proves nothing.
    """

    rules: Mapping[RuleKey, RuleSamples]
    signals: Mapping[str, float] = field(default_factory=dict)
    positive_only: AbstractSet[RuleKey] = frozenset()


@dataclass(frozen=True, slots=True)
class EvaluationTime:
    """When rules are evaluated. Units: `at` Unix seconds; `elapsed` seconds since the previous evaluation, or 0."""

    at: float
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A rule with its compiled description."""

    rule: Rule
    description: Template

    @classmethod
    def of(cls, rule: Rule) -> "AlertingRule":
        """Raises: TemplateError."""
        return cls(rule, compile_template(rule.description))

    def labels(self, sample: Labels) -> Labels:
        """The labels of the alert of a sample, as Prometheus sets them from the rule file."""
        key = self.rule.key
        return tuple(sorted({**dict(sample), "alertname": key.alert, "severity": str(key.severity)}.items()))

    def annotations(self, sample: Labels, value: float) -> Mapping[str, str]:
        """The annotations of the alert of a sample."""
        runbook = {"runbook_url": self.rule.runbook_url} if self.rule.runbook_url else {}
        description = self.description.render(dict(sample), value)
        return {"summary": self.rule.summary, "description": description, **runbook}


def update_alerts(
    rules: Iterable[AlertingRule],
    results: RuleResults,
    before: ActiveAlerts,
    time: EvaluationTime,
) -> tuple[Evaluation, ActiveAlerts]:
    """The alerts after an evaluation, with their transitions. Alerts of a rule that no longer exists end."""
    by_key = {rule.rule.key: rule for rule in rules}
    by_rule = _by_rule(before)
    updated = {
        identity: active
        for key, rule in by_key.items()
        # Most rules are inactive: they have no samples now and had no alerts before.
        if (samples := results.rules.get(key)) or key in by_rule
        for identity, active in _advance(
            rule, samples, by_rule.get(key, {}), time, absence_is_known=key not in results.positive_only
        )
    }
    after = _with_muted({identity: updated[identity] for identity in sorted(updated)}, by_key)
    alerts = tuple(active.alert for active in after.values())
    return Evaluation(time.at, dict(results.signals), alerts, tuple(_transitions(before, after, time.at))), after


def _by_rule(alerts: ActiveAlerts) -> Mapping[RuleKey, ActiveAlerts]:
    found: dict[RuleKey, dict[Identity, ActiveAlert]] = {}
    for identity, active in alerts.items():
        found.setdefault(identity[0], {})[identity] = active
    return found


def _advance(
    rule: AlertingRule, samples: RuleSamples, before: ActiveAlerts, time: EvaluationTime, *, absence_is_known: bool
) -> Iterator[tuple[Identity, ActiveAlert]]:
    """The alerts of one rule after an evaluation, without those that end."""
    if samples is None:
        yield from ((identity, _held(active)) for identity, active in before.items())
        return
    key = rule.rule.key
    found = {(key, rule.labels(labels)): (labels, value) for labels, value in samples.items()}
    for identity, (labels, value) in found.items():
        alert = Alert(
            key,
            identity[1],
            State.PENDING,
            active_since=time.at,
            value=value,
            last_true=time.at,
            annotations=rule.annotations(labels, value),
        )
        yield identity, _true(before.get(identity), alert, rule.rule, time)
    for identity in before.keys() - found.keys():
        active = _false(before[identity], rule.rule, time) if absence_is_known else _held(before[identity])
        if active is not None:
            yield identity, active


def _held(active: ActiveAlert) -> ActiveAlert:
    return replace(active, alert=replace(active.alert, held=True))


def _true(before: ActiveAlert | None, now: Alert, rule: Rule, time: EvaluationTime) -> ActiveAlert:
    """The alert begins or continues."""
    if before is None:
        return _promoted(ActiveAlert(now), rule, time)
    was = before.alert
    alert = replace(now, state=was.state, active_since=was.active_since, firing_since=was.firing_since)
    return _promoted(ActiveAlert(alert, before.true_for + _known(before, time)), rule, time)


def _known(before: ActiveAlert, time: EvaluationTime) -> float:
    """Seconds since the previous evaluation that count: none when its result was unknown."""
    return 0.0 if before.alert.held else time.elapsed


def _promoted(active: ActiveAlert, rule: Rule, time: EvaluationTime) -> ActiveAlert:
    """Firing once the for-duration has passed."""
    if active.alert.state is State.FIRING or active.true_for < rule.hold_duration - _TOLERANCE:
        return active
    return replace(active, alert=replace(active.alert, state=State.FIRING, firing_since=time.at))


def _false(before: ActiveAlert, rule: Rule, time: EvaluationTime) -> ActiveAlert | None:
    """A firing alert continues for `keep_firing_for`, then ends (None). A pending alert ends at once."""
    if before.alert.state is State.PENDING:
        return None
    false_for = 0.0 if before.false_for is None else before.false_for + _known(before, time)
    if false_for >= rule.keep_firing_for - _TOLERANCE:
        return None
    return replace(before, alert=replace(before.alert, held=False), false_for=false_for)


def _with_muted(alerts: ActiveAlerts, rules: Mapping[RuleKey, AlertingRule]) -> ActiveAlerts:
    """The same alerts; `muted` is set on those that a firing alert of the same outbox mutes."""
    firing = [active.alert for active in alerts.values() if active.alert.state is State.FIRING]

    def updated(active: ActiveAlert) -> ActiveAlert:
        muted = any(_muting(active.alert, rules[active.alert.key].rule, firing))
        if muted is active.alert.muted:
            return active
        return replace(active, alert=replace(active.alert, muted=muted))

    return {identity: updated(active) for identity, active in alerts.items()}


def muted_by(alert: Alert, rule: Rule, firing: Iterable[Alert]) -> RuleKey | None:
    """The firing alert that mutes an alert of this rule; None when it is not muted.

    Of several it is the cause: one that is not muted itself, and another alert before a higher severity of its own.
    """
    found = _muting(alert, rule, firing)
    cause = min(found, key=lambda other: (other.muted, other.key.alert == alert.key.alert), default=None)
    return None if cause is None else cause.key


def _muting(alert: Alert, rule: Rule, firing: Iterable[Alert]) -> Iterator[Alert]:
    return (other for other in firing if other.key in rule.muted_by and _same_outbox(other.labels, alert.labels))


def _same_outbox(one: Labels, other: Labels) -> bool:
    """Whether the labels that both have are equal, except for those that name the alert."""
    others = dict(other)
    return all(others.get(name, value) == value for name, value in one if name not in ("alertname", "severity"))


def _transitions(before: ActiveAlerts, after: ActiveAlerts, at: float) -> Iterator[Transition]:
    for identity in sorted({*before, *after}):
        was, now = before.get(identity), after.get(identity)
        if now is None and was is not None:
            change = Change.RESOLVED if was.alert.state is State.FIRING else Change.DROPPED
            yield Transition(at, change, was.alert)
        elif now is not None and (was is None or was.alert.state is not now.alert.state):
            yield Transition(at, Change(now.alert.state.value), now.alert)
