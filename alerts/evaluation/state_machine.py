"""How alerts stand, from what the rules' expressions say: pending, firing, held, muted, gone. Pure.

Time comes in twice: by the wall clock, for people, and as what has passed since the evaluation before by a clock that
is never set, for durations. What is unknown changes nothing and takes no time: an alert stands as it stood, and its
for-duration waits. That is where it differs from Prometheus, which forgets an alert whose series vanish.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from alerts.evaluation.template import Template, compile_template
from alerts.model import Alert, Change, Evaluation, Labels, Rule, RuleKey, State, Transition

# A for-duration that lacks less than this has passed: sums of fractions are not exact.
_SLACK = 1e-6

Identity = tuple[RuleKey, Labels]
# The samples of a rule's expression: values by labels, without the metric's name. None when nothing is known of it.
RuleSamples = Mapping[Labels, float] | None


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert, and what its durations have come to, seconds of known time.

    `true_for` counts towards the for-duration; `false_for` towards the time for which it keeps firing, and is None
    while its expression is true.
    """

    alert: Alert
    true_for: float = 0.0
    false_for: float | None = None


# What is carried from one evaluation to the next.
ActiveAlerts = Mapping[Identity, ActiveAlert]


@dataclass(frozen=True, slots=True)
class RuleResults:
    """What was found at a moment: the samples of each rule, and the value of each signal that is known.

    A rule that is not there is unknown. Of the `undeniable` rules only samples that are there prove something: one
    that is missing is unknown.
    """

    rules: Mapping[RuleKey, RuleSamples]
    signals: Mapping[str, float] = field(default_factory=dict)
    positive_only: AbstractSet[RuleKey] = frozenset()


@dataclass(frozen=True, slots=True)
class EvaluationTime:
    """When one evaluates. Units: `at` Unix seconds; `elapsed` seconds since the evaluation before, 0 without one."""

    at: float
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A rule with its texts ready to be filled in."""

    rule: Rule
    description: Template

    @classmethod
    def of(cls, rule: Rule) -> "AlertingRule":
        """Raises: TemplateError."""
        return cls(rule, compile_template(rule.description))

    def labels(self, found: Labels) -> Labels:
        """Complete labels of an alert, as Prometheus gives them by the rule file."""
        key = self.rule.key
        return tuple(sorted({**dict(found), "alertname": key.alert, "severity": str(key.severity)}.items()))

    def annotations(self, found: Labels, value: float) -> Mapping[str, str]:
        """The texts, filled in."""
        runbook = {"runbook_url": self.rule.runbook_url} if self.rule.runbook_url else {}
        description = self.description.render(dict(found), value)
        return {"summary": self.rule.summary, "description": description, **runbook}


def evaluate(
    rules: Iterable[AlertingRule],
    findings: RuleResults,
    before: ActiveAlerts,
    moment: EvaluationTime,
) -> tuple[Evaluation, ActiveAlerts]:
    """How alerts stand now, and what changed. A rule that is no more has no alerts: those that stood are over."""
    by_key = {prepared.rule.key: prepared for prepared in rules}
    by_rule = _by_rule(before)
    active_alerts = {
        identity: standing
        for key, prepared in by_key.items()
        # Nearly all rules are quiet: they found nothing, and had nothing that stood.
        if (finding := findings.rules.get(key)) or key in by_rule
        for identity, standing in _advance(
            prepared, finding, by_rule.get(key, {}), moment, absence_is_known=key not in findings.positive_only
        )
    }
    after = _muted({identity: active_alerts[identity] for identity in sorted(active_alerts)}, by_key)
    alerts = tuple(standing.alert for standing in after.values())
    return Evaluation(moment.at, dict(findings.signals), alerts, tuple(_transitions(before, after, moment.at))), after


def _by_rule(active_alerts: ActiveAlerts) -> Mapping[RuleKey, ActiveAlerts]:
    found: dict[RuleKey, dict[Identity, ActiveAlert]] = {}
    for identity, standing in active_alerts.items():
        found.setdefault(identity[0], {})[identity] = standing
    return found


def _advance(
    prepared: AlertingRule,
    finding: RuleSamples,
    before: ActiveAlerts,
    moment: EvaluationTime,
    *,
    absence_is_known: bool,
) -> Iterator[tuple[Identity, ActiveAlert]]:
    """How the alerts of one rule stand now; those that are over are left out."""
    if finding is None:
        yield from ((identity, _held(standing)) for identity, standing in before.items())
        return
    key = prepared.rule.key
    found = {(key, prepared.labels(labels)): (labels, value) for labels, value in finding.items()}
    for identity, (labels, value) in found.items():
        alert = Alert(
            key,
            identity[1],
            State.PENDING,
            active_since=moment.at,
            value=value,
            last_true=moment.at,
            annotations=prepared.annotations(labels, value),
        )
        yield identity, _true(before.get(identity), alert, prepared.rule, moment)
    for identity in before.keys() - found.keys():
        standing = _false(before[identity], prepared.rule, moment) if absence_is_known else _held(before[identity])
        if standing is not None:
            yield identity, standing


def _held(standing: ActiveAlert) -> ActiveAlert:
    return replace(standing, alert=replace(standing.alert, held=True))


def _true(before: ActiveAlert | None, now: Alert, rule: Rule, moment: EvaluationTime) -> ActiveAlert:
    """The alert goes on, or begins."""
    if before is None:
        return _promoted(ActiveAlert(now), rule, moment)
    was = before.alert
    alert = replace(now, state=was.state, active_since=was.active_since, firing_since=was.firing_since)
    return _promoted(ActiveAlert(alert, before.true_for + _known(before, moment)), rule, moment)


def _known(before: ActiveAlert, moment: EvaluationTime) -> float:
    """How much of the time since the last evaluation counts: none when nothing was known at its beginning."""
    return 0.0 if before.alert.held else moment.elapsed


def _promoted(standing: ActiveAlert, rule: Rule, moment: EvaluationTime) -> ActiveAlert:
    """Firing once the for-duration has passed."""
    if standing.alert.state is State.FIRING or standing.true_for < rule.hold_duration - _SLACK:
        return standing
    return replace(standing, alert=replace(standing.alert, state=State.FIRING, firing_since=moment.at))


def _false(before: ActiveAlert, rule: Rule, moment: EvaluationTime) -> ActiveAlert | None:
    """The alert keeps firing for a while, or is over. What was pending is over at once."""
    if before.alert.state is State.PENDING:
        return None
    false_for = 0.0 if before.false_for is None else before.false_for + _known(before, moment)
    if false_for >= rule.keep_firing_for - _SLACK:
        return None
    return replace(before, alert=replace(before.alert, held=False), false_for=false_for)


def _muted(active_alerts: ActiveAlerts, rules: Mapping[RuleKey, AlertingRule]) -> ActiveAlerts:
    """The same, with those marked that another one explains."""
    firing = [standing.alert for standing in active_alerts.values() if standing.alert.state is State.FIRING]

    def explained(alert: Alert) -> bool:
        causes = rules[alert.key].rule.muted_by
        return any(other.key in causes and _same_outbox(other.labels, alert.labels) for other in firing)

    def judged(standing: ActiveAlert) -> ActiveAlert:
        muted = explained(standing.alert)
        if muted is standing.alert.muted:
            return standing
        return replace(standing, alert=replace(standing.alert, muted=muted))

    return {identity: judged(standing) for identity, standing in active_alerts.items()}


def _same_outbox(one: Labels, other: Labels) -> bool:
    """Whether the labels that both have agree, apart from those that name the alert."""
    others = dict(other)
    return all(others.get(name, value) == value for name, value in one if name not in ("alertname", "severity"))


def _transitions(before: ActiveAlerts, after: ActiveAlerts, at: float) -> Iterator[Transition]:
    for identity in sorted({*before, *after}):
        was, now = before.get(identity), after.get(identity)
        if now is None and was is not None:
            over = Change.RESOLVED if was.alert.state is State.FIRING else Change.DROPPED
            yield Transition(at, over, was.alert)
        elif now is not None and (was is None or was.alert.state is not now.alert.state):
            yield Transition(at, Change(now.alert.state.value), now.alert)
