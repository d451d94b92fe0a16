"""The encoder writes the bytes that the client library's encoders write, and keeps them until something changes."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics, enable_created_metrics, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Exemplar

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind, Metric
from exporter.metrics.encoder import ExpositionEncoder, encode_families, encode_readings
from exporter.metrics.exposition import OutboxCollector, Readings
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import CollectorOutcome, CollectorRun, Distribution, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.web.routes import render
from tests import webtools

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
FORMATS = [(TEXT, generate_latest), (OPENMETRICS, openmetrics.generate_latest)]

BACKLOG = CollectorState("backlog", CollectorTarget.DATABASE, interval=15)


@pytest.fixture
def without_creation_times():
    """As in the registry of the process, whose counters have none."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    yield
    enable_created_metrics()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("content_type", "encode"), FORMATS, ids=["text", "openmetrics"])
@pytest.mark.usefixtures("without_creation_times")
def test_page_is_the_same_as_the_librarys(content_type, encode):
    """Cached or not, in either format, the bytes are those of the whole registry."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    process = CollectorRegistry()
    gauge = Gauge("some_process_metric", "Of the process.", ["which"], registry=process)
    starts = Counted("some_starts", "Of the process too.", registry=process)
    gauge.labels("one").set(7)
    everything = CollectorRegistry()
    everything.register(outbox)
    everything.register(process)
    encoder = ExpositionEncoder(outbox, process)
    changes: tuple[Callable[[], None], ...] = (
        lambda: None,
        starts.inc,
        lambda: gauge.labels("one").set(8),
        lambda: gauge.labels("two").set(8),
        lambda: gauge.remove("one"),
        gauge.clear,
    )
    for change in changes:
        for _ in range(2):
            assert encoder(content_type) == encode(everything)
        change()
    assert encoder(content_type) == encode(everything)


def test_every_change_is_in_the_next_page():
    """A new sample, a reading that grows too old, a failed reload, a dropped label: each is in the next scrape."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    queues, reloaded = LabelLimit(1), [True]
    outbox = OutboxCollector(lambda: store, "0.1.0", lambda: {"queue": queues}, lambda: reloaded[0])
    encoder = ExpositionEncoder(outbox, CollectorRegistry())
    pages = [encoder(TEXT)]

    def changed() -> bool:
        pages.append(encoder(TEXT))
        return pages[-1] != pages[-2]

    assert not changed()
    readings = (Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)
    store.record(CollectorRun("backlog", CollectorOutcome(readings), 1_700_000_000, monotonic(), 0.01), 15)
    assert changed()
    assert b"outbox_head_blocked_jobs 3.0" in pages[-1]
    store.skip("backlog")
    assert changed()
    reloaded[0] = False
    assert changed()
    queues("one")
    queues("two")
    assert changed()


@pytest.mark.parametrize(("content_type", "encode"), FORMATS, ids=["text", "openmetrics"])
@pytest.mark.parametrize("seed", range(40))
def test_random_readings_are_encoded_as_by_the_library(content_type, encode, seed):
    """Series that come, go, change places and values, in every kind of family: byte for byte, each time."""
    rng = random.Random(seed)
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    encoder = ExpositionEncoder(outbox, CollectorRegistry())
    for number in range(20):
        readings = tuple(anything(rng))
        store.record(CollectorRun("backlog", CollectorOutcome(readings), 1e9 + number, monotonic(), rng.random()), 15)
        assert encoder(content_type) == encode(outbox)


def anything(rng: random.Random) -> Iterator[Reading | Distribution]:
    """Some readings, many of them as they were the last time."""
    values = (0, 1, True, 3, -1.5, 0.5, 1e22, 1e-7, 12_345_678.9, float("inf"), float("-inf"))
    queues = ["default", "other", 'a "quoted" one', "back\\slash", "two\nlines", "1.0", ""]
    if rng.random() < 0.9:
        yield Reading(catalogue.HEAD_BLOCKED_JOBS, rng.choice(values))
        yield Reading(catalogue.PROCESSED_JOBS, rng.choice(values[:4]))
    rng.shuffle(queues)
    for queue in sorted(queues[: rng.choice((0, 2, 2, 2, 7))]) if rng.random() < 0.5 else queues[:3]:
        yield Reading(catalogue.QUEUE_PENDING_JOBS, rng.choice(values), (queue,))
        yield Reading(catalogue.QUEUE_PROCESSED_JOBS, rng.choice(values[:4]), (queue,))
    counts = tuple(rng.randrange(3) for _ in range(4))
    yield Distribution(catalogue.PROCESSING_TIME, (0.1, 1.0, 30.0), counts, rng.choice((0.0, 2.5)))


def test_expired_readings_are_not_served_from_the_cache(monkeypatch):
    """A cached page is replaced once a reading in it has expired."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    encoder = ExpositionEncoder(outbox, CollectorRegistry())
    store.record(
        CollectorRun(
            "backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)), 1_700_000_000, 1000.0, 0.01
        ),
        15,
    )
    monkeypatch.setattr("exporter.metrics.exposition.monotonic", lambda: 1045.0)
    assert b"outbox_head_blocked_jobs 3.0" in encoder(TEXT)
    monkeypatch.setattr("exporter.metrics.exposition.monotonic", lambda: 1045.1)
    assert b"outbox_head_blocked_jobs 3.0" not in encoder(TEXT)


def test_scrapes_between_two_samples_are_served_from_the_cache(monkeypatch):
    """The readings are encoded once per sample and format, however many scrapes there are."""
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    collected: list[float] = []
    readings = outbox.readings

    def counting() -> Readings:
        collected.append(monotonic())
        return readings()

    monkeypatch.setattr(outbox, "readings", counting)
    site = webtools.site()
    site = replace(site, encoder=ExpositionEncoder(outbox, CollectorRegistry()))
    for _ in range(3):
        render(site, "application/openmetrics-text;version=1.0.0", [])
        render(site, "text/plain;version=0.0.4", [])
    assert len(collected) == 2
    store.skip("backlog")
    render(site, "", [])
    assert len(collected) == 3


@pytest.mark.parametrize(("content_type", "encode"), FORMATS, ids=["text", "openmetrics"])
def test_negative_zero_is_not_encoded_as_zero(content_type, encode):
    """The two are equal and are written differently: they are cached separately."""
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    everything = CollectorRegistry()
    everything.register(outbox)
    encoder = ExpositionEncoder(outbox, CollectorRegistry())
    for value in (-0.0, 0.0, 0, -0.0):
        readings = (Reading(catalogue.HEAD_BLOCKED_JOBS, value),)
        store.record(CollectorRun("backlog", CollectorOutcome(readings), 1_700_000_000, monotonic(), 0.01), 15)
        assert encoder(content_type) == encode(everything)


def test_the_exact_text_of_a_page():
    """Heads, escapes and numbers in both formats; the text format keeps quotes in a help text, and has no end."""
    metric = Metric("outbox_things_total", Kind.COUNTER, 'A "thing" \\ or\ntwo.', ("b", "a"))
    readings = [Reading(metric, 1234567.0, ('x"y', "p\\q\nr")), Reading(metric, 0.1, ("", ""))]
    samples = b'outbox_things_total{a="p\\\\q\\nr",b="x\\"y"} 1.234567e+06\noutbox_things_total{a="",b=""} 0.1\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "CATALOGUE", (metric,))
        text, metrics = (encode_readings(readings, openmetrics=each) for each in (False, True))
    assert text == (
        b'# HELP outbox_things_total A "thing" \\\\ or\\ntwo.\n# TYPE outbox_things_total counter\n' + samples
    )
    assert metrics == b'# HELP outbox_things A \\"thing\\" \\\\ or\\ntwo.\n# TYPE outbox_things counter\n' + samples


def test_openmetrics_page_ends_and_text_page_does_not():
    """OpenMetrics ends with a marker, by which a scraper knows that nothing was cut off."""
    encoder = ExpositionEncoder(OutboxCollector(SnapshotStore, "0.1.0", dict, lambda: True), CollectorRegistry())
    assert encoder(OPENMETRICS).endswith(b"\n# EOF\n")
    assert b"EOF" not in encoder(TEXT)


def stamped(suffix: str = "", **more: Any) -> Family:
    family = Family("some_gauge", "Help.", "gauge")
    family.add_sample(f"some_gauge{suffix}", {}, 1.0, **more)
    return family


@pytest.mark.parametrize(
    "family",
    [
        Family("some_histogram", "Help.", "histogram"),
        Family("some_bytes", "Help.", "gauge", unit="bytes"),
        stamped(timestamp=1.0),
        stamped(exemplar=Exemplar({}, 1.0)),
        stamped("_created"),
    ],
    ids=["type", "unit", "timestamp", "exemplar", "creation time"],
)
def test_family_that_needs_more_is_refused(family):
    """The encoder raises an error for values that it cannot write; the web server then uses the library."""
    with pytest.raises(ValueError, match="cannot be encoded"):
        encode_families([family], openmetrics=True)
