"""How alerts begin, fire, are held, muted and over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from alerts.evaluation.state_machine import (
    ActiveAlerts,
    AlertingRule,
    EvaluationTime,
    RuleResults,
    RuleSamples,
    muted_by,
    update_alerts,
)
from alerts.model import Alert, Change, Evaluation, Labels, RuleKey, Severity, State
from tests.alerts.made import OUTBOX, key, prepared, rule

TRUE: RuleSamples = {OUTBOX: 7.0}
FALSE: RuleSamples = {}
UNKNOWN: RuleSamples = None
STEP = 15.0


@dataclass
class Run:
    """Evaluates some rules every fifteen seconds."""

    rules: tuple[AlertingRule, ...]
    active_alerts: ActiveAlerts = field(default_factory=dict)
    at: float = 1000.0
    evaluations: list[Evaluation] = field(default_factory=list)

    def step(self, *results: RuleSamples, elapsed: float = STEP) -> Evaluation:
        """One evaluation; the samples of each rule in order."""
        found = {each.rule.key: finding for each, finding in zip(self.rules, results, strict=True)}
        self.at += elapsed
        evaluation, self.active_alerts = update_alerts(
            self.rules, RuleResults(found), self.active_alerts, EvaluationTime(self.at, elapsed)
        )
        self.evaluations.append(evaluation)
        return evaluation

    def steps(self, *results: RuleSamples) -> list[list[str]]:
        """Several evaluations of the one rule; the transitions of each."""
        return [changes(self.step(finding)) for finding in results]


def run(**settings: Any) -> Run:
    """One rule with these settings."""
    return Run(prepared(rule(**settings)))


def changes(evaluation: Evaluation) -> list[str]:
    """The transitions as text."""
    return [transition.change.value for transition in evaluation.transitions]


def only(evaluation: Evaluation) -> Alert:
    """The one alert that there is."""
    (alert,) = evaluation.alerts
    return alert


def test_fires_after_its_for_duration() -> None:
    """Pending from the first time on, firing as soon as the duration has passed, as Prometheus counts it."""
    assert run(hold_duration=30).steps(TRUE, TRUE, TRUE, TRUE) == [["pending"], [], ["firing"], []]
    assert run(hold_duration=31).steps(TRUE, TRUE, TRUE, TRUE) == [["pending"], [], [], ["firing"]]
    assert run(hold_duration=0).steps(TRUE, FALSE) == [["firing"], ["resolved"]]


def test_pending_is_dropped_at_once() -> None:
    """One evaluation without it, and the for-duration begins anew."""
    assert run(hold_duration=30).steps(TRUE, TRUE, FALSE, TRUE, TRUE, TRUE) == [
        ["pending"],
        [],
        ["dropped"],
        ["pending"],
        [],
        ["firing"],
    ]


def test_keeps_firing_for_a_while() -> None:
    """A flapping alert stays one alert: it is resolved after keep_firing_for without a true result."""
    keeping = run(keep_firing_for=30)
    assert keeping.steps(TRUE, FALSE, FALSE, TRUE, FALSE, FALSE, FALSE) == [
        ["firing"],
        [],
        [],
        [],
        [],
        [],
        ["resolved"],
    ]


def test_an_alert_is_complete() -> None:
    """Its labels name it as Prometheus would; its times and its texts are those of now."""
    began = run(hold_duration=15).step(TRUE)
    assert only(began) == Alert(
        key("A"),
        (("alertname", "A"), ("job", "outbox"), ("severity", "page")),
        State.PENDING,
        active_since=1015.0,
        value=7.0,
        last_true=1015.0,
        annotations={
            "summary": "A happens",
            "description": "outbox has 7",
            "runbook_url": "https://example.org/A",
        },
    )


def test_values_follow_and_times_stay() -> None:
    """While it goes on, value and text are the latest true ones; since when it is so does not change."""
    going = run(hold_duration=15, keep_firing_for=60)
    going.step(TRUE)
    fired = only(going.step({OUTBOX: 8.0}))
    later = only(going.step({OUTBOX: 9.0}))
    kept = only(going.step(FALSE))
    assert (fired.active_since, fired.firing_since, fired.last_true) == (1015.0, 1030.0, 1030.0)
    assert (later.active_since, later.firing_since, later.last_true) == (1015.0, 1030.0, 1045.0)
    assert later.annotations["description"] == "outbox has 9"
    assert (kept.value, kept.last_true, kept.state) == (9.0, 1045.0, State.FIRING)


def test_unknown_keeps_a_firing_alert() -> None:
    """Neither resolved nor anything else, however long; then it goes on where it was."""
    unknown = run(keep_firing_for=30)
    unknown.step(TRUE)
    for _ in range(100):
        evaluation = unknown.step(UNKNOWN)
        assert (changes(evaluation), only(evaluation).held, only(evaluation).state) == ([], True, State.FIRING)
    assert unknown.steps(FALSE, FALSE) == [[], []]
    assert not only(unknown.evaluations[-1]).held
    assert unknown.steps(FALSE) == [["resolved"]]


def test_unknown_keeps_a_pending_alert() -> None:
    """An alert never fires on unknown results, and unknown time does not count as pending time."""
    assert run(hold_duration=30).steps(TRUE, TRUE, *[UNKNOWN] * 20, TRUE, TRUE) == [["pending"], *[[]] * 22, ["firing"]]
    assert run(hold_duration=30).steps(TRUE, UNKNOWN, FALSE) == [["pending"], [], ["dropped"]]


def test_alerts_of_positive_only_rules_begin_but_do_not_end() -> None:
    """Where only present series are evidence, an absent series is unknown."""
    rules, positive_only = prepared(rule(hold_duration=15)), {key("A")}
    active_alerts: ActiveAlerts = {}
    outcomes = []
    for finding in (FALSE, TRUE, FALSE, TRUE, TRUE, FALSE):
        results = RuleResults({key("A"): finding}, positive_only=positive_only)
        evaluation, active_alerts = update_alerts(rules, results, active_alerts, EvaluationTime(0.0, STEP))
        outcomes.append((changes(evaluation), [alert.held for alert in evaluation.alerts]))
    assert outcomes == [
        ([], []),
        (["pending"], [False]),
        ([], [True]),
        ([], [False]),
        (["firing"], [False]),
        ([], [True]),
    ]


def test_unknown_begins_nothing() -> None:
    """Without existing alerts, none are held."""
    assert run().steps(UNKNOWN, UNKNOWN) == [[], []]


def test_each_series_is_an_alert() -> None:
    """They begin and end by themselves."""
    two: RuleSamples = {(("collector", "a"),): 1.0, (("collector", "b"),): 2.0}
    several = run()
    assert changes(several.step(two)) == ["firing", "firing"]
    ended = several.step({(("collector", "b"),): 2.0})
    assert [dict(transition.alert.labels)["collector"] for transition in ended.transitions] == ["a"]


def test_muted_while_a_muting_alert_fires() -> None:
    """By a firing alert, not by a pending one; it is no longer muted when that alert ends."""
    muting = Run(prepared(rule("Cause", hold_duration=15), rule("Effect", muted_by=(key("Cause"),))))

    def muted(evaluation: Evaluation) -> bool:
        return next(alert.muted for alert in evaluation.alerts if alert.key == key("Effect"))

    assert not muted(muting.step(TRUE, TRUE))
    assert muted(fired := muting.step(TRUE, TRUE))
    assert [alert.key for alert in fired.firing] == [key("Cause"), key("Effect")]
    assert muted(muting.step(UNKNOWN, TRUE))
    assert not muted(muting.step(FALSE, TRUE))


@pytest.mark.parametrize(
    ("cause", "effect", "muted"),
    [
        (OUTBOX, OUTBOX, True),
        (OUTBOX, (("job", "other"),), False),
        (OUTBOX, (("collector", "x"), ("job", "outbox")), True),
        ((), OUTBOX, True),
    ],
)
def test_muted_by_the_same_outbox(cause: Labels, effect: Labels, *, muted: bool) -> None:
    """Alerts belong together when the labels that both have agree."""
    rules = prepared(rule("Cause"), rule("Effect", muted_by=(key("Cause"),)))
    evaluation, _ = update_alerts(
        rules, RuleResults({key("Cause"): {cause: 1.0}, key("Effect"): {effect: 1.0}}), {}, EvaluationTime(0.0)
    )
    assert [alert.muted for alert in evaluation.alerts if alert.key == key("Effect")] == [muted]


@pytest.mark.parametrize(
    ("firing", "cause"),
    [
        (("Root", "Middle", "Effect"), "Root"),
        (("Middle", "Effect"), "Middle"),
        (("Effect",), None),
    ],
)
def test_the_cause_of_a_muted_alert(firing: tuple[str, ...], cause: str | None) -> None:
    """An alert that is muted itself is not the cause, while another is."""
    rules = prepared(
        rule("Middle", muted_by=(key("Root"),)), rule("Root"), rule("Effect", muted_by=(key("Middle"), key("Root")))
    )
    results = RuleResults({key(name): {OUTBOX: 1.0} for name in firing})
    evaluation, _ = update_alerts(rules, results, {}, EvaluationTime(0.0))
    effect = next(alert for alert in evaluation.alerts if alert.key == key("Effect"))
    found = muted_by(effect, rules[2].rule, evaluation.firing)
    assert found == (None if cause is None else key(cause))


def test_a_ticket_is_muted_by_another_alert_rather_than_by_its_own_page() -> None:
    """When both fire; its own page may be muted by that alert as well."""
    page, ticket = key("Effect"), RuleKey("Effect", Severity.TICKET)
    rules = prepared(rule("Effect"), rule("Root"), replace(rule("Effect", muted_by=(page, key("Root"))), key=ticket))
    results = RuleResults({each.rule.key: {OUTBOX: 1.0} for each in rules})
    evaluation, _ = update_alerts(rules, results, {}, EvaluationTime(0.0))
    alert = next(alert for alert in evaluation.alerts if alert.key == ticket)
    assert muted_by(alert, rules[2].rule, evaluation.firing) == key("Root")


def test_a_removed_rule_has_no_alerts() -> None:
    """After a change of the policy, alerts of removed rules end with a transition."""
    old = Run(prepared(rule("Old"), rule("Slow", hold_duration=60)))
    old.step(TRUE, TRUE)
    evaluation, active_alerts = update_alerts(
        prepared(rule("New")), RuleResults({}), old.active_alerts, EvaluationTime(2000.0, STEP)
    )
    assert [(str(t.alert.key), t.change) for t in evaluation.transitions] == [
        ("Old/page", Change.RESOLVED),
        ("Slow/page", Change.DROPPED),
    ]
    assert not active_alerts


def test_fractions_add_up() -> None:
    """A for-duration of tenths of seconds is not one evaluation late."""
    fast = run(hold_duration=0.3)
    assert [changes(fast.step(TRUE, elapsed=0.1)) for _ in range(4)] == [["pending"], [], [], ["firing"]]


def test_signals_are_passed_on() -> None:
    """Their known results are part of the evaluation."""
    evaluation, _ = update_alerts((), RuleResults({}, {"outbox:backlog_jobs": 3.0}), {}, EvaluationTime(5.0))
    assert (evaluation.at, evaluation.signals) == (5.0, {"outbox:backlog_jobs": 3.0})
