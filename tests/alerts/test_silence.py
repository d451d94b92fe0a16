"""A healthy month causes no alert, in a real Prometheus over every scrape of a simulated month.

The rules' expressions are put to it as they are, with their signals written out; how long each was true without
interruption is compared with its for-duration.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from alerts.model import Labels, Outlet, Rule, RuleKey, Severity
from alerts.policy.load import load_policy
from tests.alerts.backfill import backfill
from tests.alerts.promql.oracle import Answers, Oracle, oracle
from tests.alerts.promql.remotewrite import Written
from tests.alerts.simulation import DAY, scrapes

POLICY = load_policy()
RULES = [rule for rule in POLICY.rules if Outlet.PROMETHEUS in rule.outlets and rule.key.severity is not Severity.NONE]
SIGNALS = {signal.record: signal.expr for signal in POLICY.signals}

DAYS = 30
STEP = 30  # seconds between scrapes, and between evaluations
# Between evaluations of windows of days, whose values change slowly; shorter than the lookback.
RARE_STEP = 240
_DAYS = re.compile(r"\[\d+d\]")
MONDAY = 1_763_942_400  # 2025-11-24 00:00 UTC, in Unix seconds
SICK = MONDAY + (DAYS + 1) * int(DAY)
# A signal and whether samples of it from before are asked for.
_SIGNAL = re.compile(r"(?P<name>outbox:[a-z0-9_:]+)(?P<back>\[\w+\]| offset \w+)?")
EXPRESSIONS = (*SIGNALS.values(), *(rule.expr for rule in RULES))
READERS = Counter(match["name"] for expr in EXPRESSIONS for match in _SIGNAL.finditer(expr))
MANY_READERS = 3  # of a window, which takes long to evaluate for each of them
RECORDED = {
    match["name"]
    for expr in EXPRESSIONS
    for match in _SIGNAL.finditer(expr)
    if match["back"]
    or ":increase" in match["name"]
    or ("[" in SIGNALS[match["name"]] and READERS[match["name"]] >= MANY_READERS)
}
MOST_POINTS = 2_500  # in one question, so that none takes long


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the written samples, Unix seconds."""

    start: int
    end: int

    def parts(self, expr: str) -> Iterator[range]:
        """The evaluations of an expression in it, milliseconds, as many as one question may ask for."""
        step = RARE_STEP if _DAYS.search(expr) else STEP
        for start in range(self.start, self.end, MOST_POINTS * step):
            yield range(start * 1000, min(start + MOST_POINTS * step, self.end) * 1000, step * 1000)


MONTH = Span(MONDAY, MONDAY + DAYS * int(DAY))
SICK_DAY = Span(SICK, SICK + int(DAY))
# Recorded samples are written after later scrapes.
ANY_ORDER = {"storage": {"tsdb": {"out_of_order_time_window": "60d"}}}


def target(cluster: str) -> tuple[tuple[str, str], ...]:
    return (("cluster", cluster), ("instance", "outbox-exporter:9721"), ("job", "outbox-exporter"))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[Oracle]:
    """Holds a month of health and, a day later, a day on which the processor crashed for twenty minutes."""
    with oracle(tmp_path_factory.mktemp("month"), config=ANY_ORDER) as server:
        healthy, sick = target("healthy"), target("sick")
        backfill(server.url, scrapes(DAYS, interval=STEP, epoch=MONDAY, labels=healthy), healthy)
        crash = (10 * 3600.0, 10 * 3600.0 + 1200)
        backfill(server.url, scrapes(1, interval=STEP, epoch=SICK, labels=sick, crashed=crash), sick)
        for span in (MONTH, SICK_DAY):
            record(server, span)
        yield server


def expand_exact_increase(expr: str) -> str:
    """The expression without signals, but for those that were recorded."""

    def replacement(match: re.Match[str]) -> str:
        return match.group() if match["name"] in RECORDED else f"({expand_exact_increase(SIGNALS[match['name']])})"

    return _SIGNAL.sub(replacement, expr)


def record(prometheus: Oracle, span: Span) -> None:
    """Expensive expressions, recorded as Prometheus records them, in the policy's order."""
    for name, expr in SIGNALS.items():
        if name in RECORDED:
            answers: Answers = {}
            inlined = expand_exact_increase(expr)
            for part in span.parts(inlined):
                answers |= prometheus.ask(inlined, part)
            prometheus.write(_series(name, answers))


def _series(name: str, answers: Answers) -> list[Written]:
    """The samples by series, with the end of each that is not there any more."""
    found: dict[Labels, Written] = {}
    for at, vector in answers.items():
        for labels, value in vector.items():
            series = found.setdefault(labels, Written(tuple(sorted((*labels, ("__name__", name))))))
            series.samples.append((at, value))
        for labels, series in found.items():
            if labels not in vector and series.samples[-1][1] is not None:
                series.samples.append((at, None))
    return list(found.values())


def longest(prometheus: Oracle, rule: Rule, span: Span) -> float | None:
    """For how long the rule was true on end, at most, seconds; None when it never was."""
    since: dict[tuple[tuple[str, str], ...], int] = {}
    found: list[int] = []
    expr = expand_exact_increase(rule.expr)
    for part in span.parts(expr):
        for at, vector in prometheus.ask(expr, part).items():
            since = {labels: since.get(labels, at) for labels in vector}
            found.extend(at - begun for begun in since.values())
    return max(found) / 1000 if found else None


def firing(prometheus: Oracle, span: Span) -> dict[RuleKey, float]:
    """The rules that were true for as long as they have to be."""
    lengths = {rule.key: (longest(prometheus, rule, span), rule.hold_duration) for rule in RULES}
    return {
        key: length
        for key, (length, hold_duration) in lengths.items()
        if length is not None and length >= hold_duration
    }


@pytest.mark.timeout(600)
def test_no_alert_fires_in_a_healthy_month(prometheus):
    """No page, no ticket, no information."""
    assert firing(prometheus, MONTH) == {}


def test_it_was_a_month_with_everything_in_it(prometheus):
    """Idle nights, bursts, deploys, restarts, clean-ups and failures are there: the silence is no emptiness."""
    end = MONTH.end * 1000 - STEP * 1000

    def value(expr: str) -> float:
        (only,) = prometheus.ask_once(expr.replace("[]", f"[{DAYS}d]"), end).values()
        return float(only)

    assert value("sum(increase(outbox_processed_jobs_total[]))") > 50_000
    assert value("max(max_over_time(sum without (state) (outbox_pending_jobs)[30d:30s]))") > 1000
    assert value("sum(resets(outbox_processed_jobs_total[]))") >= 10
    assert value('sum(resets(outbox_app_fsm_initializations_total{result="succeeded"}[]))') >= 8
    assert value('sum(increase(outbox_app_fsm_initializations_total{result="failed"}[]))') > 30
    assert value("sum(count_over_time((up == 0)[30d:30s]))") >= 10
    assert value("min(min_over_time(increase(outbox_processed_jobs_total[5h])[30d:1h]))") == 0
    assert value("max(max_over_time((time() - outbox_idempotency_oldest_expired_timestamp_seconds)[30d:10m]))") > 82_800
    age = "(time() - outbox_oldest_processed_timestamp_seconds)[30d:10m]"
    assert 36.5 * DAY < value(f"max(max_over_time({age}))") < 38 * DAY
    assert value("max(max_over_time((time() - outbox_vacuum_horizon_held_timestamp_seconds)[30d:1m]))") > 1400
    assert value(f"max(min_over_time({age}))") < 31.5 * DAY


def test_a_crash_fires_an_alert(prometheus):
    """The same questions on a day with a fault find it, and nothing that is not true."""
    found = firing(prometheus, SICK_DAY)
    assert RuleKey("OutboxStalled", Severity.PAGE) in found
    late = {
        "OutboxJobsWaitingLong",
        "OutboxProcessingSlow",
        "OutboxLatencyBudgetBurnFast",
        "OutboxLatencyBudgetBurnSlow",
    }
    assert {key.alert for key in found} <= {"OutboxStalled", *late}  # all but the stall are muted by it
