"""Runs every PromQL of README, docs and runbooks in a real Prometheus that scraped one exporter, and two.

A selector finds its series. An operation on two sides with series has a result, whatever labels Prometheus adds or one
side has more of. Two replicas are one outbox: aggregated values are not doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import promql_parser
import pytest

from alerts.model import Severity
from alerts.policy.load import load_policy
from exporter.metrics import catalogue
from exporter.metrics.catalogue import CATALOGUE, PROCESSING_TIME_BUCKETS, Kind, Metric
from tests.alerts.promql.oracle import Oracle, oracle
from tests.alerts.promql.remotewrite import Written
from tests.alerts.runbook import blocks

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# A span of code with one of our series that is more than its name and labels: an expression.
_SPAN: Final = re.compile(r"`([^`\n]*\boutbox[_:][^`\n]*[(\[][^`\n]*)`")

# Seconds. Two hours today and yesterday: as far as any expression looks back, or compares.
STEP, DAY, SPAN = 15, 86_400, 7_200
END = DAY + SPAN
TIMES: Final = (*range(0, SPAN + 1, STEP), *range(DAY, END + 1, STEP))
ONE, TWO = "outbox-exporter", "outbox-exporter-2"  # jobs: one exporter, two of the same outbox
# Metrics of the exporter itself, not of the outbox: they are counted for both replicas.
OF_ITSELF: Final = re.compile(r"\boutbox_(notifications|collector|exporter)_")

# The characters of a label value. `ALERTS` and the like are Prometheus' own.
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "alert": tuple(sorted({rule.key.alert for rule in load_policy().rules})),
    "alertname": tuple(sorted({rule.key.alert for rule in load_policy().rules})),
    "alertstate": ("pending", "firing"),
    "by": ("OutboxDatabaseUnreachable",),
    "check": ("healthy", "tables"),
    "cohort": catalogue.COHORTS,
    "collector": ("backlog", "throughput", "last_hour", "events", "idempotency", "maintenance", "migration", "tables"),
    "endpoint": ("healthCheck", "getFSM", "getOutbox", "getFallbacks"),
    "event": ("FSM_INITIALIZED",),
    "holder": ("session",),
    "index": ("fsm_events (created_at)",),
    "job": ("cleanup_old_outbox_entries",),
    "kind": ("removed", "uncounted", "infinite"),
    "label": ("queue",),
    "layer": ("2", "3"),
    "python": ("3.13",),
    "queue": ("course-generation", "other"),
    "reason": ("timeout", "lock", "connection"),
    "receiver": ("alertmanager",),
    "severity": tuple(severity.value for severity in Severity),
    "source": catalogue.SOURCES,
    "status": ("ok", "broken", "unknown"),
    "table": ("job_outbox",),
    "version": ("1",),
}
STATES: Final = {
    catalogue.IDEMPOTENCY_KEYS.name: catalogue.KEY_STATES,
    catalogue.WATCH_STATE.name: catalogue.WATCH_STATES,
}
RESULTS: Final = {catalogue.NOTIFICATIONS.name: catalogue.NOTIFICATION_RESULTS}
FOREIGN: Final = {
    "ALERTS": ("alertname", "alertstate", "severity"),
    "up": (),
    "process_start_time_seconds": (),
    "prometheus_notifications_errors_total": (),
    "prometheus_rule_evaluation_failures_total": (),
}


def documented() -> Iterator[tuple[str, str]]:
    """Place and text of every expression."""
    for page in PAGES:
        for found in _SPAN.findall(page.read_text("utf-8")):
            if not re.fullmatch(r"[\w:]+\{[\w, ]*\}", found):  # a name with its labels, no expression
                yield page.name, found.replace(r"\|", "|")
    for block in blocks("promql"):
        yield block.place, block.text


QUERIES: Final = sorted(set(documented()))


def series(job: str, *replicas: str) -> Iterator[Written]:
    """All series of these exporters of one outbox, of the rules and of Prometheus itself, in two hours."""
    for metric, instance in product(CATALOGUE, replicas):
        for labels in _labels(metric):
            yield from _metric(metric, {**labels, "job": job, "instance": instance})
    for signal in load_policy().signals:
        yield _written(signal.record, {"job": job}, growth=0)
    for name, own in FOREIGN.items():
        for values in product(*(VALUES[label] for label in own)):
            yield _written(name, {**dict(zip(own, values, strict=True)), "job": job}, growth=0)


def _labels(metric: Metric) -> Iterator[dict[str, str]]:
    choices = {
        "state": STATES.get(metric.name, catalogue.STATES),
        "result": RESULTS.get(metric.name, ("succeeded", "failed")),
    }
    options = [choices.get(label) or VALUES[label] for label in metric.labels]
    # Prometheus renames a label that its targets have, too.
    names = ["exported_job" if label == "job" else label for label in metric.labels]
    return (dict(zip(names, values, strict=True)) for values in product(*options))


def _metric(metric: Metric, labels: dict[str, str]) -> Iterator[Written]:
    if metric.kind is Kind.HISTOGRAM:
        for bound in (*PROCESSING_TIME_BUCKETS, "+Inf"):
            yield _written(f"{metric.name}_bucket", {**labels, "le": str(bound)}, growth=2)
        yield _written(f"{metric.name}_count", labels, growth=2)
        yield _written(f"{metric.name}_sum", labels, growth=2)
    else:
        yield _written(metric.name, labels, growth=2 if metric.kind is Kind.COUNTER else 0)


def _written(name: str, labels: dict[str, str], growth: float) -> Written:
    """One everywhere, or a counter that grows by so much with each scrape."""
    samples: list[tuple[int, float | None]] = [(second * 1000, 1.0 + growth * second / STEP) for second in TIMES]
    return Written(tuple(sorted({**labels, "__name__": name}.items())), samples)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Iterator[Oracle]:
    with oracle(tmp_path_factory.mktemp("documented")) as server:
        server.write([*series(ONE, "a"), *series(TWO, "b", "c")])
        yield server


def answer(
    prometheus: Oracle, expression: promql_parser.Expr | str, job: str
) -> dict[tuple[tuple[str, str], ...], float]:
    """The instant vector for one job, that label left out."""
    text = expression if isinstance(expression, str) else expression.prettify()
    found = prometheus.ask_once(_of_job(text, job), END * 1000)
    return {tuple(pair for pair in labels if pair[0] != "job"): value for labels, value in found.items()}


def _of_job(text: str, job: str) -> str:
    """The expression with a matcher for the job in each of its selectors, in place of its own."""
    text = re.sub(r'job="[^"]*"', "", text)
    parsed = promql_parser.parse(text)
    selectors: list[str] = []

    def note(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            selectors.append(node.name)
        return True

    promql_parser.walk(parsed, note)
    for name in set(selectors):
        text = re.sub(
            rf"(?<![\w:])({re.escape(name)})(?![\w:])(\{{)?",
            lambda m: f'{m[1]}{{job="{job}"' + (", " if m[2] else "}"),
            text,
        )
    return text


def nodes(expression: str) -> list[promql_parser.Expr]:
    found: list[promql_parser.Expr] = []

    def note(node: promql_parser.Expr) -> bool:
        found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


def is_filter(node: promql_parser.BinaryExpr) -> bool:
    """Whether it is meant to be empty now and then."""
    return str(node.op) in {"==", "!=", ">", "<", ">=", "<=", "unless", "and"}


def test_there_are_queries():
    """In README, docs and runbooks."""
    places = {place.partition(":")[0] for place, _ in QUERIES}
    assert {"README.md", "OutboxStalled", "OutboxBacklogHigh"} <= places
    assert len(QUERIES) > 50


@pytest.mark.parametrize(
    ("place", "query"), QUERIES, ids=[f"{place}: {query.strip()[:60]}" for place, query in QUERIES]
)
def test_it_has_an_answer(prometheus, place, query):
    """Each selector finds something, and so does each operation on found series, comparisons left out."""
    for node in nodes(query):
        if isinstance(node, promql_parser.VectorSelector):
            assert answer(prometheus, node, ONE), f"{place}: nothing is called {node.prettify()}"
        if isinstance(node, promql_parser.BinaryExpr) and not is_filter(node):
            assert answer(prometheus, node, ONE), f"{place}: empty, whatever there is: {node.prettify()}"
            assert answer(prometheus, node, TWO), f"{place}: empty with two replicas: {node.prettify()}"


@pytest.mark.parametrize(
    ("place", "query"), QUERIES, ids=[f"{place}: {query.strip()[:60]}" for place, query in QUERIES]
)
def test_two_replicas_are_one_outbox(prometheus, place, query):
    """Without `instance`, the result for one exporter equals that for two of the same outbox."""
    one, two = answer(prometheus, query, ONE), answer(prometheus, query, TWO)
    if not OF_ITSELF.search(query) and not any("instance" in dict(labels) for labels in two):
        assert two == pytest.approx(one), f"{place}: differs with two replicas"


def test_the_two_tests_above_can_fail(prometheus):
    """The README's own mistakes: a division that never matches, a sum over replicas."""
    never = "sum(outbox_pending_jobs) / rate(outbox_processed_jobs_total[5m])"
    with pytest.raises(AssertionError, match="empty, whatever there is"):
        test_it_has_an_answer(prometheus, "x", never)
    with pytest.raises(AssertionError, match="nothing is called"):
        test_it_has_an_answer(prometheus, "x", 'outbox_pending_jobs{state="exausted"}')
    with pytest.raises(AssertionError, match="two replicas"):
        test_two_replicas_are_one_outbox(prometheus, "x", "sum(outbox_pending_jobs)")
