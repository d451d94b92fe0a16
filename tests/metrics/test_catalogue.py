"""Each entry of the catalogue has its collector, and whether alerts of severity page depend on it."""

import re

from alerts.model import Policy, Severity
from alerts.policy.load import configured_policy
from exporter.config.settings import Config
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind

POLICY = configured_policy(Config())


def metrics_of(expr: str, policy: Policy) -> set[str]:
    """The metrics that a PromQL expression reads, through the policy's recording rules."""
    signals = {signal.record: signal.expr for signal in policy.signals}
    found: set[str] = set()
    for name in re.findall(r"\boutbox[a-z0-9_:]*", expr):
        found |= metrics_of(signals[name], policy) if name in signals else {re.sub("_(bucket|sum|count)$", "", name)}
    return found


def test_critical_metrics_are_those_that_pages_depend_on():
    """The flag agrees with the policy: neither more nor fewer metrics than its rules of severity page read."""
    pages = [rule for rule in POLICY.rules if rule.key.severity is Severity.PAGE]
    known = {metric.name for metric in catalogue.CATALOGUE}
    read = {name for rule in pages for name in metrics_of(rule.expr, POLICY)} & known
    assert {metric.name for metric in catalogue.CATALOGUE if metric.critical} == read


def test_critical_collectors():
    """These are asked first and keep their interval; the others may run less often."""
    assert {"backlog", "throughput", "maintenance", "migration", "application"} == catalogue.CRITICAL_COLLECTORS


def test_every_metric_of_an_outbox_has_a_collector():
    """None have the exporter's own metrics, and two that several collectors publish."""
    own = (
        "outbox_alert_",
        "outbox_change_",
        "outbox_collector_",
        "outbox_drill_",
        "outbox_exporter_",
        "outbox_notifications_",
        "outbox_server_",
    )
    without = {metric.name for metric in catalogue.CATALOGUE if metric.collector is None}
    assert {name for name in without if not name.startswith((*own, "outbox_watch_"))} == {
        "outbox_helpful_index_missing",
        "outbox_label_values_dropped_total",
        "outbox_odd_rows",
        "outbox_up",
    }
    assert {name.value: len(metrics) for name, metrics in catalogue.COLLECTORS.items()} == {
        "backlog": 10,
        "throughput": 7,
        "last_hour": 6,
        "events": 4,
        "idempotency": 2,
        "maintenance": 2,
        "migration": 5,
        "tables": 6,
        "application": 14,
    }


def test_family_of_a_counter_has_no_suffix():
    """OpenMetrics adds `_total` to the samples of a counter; other names stay as they are."""
    assert catalogue.PROCESSED_JOBS.name == "outbox_processed_jobs_total"
    assert catalogue.PROCESSED_JOBS.family == "outbox_processed_jobs"
    assert [
        metric for metric in catalogue.CATALOGUE if metric.kind is not Kind.COUNTER and metric.family != metric.name
    ] == []


def test_buckets_of_the_processing_time():
    """Seconds; a dashboard or a rule that names a bucket breaks when one changes."""
    assert catalogue.PROCESSING_TIME_BUCKETS == (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 150, 300, 900, 3600, 21600)
