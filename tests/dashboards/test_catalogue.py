"""Dashboards and the catalogue of metrics know each other completely."""

from __future__ import annotations

from dashboards.files import OTHER_PANELS
from exporter.metrics.catalogue import CATALOGUE, Kind
from tests.dashboards.reading import ALL, FILES, filled, load_dashboard, panels, selectors

# Prometheus' own metrics of scrapes and alerts, and the client library's metrics of the process.
FOREIGN = {
    "ALERTS",
    "up",
    "scrape_duration_seconds",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
}
EXPOSED = {
    metric.name + part: metric
    for metric in CATALOGUE
    for part in (("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",))
}


def used() -> set[str]:
    return {selector.name for query in ALL for selector in selectors(filled(query.expr))}


def test_every_queried_metric_exists():
    """A metric of the catalogue, or a known foreign one."""
    assert used() <= set(EXPOSED) | FOREIGN


def test_every_metric_of_the_catalogue_is_shown():
    """By a panel, of the default tables' dashboards or of those of others; an annotation alone is not enough."""
    others = [target["expr"] for panel in load_dashboard(OTHER_PANELS)["panels"] for target in panel["targets"]]
    exprs = [*(query.expr for query in ALL if query.panel), *others]
    shown = {selector.name for expr in exprs for selector in selectors(filled(expr))}
    assert {EXPOSED[name].name for name in shown - FOREIGN} == {metric.name for metric in CATALOGUE}


def test_every_queried_label_exists():
    """In matchers, against the metric's own labels."""
    for query in ALL:
        for selector in selectors(filled(query.expr)):
            metric = EXPOSED.get(selector.name)
            own = {name for name, _, _ in selector.matchers} - {"job", "instance"}
            bucket = {"le"} if selector.name.endswith("_bucket") else set()
            assert metric is None or own <= bucket.union(metric.labels), f"{query}: {selector}"


def test_every_label_in_a_legend_is_left_by_the_query():
    """`{{state}}` of a sum over all states would be an empty name."""
    labels = {label for metric in CATALOGUE for label in metric.labels} | {"alertname", "instance", "job", "le"}
    for file in FILES:
        for panel in panels(load_dashboard(file)):
            for target in panel.get("targets", ()):
                legend = target.get("legendFormat", "")
                for label in labels:
                    if f"{{{{{label}}}}}" in legend:
                        assert f"without ({label}" not in target["expr"], panel["title"]
