"""A page is the client library's, however few of its words are new."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.openmetrics import exposition as openmetrics

from exporter.metrics import catalogue
from exporter.metrics.encoder import ExpositionEncoder
from exporter.metrics.exposition import Group, OutboxCollector
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import CollectorOutcome, CollectorRun, Distribution, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.web.routes import render
from tests import webtools

BACKLOG = CollectorState("backlog", CollectorTarget.DATABASE, interval=15)


@pytest.mark.parametrize("encode", [generate_latest, openmetrics.generate_latest])
def test_the_printer_prints_what_the_library_would(encode):
    """Remembered or not, in either format, the bytes are those of the whole registry."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    process = CollectorRegistry()
    gauge = Gauge("some_process_metric", "Of the process.", ["which"], registry=process)
    starts = Counted("some_starts", "Of the process too.", registry=process)
    gauge.labels("one").set(7)
    everything = CollectorRegistry()
    everything.register(outbox)
    everything.register(process)
    printer = ExpositionEncoder(outbox, process)
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
            assert printer(encode, "form") == encode(everything)
        change()
    assert printer(encode, "form") == encode(everything)


def test_the_printer_notices_every_change():
    """A new sample, a reading that grows too old, a failed reload, a dropped label: each is in the next scrape."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    queues, reloaded = LabelLimit(1), [True]
    outbox = OutboxCollector(lambda: store, "0.1.0", lambda: {"queue": queues}, lambda: reloaded[0])
    printer = ExpositionEncoder(outbox, CollectorRegistry())
    pages = [printer(generate_latest, "text")]

    def changed() -> bool:
        pages.append(printer(generate_latest, "text"))
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


def test_only_what_changed_is_put_into_words_again():
    """A sample changes a few values: all series keep their words, and the page is the library's all the same."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    printer, asked = ExpositionEncoder(outbox, CollectorRegistry()), Counter[str]()

    def encode(registry: Any) -> bytes:
        asked.update(family.name for family in registry.collect())
        return generate_latest(registry)

    for blocked in (3, 3, 4):
        store.record(
            CollectorRun(
                "backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, blocked),)), 1e9, monotonic(), 0.01
            ),
            15,
        )
        assert printer(encode, "text") == generate_latest(outbox)
    assert asked["outbox_head_blocked_jobs"] == 1  # the third time only its value is new
    assert asked["outbox_collector_interval_seconds"] == 1


@pytest.mark.parametrize("encode", [generate_latest, openmetrics.generate_latest])
@pytest.mark.parametrize("seed", range(40))
def test_whatever_changes_the_page_is_the_librarys(encode, seed):
    """Series that come, go, change places and values, in every kind of family: byte for byte, each time."""
    dice = random.Random(seed)
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    printer = ExpositionEncoder(outbox, CollectorRegistry())
    for turn in range(20):
        readings = tuple(anything(dice))
        store.record(CollectorRun("backlog", CollectorOutcome(readings), 1e9 + turn, monotonic(), dice.random()), 15)
        assert printer(encode, "form") == encode(outbox)


def anything(dice: random.Random) -> Iterator[Reading | Distribution]:
    """Some readings, many of them as they were the last time."""
    values = (0, 1, True, 3, -1.5, 0.5, 1e22, 1e-7, 12_345_678.9, float("inf"), float("-inf"))
    queues = ["default", "other", 'a "quoted" one', "back\\slash", "two\nlines", "1.0", ""]
    if dice.random() < 0.9:
        yield Reading(catalogue.HEAD_BLOCKED_JOBS, dice.choice(values))
        yield Reading(catalogue.PROCESSED_JOBS, dice.choice(values[:4]))
    dice.shuffle(queues)
    for queue in sorted(queues[: dice.choice((0, 2, 2, 2, 7))]) if dice.random() < 0.5 else queues[:3]:
        yield Reading(catalogue.QUEUE_PENDING_JOBS, dice.choice(values), (queue,))
        yield Reading(catalogue.QUEUE_PROCESSED_JOBS, dice.choice(values[:4]), (queue,))
    counts = tuple(dice.randrange(3) for _ in range(4))
    yield Distribution(catalogue.PROCESSING_TIME, (0.1, 1.0, 30.0), counts, dice.choice((0.0, 2.5)))


def test_a_library_that_writes_otherwise_is_noticed():
    """What is remembered of its lines is checked against them; whoever renders then leaves the page to the library."""

    def encode(registry: Any) -> bytes:
        return generate_latest(registry).replace(b" 3.0\n", b" 3.0 # {} 1\n")

    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    store.record(
        CollectorRun("backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)), 1e9, monotonic(), 0.01),
        15,
    )
    with pytest.raises(ValueError, match="writes outbox_head_blocked_jobs in another way"):
        ExpositionEncoder(outbox, CollectorRegistry())(encode, "text")


def test_however_many_series_there_ever_were_few_are_remembered(monkeypatch):
    """An application may never stop inventing names; the page stays the library's."""
    monkeypatch.setattr("exporter.metrics.encoder.MAX_TEMPLATES", 40)
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    printer = ExpositionEncoder(outbox, CollectorRegistry())
    for turn in range(30):
        invented = tuple(Reading(catalogue.APP_CHECK, 1, (f"check_{turn}_{number}",)) for number in range(5))
        store.record(CollectorRun("backlog", CollectorOutcome(invented), 1e9, monotonic(), 0.01), 15)
        assert printer(generate_latest, "text") == generate_latest(outbox)
        assert len(printer._writers["text"]._templates) <= 40


def test_the_printer_forgets_what_has_expired(monkeypatch):
    """What was printed while fresh is not printed again once its time is over."""
    store = SnapshotStore([CollectorState("backlog", CollectorTarget.DATABASE, 15)])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    printer = ExpositionEncoder(outbox, CollectorRegistry())
    store.record(
        CollectorRun(
            "backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)), 1_700_000_000, 1000.0, 0.01
        ),
        15,
    )
    monkeypatch.setattr("exporter.metrics.exposition.monotonic", lambda: 1045.0)
    assert b"outbox_head_blocked_jobs 3.0" in printer(generate_latest, "text")
    monkeypatch.setattr("exporter.metrics.exposition.monotonic", lambda: 1045.1)
    assert b"outbox_head_blocked_jobs 3.0" not in printer(generate_latest, "text")


def test_scrapes_between_two_samples_cost_no_rendering(monkeypatch):
    """The board is put into words once per sample and format, however many scrapes ask, as the server asks."""
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    collected: list[float] = []
    groups = outbox.groups

    def counting() -> Iterator[Group]:
        collected.append(monotonic())
        return groups()

    monkeypatch.setattr(outbox, "groups", counting)
    site = webtools.site()
    site = replace(site, printer=ExpositionEncoder(outbox, CollectorRegistry()))
    for _ in range(3):
        render(site, "application/openmetrics-text;version=1.0.0", [])
        render(site, "text/plain;version=0.0.4", [])
    assert len(collected) == 2
    store.skip("backlog")
    render(site, "", [])
    assert len(collected) == 3


@pytest.mark.parametrize("encode", [generate_latest, openmetrics.generate_latest])
def test_a_negative_zero_is_not_taken_for_zero(encode):
    """The two are equal, and are written in different ways: neither may stand for the other."""
    store = SnapshotStore([BACKLOG])
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    everything = CollectorRegistry()
    everything.register(outbox)
    printer = ExpositionEncoder(outbox, CollectorRegistry())
    for value in (-0.0, 0.0, 0, -0.0):
        readings = (Reading(catalogue.HEAD_BLOCKED_JOBS, value),)
        store.record(CollectorRun("backlog", CollectorOutcome(readings), 1_700_000_000, monotonic(), 0.01), 15)
        assert printer(encode, "form") == encode(everything)
