"""The expressions of the policy pass pint's checks of rules, as far as they do not need a Prometheus.

Each test names the checks that it implements (cloudflare/pint, docs/checks).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import promql_parser
import pytest

from alerts.model import Rule, Severity
from alerts.notify.delivery.outcome import DeliveryResult
from alerts.promql.parse import parse
from alerts.promql.syntax_tree import (
    LE,
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Grouping,
    MatchType,
    NumberLiteral,
    RangeSelector,
    VectorSelector,
    walk,
)
from exporter.application import endpoints
from exporter.config.settings import ApplicationSettings, Config
from exporter.core.errors import Reason
from exporter.core.types import Url
from exporter.metrics import catalogue
from exporter.metrics.catalogue import PROCESSING_TIME_BUCKETS
from exporter.migration.report import CheckAnswer
from exporter.sampling.sampler import Sampler
from tests.alerts.expressions import (
    COMPARISONS,
    FOREIGN,
    METRICS,
    POLICY,
    SET_OPERATORS,
    SIGNALS,
    TARGET,
    compares,
    counted,
    is_counter,
    labels,
    labels_of_metric,
    matchers_with,
    selectors,
    sources,
)

ROOT = Path(__file__).parents[3]
EXPRESSIONS = {
    **{signal.record: parse(signal.expr) for signal in POLICY.signals},
    **{str(rule.key): parse(rule.expr) for rule in POLICY.rules},
}
# The form in the policy: an exact increase is one function.
COUNTING = {
    **{signal.record: parse(counted(signal.expr)) for signal in POLICY.signals},
    **{str(rule.key): parse(counted(rule.expr)) for rule in POLICY.rules},
}
RULES = {str(rule.key): rule for rule in POLICY.rules}
COUNTED = ("rate", "increase", "irate", "resets")
MEASURED = ("deriv", "predict_linear", "resets", "max_over_time")

every_expression = pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def collectors() -> tuple[str, ...]:
    """The names of all collectors."""
    sampling = Sampler(Config(application=ApplicationSettings(Url("http://localhost:1"))), lambda *_: None)
    return tuple(state.name for state in sampling.store.states())


# Every value that a label can have, by label; by metric where the same label means different things.
VALUES: dict[str, set[str]] = {
    "collector": set(collectors()),
    "reason": {reason.value for reason in Reason},
    "status": {answer.value for answer in CheckAnswer},
    "endpoint": set(endpoints.ENDPOINTS),
    LE: {*(str(float(bound)) for bound in PROCESSING_TIME_BUCKETS), "+Inf"},
    "job": {POLICY.job},
    "outbox_drill_active.severity": {"page", "info"},
    "outbox_pending_jobs.state": set(catalogue.STATES),
    "outbox_oldest_pending_timestamp_seconds.state": set(catalogue.STATES),
    "outbox_watch_state.state": set(catalogue.WATCH_STATES),
    "outbox_app_fsm_initializations_total.result": {"succeeded", "failed"},
    "outbox_notifications_total.result": {result.value for result in DeliveryResult},
    "check": {
        field.labels[0]
        for dialect in endpoints.DIALECTS["healthCheck"]
        for field in dialect.fields
        if field.metric is catalogue.APP_CHECK
    },
}


def test_every_expression_is_known_to_the_library():
    """promql/syntax: the whole language's own parser takes each as it is."""
    for text in (*SIGNALS.values(), *(rule.expr for rule in POLICY.rules)):
        promql_parser.parse(text)


@every_expression
def test_every_series_exists(expression: Expression):
    """promql/series, promql/regexp: metrics, labels and values are those of the catalogue; each alternative is one."""
    for selector in selectors(expression):
        assert selector.metric in {*METRICS, *SIGNALS, *FOREIGN}
        for matcher in selector.matchers:
            assert matcher.label in labels_of_metric(selector.metric)
            known = VALUES.get(f"{selector.metric}.{matcher.label}") or VALUES[matcher.label]
            alternatives = matcher.value.split("|") if matcher.pattern else [matcher.value]
            assert set(alternatives) <= known
            assert matcher.pattern is None or len(alternatives) > 1, "a pattern where a text would do"


@pytest.mark.parametrize("expression", COUNTING.values(), ids=COUNTING)
def test_counters_are_only_counted_with(expression: Expression):
    """promql/counter, promql/rate: a counter stands in a window of rate or its like, and nothing else does.

    Or is asked whether it has counted anything at all.
    """
    for node in walk(expression):
        if isinstance(node, VectorSelector):
            assert not is_counter(node.metric) or node in presence_checks(expression), node
        if isinstance(node, FunctionCall):
            for window in node.arguments:
                if isinstance(window, RangeSelector):
                    assert node.function in (COUNTED if is_counter(window.selector.metric) else MEASURED)


def presence_checks(expression: Expression) -> set[VectorSelector]:
    """The expression that is compared with 0 to make a boolean."""
    return {
        selector
        for node in walk(expression)
        if isinstance(node, BinaryOperation)
        and (node.operator, node.boolean, node.right) == (">", True, NumberLiteral(0.0))
        for selector in selectors(node.left)
    }


@every_expression
def test_windows_hold_enough_samples(expression: Expression):
    """promql/rate: four scrapes and more, so that a missed one leaves a rate.

    Windows of days are those of `increase`, which is read once and of which the exporter keeps few old samples.
    """
    for node in walk(expression):
        if isinstance(node, FunctionCall):
            longest = 3 * 86400 if node.function == "increase" else 6 * 3600
            windows = [argument for argument in node.arguments if isinstance(argument, RangeSelector)]
            assert all(4 * POLICY.interval <= window.length / 1000 <= longest for window in windows)


@every_expression
def test_replicas_are_taken_together(expression: Expression):
    """promql/aggregate: only existing labels that distinguish replicas are aggregated away; job stays."""
    for node in walk(expression):
        if isinstance(node, Aggregation):
            assert node.operator in ("max", "min", "sum", "count"), "topk and its like are fragile"
            assert not node.grouping.only, "`by` would lose the labels that distinguish two outboxes"
            assert node.grouping.labels <= (labels(node.operand) or frozenset())
            assert "job" not in node.grouping.labels
    assert (labels(expression) or frozenset()).isdisjoint({"instance", "pod"})


@every_expression
def test_sides_match(expression: Expression):
    """promql/vector_matching: both sides have the labels by which they find each other."""
    for node in walk(expression):
        if isinstance(node, BinaryOperation):
            left, right = labels(node.left), labels(node.right)
            if left is not None and right is not None:
                grouping = node.matching.grouping
                assert left - grouping.labels == right - grouping.labels, f"{left} {node.operator} {right}"
                if node.operator == "or":
                    assert left == right
                if node.operator not in SET_OPERATORS:
                    assert grouping.labels <= left | right


@every_expression
def test_nothing_divides_nothing_by_nothing(expression: Expression):
    """promql/nan: one side of every division is more than zero, or it is by a number."""
    for node in walk(expression):
        if isinstance(node, BinaryOperation) and node.operator == "/" and not is_number_above_zero(node.right):
            assert any(isinstance(side, BinaryOperation) and side.operator == ">" for side in (node.left, node.right))
        if isinstance(node, FunctionCall) and node.function == "histogram_quantile":
            assert isinstance(expression, BinaryOperation)
            assert (expression.operator, expression.left) == (">=", node)


def is_number_above_zero(expression: Expression) -> bool:
    return isinstance(expression, NumberLiteral) and expression.value > 0


@every_expression
def test_foreign_metrics_are_selected_by_our_job(expression: Expression):
    """promql/selector: everybody has `up`."""
    for selector in selectors(expression):
        if selector.metric in FOREIGN:
            matchers = {(matcher.label, matcher.match, matcher.value) for matcher in selector.matchers}
            assert matchers == {("job", MatchType.EQUAL, POLICY.job)}


@every_expression
def test_patterns_are_plain(expression: Expression):
    """promql/regexp: no anchors, which are there anyway, and nothing that needs a second look."""
    for _, matcher in matchers_with(expression, lambda each: each.pattern is not None):
        assert re.fullmatch(r"[a-z_|]+", matcher.value)


@every_rule
def test_alerts_compare(rule: Rule):
    """alerts/comparison: without one, an alert would fire for as long as there are series."""
    assert compares(EXPRESSIONS[str(rule.key)])


@every_rule
def test_durations_make_sense(rule: Rule):
    """alerts/for, rule/for: whole evaluations; absence outlasts missed scrapes; nothing averaged waits twice.

    A maximum makes nothing wait.
    """
    for seconds in (rule.hold_duration, rule.keep_firing_for):
        assert seconds % POLICY.interval == 0
        assert seconds <= 3600
    calls = [node.function for node in walk(COUNTING[str(rule.key)]) if isinstance(node, FunctionCall)]
    assert rule.hold_duration >= 4 * POLICY.interval or "absent" not in calls
    assert not any(function.endswith("_over_time") for function in calls if function != "max_over_time")


@every_rule
def test_texts_are_complete(rule: Rule):
    """alerts/annotation, alerts/template, rule/label: texts can be rendered, and name the outbox and the value."""
    found = labels(EXPRESSIONS[str(rule.key)]) or frozenset()
    used = set(re.findall(r"\$labels\.(\w+)", rule.description))
    assert used <= found
    assert "{{" not in rule.summary
    assert rule.summary[0].isupper()
    assert not rule.summary.endswith(".")
    assert len(rule.summary) <= 90
    assert rule.description.endswith(".")
    assert ("job" in used) == (rule.key.severity is not Severity.NONE)
    assert (found - {"job"}) <= used, "the text of each alert has to name it"
    assert rule.source


@every_rule
def test_names_follow_the_rule(rule: Rule):
    """rule/name, rule/link, rule/owner: our prefix, a runbook of the same name, a group."""
    assert re.fullmatch(r"Outbox([A-Z][a-z]+)+", rule.key.alert)
    assert (ROOT / "alerts" / "runbooks" / f"{rule.key.alert}.md").exists()
    assert rule.group in ("availability", "saturation", "errors", "application", "housekeeping", "watch")


def test_nothing_is_there_twice():
    """rule/duplicate: no two rules of one name and severity, no two signals of one name or one meaning."""
    assert max(Counter(rule.key for rule in POLICY.rules).values()) == 1
    assert max(Counter(SIGNALS.values()).values()) == 1
    assert len(SIGNALS) == len(POLICY.signals)
    assert all(re.fullmatch(r"outbox:[a-z0-9_]+(:[a-z0-9]+)?", record) for record in SIGNALS)


def test_the_interval_is_short_enough():
    """group/interval: within the five minutes for which Prometheus takes a sample for present."""
    assert 0 < POLICY.interval <= 300


@every_expression
def test_no_filter_has_many_matches(expression: Expression):
    """Prometheus 3.9 refuses a comparison in which several samples of one side match one of the other.

    Before, and in the exporter's own evaluation, it is refused only where several of them hold. So vectors are
    compared where all labels have to agree.
    """
    for node in walk(expression):
        if isinstance(node, BinaryOperation) and node.operator in COMPARISONS:
            vectors = labels(node.left) is not None and labels(node.right) is not None
            assert not vectors or (node.matching.grouping == Grouping() and node.matching.many is None), node


def test_every_signal_is_used():
    """By a rule, by another signal, or by the panel of a rule's threshold; the error budget by its panel."""
    used = {selector.metric for expression in EXPRESSIONS.values() for selector in selectors(expression)}
    assert set(SIGNALS) - used == {"outbox:latency_budget_left:30d"}


@every_rule
def test_rules_name_the_collectors_of_their_data(rule: Rule):
    """Exactly the collectors whose series must exist for the rule to fire, as the catalogue names them."""
    metrics = {METRICS[s.metric][0] for s in sources(EXPRESSIONS[str(rule.key)]) if s.metric in METRICS}
    assert {metric.collector for metric in metrics if metric.collector} == set(rule.collectors)


@every_rule
def test_thresholds_are_compared_with_signals(rule: Rule):
    """A dashboard draws the threshold on the signal: the expression compares that very signal with that very number."""
    if rule.signal is not None:
        compared = [
            node
            for node in walk(EXPRESSIONS[str(rule.key)])
            if isinstance(node, BinaryOperation)
            and f"{node.right}" == f"NumberLiteral(value={rule.threshold})"
            and any(selector.metric == rule.signal for selector in selectors(node.left))
        ]
        assert compared


def test_hidden_series_exist():
    """Rules that hide data name existing collectors, and none hides the watchdog."""
    known = set(collectors())
    for rule in POLICY.rules:
        assert set(rule.collectors) <= known
    (watchdog,) = [rule for rule in POLICY.rules if rule.key.alert == "OutboxWatchdog"]
    assert watchdog.muted_by == ()
    judged_by_data = [rule for rule in POLICY.rules if rule.collectors]
    assert all("OutboxExporterDown" in {key.alert for key in rule.muted_by} for rule in judged_by_data)


def test_target_labels_are_those_of_prometheus():
    """Replicas are aggregated, so the only target label left is the job."""
    assert TARGET - {"instance", "pod"} == {"job"}
