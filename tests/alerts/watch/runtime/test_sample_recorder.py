"""Samples are recorded in blocks, with the list of their series, and deleted after a week."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest

from alerts.model import SampleBlock
from alerts.watch.runtime import sample_recorder
from alerts.watch.store.samples import SeriesList
from tests.alerts.watch.fixtures import HOUR, INTERVAL
from tests.alerts.watch.scenario import WatchScenario

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


class Samples:
    """Blocks of one scrape at the present, of the series that are named."""

    def __init__(self, scenario: WatchScenario, *metrics: str) -> None:
        self.scenario, self.metrics, self.taken = scenario, list(metrics), 0

    def take(self) -> SampleBlock:
        self.taken += 1
        times = array("q", [round(self.scenario.now * 1000)])
        return SampleBlock(times, {(metric, ()): array("d", [float(self.taken)]) for metric in self.metrics})

    def recorded(self) -> list[SampleBlock]:
        with self.scenario.read() as opened:
            opened.check()
            return [block for _, block in opened.samples(-1e9)]


def test_samples_are_recorded_every_few_minutes(scenario):
    """With the tick of that time, before, in and after a watch, and when the exporter stops."""
    samples = Samples(scenario, "a", "b")
    scenario.take_samples = samples.take
    scenario.evaluate(10)
    times = [each.times[0] for each in samples.recorded()]
    assert [after - before for before, after in pairwise(times)] == [240_000, 240_000]
    scenario.down()
    assert [each.times[0] for each in samples.recorded()][-1] == round(scenario.now * 1000)
    scenario.up().begin()
    scenario.evaluate(8)
    assert len(samples.recorded()) == samples.taken == 7


def test_new_series_are_recorded(scenario):
    """The list of series grows with them; it begins anew when most of them are gone."""
    samples = Samples(scenario, "a")
    scenario.take_samples = samples.take
    for metrics in (["a"], ["b", "a"], ["a"], ["c", "d"], ["a", "b", "c", "d", "e"]):
        samples.metrics = metrics
        scenario.evaluate(4)
    assert [sorted(name for name, _ in each.columns) for each in samples.recorded()] == [
        ["a"], ["a", "b"], ["a"], ["c", "d"], ["a", "b", "c", "d", "e"],
    ]  # fmt: skip
    with scenario.read() as opened:
        lists = [[name for name, _ in each.series()] for each in opened.all(SeriesList).values()]
    assert lists == [["a"], ["a", "b"], ["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]]


def test_samples_of_a_week_are_kept(scenario, monkeypatch):
    """Older ones are deleted once an hour."""
    monkeypatch.setattr(sample_recorder, "RETAINED", 2 * HOUR)
    samples = Samples(scenario, "a")
    scenario.take_samples = samples.take
    scenario.evaluate(5 * MINUTES)
    times = [each.times[0] for each in samples.recorded()]
    assert 2 * HOUR * 1000 <= times[-1] - times[0] <= 3 * HOUR * 1000


def test_samples_have_their_place_on_the_time_line(scenario):
    """It goes on over a step of the clock, which a reader notices by it."""
    samples = Samples(scenario, "a")
    scenario.take_samples = samples.take
    scenario.evaluate(1)
    scenario.step(HOUR)
    scenario.evaluate(5)
    with scenario.read() as opened:
        (before, first), (after, second), *_ = opened.samples(-1e9)
    assert after - before == 240
    assert second.times[0] - first.times[0] == (240 + HOUR) * 1000
