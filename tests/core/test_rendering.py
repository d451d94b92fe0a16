"""Rendering never fails for a value: every page and document, with every float and every text there is."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from alerts.watch.report import html, json_text, markdown
from exporter.app.status import ExporterInfo, status
from exporter.core import humanize, svg_charts
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind, Metric
from exporter.metrics.encoder import ExpositionEncoder
from exporter.metrics.exposition import OutboxCollector
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, CollectorRun, Distribution, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.web.messages import Request, Response
from exporter.web.routes import SiteContent, router
from tests import webtools
from tests.alerts.watch.report import samples

YEAR = 365.25 * 86_400
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-9, 5e-324, -5e-324, sys.float_info.min, 1e15, 1e16, -1e16, 1e300, 1e308,
    sys.float_info.max, -sys.float_info.max, math.inf, -math.inf, 2.0**53, 2.0**63,
    1.8e9, 1.8e12, 1.8e15, -62135596800.0, -62135596801.0, 253402300799.0, 253402300799.9999, 253402300800.0,
    -6756.0 * YEAR, 294_276.0 * YEAR,
)  # fmt: skip
TEXTS = (
    "", " ", "queue", "\x00", "\x01\x1f\x7f\x85", "\n", "\r\n", '"', "\\", '\\"', "{}", "\\n", "\ufeff", "\u2028",
    "\ud800", "\udfff tail", "ok \udc80", "日本語", "🦆", "\u202e", "a" * 100_000, "<script>", "'", "%s", "{0}",
)  # fmt: skip
TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SEEDS = 20


def generators(seed: int) -> Iterator[random.Random]:
    return (random.Random(f"{seed} {number}") for number in range(SEEDS))


def reading(metric: Metric, rng: random.Random) -> Reading | Distribution:
    """Any value, under any labels; but counters and histograms only grow from 0."""
    labels = tuple(rng.choice(TEXTS) for _ in metric.labels)
    value = rng.choice(FLOATS)
    if metric.kind is Kind.HISTOGRAM:
        bounds = catalogue.PROCESSING_TIME_BUCKETS
        return Distribution(metric, bounds, tuple(rng.randrange(2**63) for _ in (*bounds, 0)), abs(value), labels)
    return Reading(metric, abs(value) if metric.kind is Kind.COUNTER else value, labels)


def state(name: str, rng: random.Random) -> CollectorState:
    """Readings of a collector, with arbitrary texts as problems."""
    by_series = {
        (one.metric, one.labels): one
        for one in (reading(metric, rng) for metric in catalogue.CATALOGUE if metric.name.startswith("outbox_"))
    }
    failures = tuple(CollectorFailure(CollectorTarget.DATABASE.reasons[0], rng.choice(TEXTS)) for _ in range(3))
    run = CollectorRun(
        name, CollectorOutcome(tuple(by_series.values()), failures), rng.choice(FLOATS), monotonic(), 1.0
    )
    return CollectorState(name, CollectorTarget.DATABASE, 15).after(run, 1e6)


def served(store: SnapshotStore, path: str, accept: str = "") -> tuple[int, dict[str, str], bytes]:
    """The site's responses; the handlers are the server's own."""
    outbox = OutboxCollector(lambda: store, "0.1.0", lambda: {"queue": LabelLimit(1)}, lambda: True)
    registry = CollectorRegistry()
    registry.register(outbox)
    about = ExporterInfo("0.1.0", "localhost:5432/postgres", True)
    site = SiteContent(
        registry,
        lambda: status(about, store.states(), monotonic(), 1.8e9),
        lambda: (True, "ready"),
        encoder=ExpositionEncoder(outbox, CollectorRegistry()),
        version="0.1.0",
    )
    return response_of(site, path, accept)


def response_of(site: SiteContent, path: str, accept: str = "") -> tuple[int, dict[str, str], bytes]:
    """One GET, in this thread."""
    request = Request("GET", path, headers=(("accept", accept),))

    async def exchange() -> Response:
        return await router(site)(request)

    response = asyncio.run(exchange())
    return response.status, {name.lower(): value for name, value in response.headers.items()}, response.body


@pytest.mark.parametrize(("accept", "parse"), [(TEXT, parse_text), (OPENMETRICS, parse_openmetrics)])
def test_a_scrape_has_every_series_whatever_its_value_and_labels(accept: str, parse: Callable[[str], Any]):
    """Answered with 200, parsed by the client library, and as many samples as readings."""
    for rng in generators(1):
        store = SnapshotStore([state("backlog", rng)])
        code, headers, body = served(store, "/metrics", accept)
        assert code == 200
        assert headers["content-type"].startswith(accept.split(";", maxsplit=1)[0])
        gauges = [one for one in store.states()[0].readings if one.metric.kind is Kind.GAUGE]
        text = body.decode()
        for one in gauges:
            assert f"\n{one.metric.name}" in text
        if accept == TEXT:  # the library's OpenMetrics parser refuses control characters that the format allows
            list(parse(text))


def test_pages_and_status_render_for_any_sample():
    """The page is UTF-8, the status is JSON as every parser reads it."""
    for rng in generators(2):
        store = SnapshotStore([state("backlog", rng)])
        code, _, body = served(store, "/")
        assert code == 200
        assert "Traceback" not in body.decode()
        code, _, body = served(store, "/api/v1/status")
        assert code == 200
        json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_pages_render_for_any_document():
    """Arbitrary values in the status instead of its numbers and texts."""
    usual = webtools.status() | {
        "alerts": [webtools.alert()],
        "watch": webtools.watch(reasons=["one"]),
        "maintenance_until": 1.0,
        "notices": [{"name": "a", "text": "b"}],
        "changes": [{"kind": "lock", "text": "a lock", "earliest": 1.0, "latest": 2.0}],
        "collectors": [webtools.collector(failures={"lock": 3}, problems=["locked"])],
    }
    kept = ("severity", "state", "verdict", "up")
    for rng in generators(3):
        document = {key: value if key in kept else mutated(value, rng, kept) for key, value in usual.items()}
        code, _, body = response_of(webtools.site(status=lambda document=document: document), "/")  # type: ignore[misc]
        assert code == 200
        body.decode()


def mutated(value: Any, rng: random.Random, kept: tuple[str, ...] = ()) -> Any:
    """The same document with other numbers and texts."""
    if isinstance(value, dict):
        return {key: each if key in kept else mutated(each, rng, kept) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mutated(each, rng, kept) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        left = {"unit", "record", "signal", "number", "ticks"}
        return replace(
            value,
            **{
                each.name: mutated(getattr(value, each.name), rng)
                for each in fields(value)
                if each.init and each.name not in left
            },
        )
    if isinstance(value, bool | Enum) or value is None:
        return value
    if isinstance(value, float):
        return rng.choice(FLOATS)
    return rng.choice(TEXTS) if isinstance(value, str) else value


def test_reports_render_for_any_judgement():
    """In HTML, Markdown and JSON, each of which can be written to a file."""
    usual = samples.report()
    for rng in generators(4):
        report = replace(mutated(replace(usual, ticks=()), rng), ticks=usual.ticks)
        for form in (html, markdown, json_text):
            form(report).encode()


@pytest.mark.parametrize("value", [*FLOATS, math.nan])
def test_every_number_has_a_text(value: float):
    """Short ones."""
    for text in (
        humanize.moment(value),
        humanize.moment(value, "%H:%M"),
        humanize.duration(value),
        humanize.count(value),
        humanize.percent(value),
        *(humanize.format_value(value, unit) for unit in ("seconds", "ratio", "jobs")),
    ):
        assert 0 < len(text) < 40
        assert not re.search(r"\b(nan|inf)\b", text)


@pytest.mark.parametrize("value", [*FLOATS, math.nan])
def test_a_plot_of_every_number_is_one(value: float):
    """As a value, a threshold, a time and an end; none of it becomes a coordinate that is no number."""
    points = [(0.0, 1.0), (10.0, value), (20.0, None), (value, 2.0), (40.0, 3.0)]
    for drawn in (
        svg_charts.sparkline(points, 0.0, 60.0, "label"),
        svg_charts.chart(svg_charts.Chart("title", "jobs", 0.0, 60.0, (svg_charts.ChartLine("a", points),))),
        svg_charts.chart(
            svg_charts.Chart(
                "title",
                "seconds",
                0.0,
                60.0,
                (svg_charts.ChartLine("a", points),),
                (svg_charts.ChartThreshold(value, "limit"),),
            )
        ),
        svg_charts.chart(svg_charts.Chart("title", "ratio", 0.0, value, (svg_charts.ChartLine("a", points),))),
        svg_charts.chart(svg_charts.Chart("title", "ratio", value, 60.0, (svg_charts.ChartLine("a", points),))),
    ):
        assert not re.search(r'(?:x|y|cx|cy|x1|x2|y1|y2|width|height|points)="[^"]*\b(nan|inf)\b', drawn)
        assert len(drawn) < 20_000


@pytest.mark.parametrize("labels", [(None,), (7,), (b"queue",)])
def test_values_that_are_no_text_are_no_labels(labels: Any):
    """A bug fails the collector that has it, and no scrape."""
    with pytest.raises(TypeError, match="outbox_queue_pending_jobs: a label value is a text"):
        Reading(catalogue.QUEUE_PENDING_JOBS, 1, labels)
    with pytest.raises(TypeError):
        Distribution(Metric("a", Kind.HISTOGRAM, "", ("queue",)), (1.0,), (0, 0), 0.0, labels)


def test_values_that_are_no_numbers_are_no_readings():
    """Unknown is left out."""
    with pytest.raises(ValueError, match="unknown is not a number"):
        Reading(catalogue.HEAD_BLOCKED_JOBS, math.nan)


def test_a_missing_value_has_a_label():
    """A job without a queue is counted under `other`, without taking a place or counting as dropped."""
    queues = LabelLimit(1)
    assert queues(None) == "other"
    assert queues("one") == "one"
    assert queues.dropped == 0
    assert queues.sum([(None, 2), ("one", 3), ("two", 5)]) == {"other": 7, "one": 3}


def test_a_family_that_cannot_be_written_affects_no_other():
    """Were there one after all: the others are there, and the answer is 200."""

    class Broken(CollectorRegistry):
        def collect(self) -> Iterator[Any]:
            for name, label in (("outbox_before", "a"), ("outbox_broken", None), ("outbox_after", "b")):
                family = GaugeMetricFamily(name, "Help.", labels=["queue"])
                family.add_metric([label], 1.0)  # type: ignore[list-item]
                yield family

    for accept in (TEXT, OPENMETRICS):
        code, _, body = response_of(webtools.site(metrics=Broken()), "/metrics", accept)
        assert code == 200
        assert b'outbox_before{queue="a"} 1.0' in body
        assert b'outbox_after{queue="b"} 1.0' in body
        assert b"outbox_broken{" not in body


def test_odd_rows_are_named_on_the_page():
    """The table, the number, and the meaning."""
    found = (
        Reading(catalogue.ODD_ROWS, 2, ("job_outbox", "infinite")),
        Reading(catalogue.ODD_ROWS, 1, ("fsm_events", "null")),
        Reading(catalogue.ODD_ROWS, 1200, ("job_outbox", "out_of_range")),
    )
    run = CollectorRun("last_hour", CollectorOutcome(found), 1.8e9, monotonic(), 1.0)
    store = SnapshotStore([CollectorState("last_hour", CollectorTarget.DATABASE, 15).after(run, 15)])
    _, _, body = served(store, "/api/v1/status")
    said = [(notice["name"], notice["text"]) for notice in json.loads(body)["notices"]]
    assert [name for name, _ in said] == ["job_outbox", "fsm_events", "job_outbox"]
    assert said[0][1].startswith("2 rows with an infinite time")
    assert said[1][1].startswith("1 row with NULL")
    assert said[2][1].startswith("1,200 rows with a time before 1970")
    _, _, page = served(store, "/")
    assert all(text in page.decode() for _, text in said if "'" not in text)
