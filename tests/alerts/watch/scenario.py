"""A recorder in simulated time: evaluations as the rule manager makes them, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from alerts.model import Evaluation, SampleBlock
from alerts.watch.checks import series, sources
from alerts.watch.clock import WatchTime
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Watch, WatchState
from alerts.watch.runtime.recorder import WatchRecorder, WatchView
from alerts.watch.runtime.watch_manager import WatchFactory
from alerts.watch.store.history import History
from alerts.watch.store.records import WatchRequest
from exporter.config.settings import WatchSettings
from exporter.core.errors import Reason
from exporter.core.types import Seconds
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorFailure, Distribution, Reading, Readings
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from tests.alerts.watch import fixtures

TARGETS = {
    "application": CollectorTarget.APPLICATION,
    "migration": CollectorTarget.CATALOGUE,
    "maintenance": CollectorTarget.STATE_FILE,
}
VERSIONS = ("20251118094238", "20251118095804")

Change = Callable[[CollectorState], CollectorState]


def collectors(
    values: dict[str, float], at: float, now: float, *, registered: bool | None = True
) -> list[CollectorState]:
    """Every collector, fresh, with the readings that these values come from."""
    readings = _readings(values, at, registered)
    found = {
        collector: tuple(reading for reading in readings if reading.metric in metrics)
        for collector, metrics in catalogue.COLLECTORS.items()
    }
    return [
        CollectorState(
            name=name,
            target=TARGETS.get(name, CollectorTarget.DATABASE),
            interval=fixtures.INTERVAL,
            runs=1,
            readings=mine,
            expires=now + 3 * fixtures.INTERVAL,
            success=True,
            succeeded_at=at,
            succeeded=now,
        )
        for name, mine in found.items()
    ]


def _readings(values: dict[str, float], at: float, registered: bool | None) -> Readings:
    plain = [
        Reading(metric, values[name], labels or tuple("2" for _ in metric.labels))
        for name, (metric, labels) in series.SERIES.items()
        if name in values
    ]
    ages = [
        Reading(*sources.AGES[name][0][:1], at - values[name], sources.AGES[name][0][1])
        for name in ("outbox:oldest_open_age_seconds", "outbox:oldest_processed_age_seconds")
        if name in values
    ]
    name, total = series.BUCKETS
    jobs = [
        Distribution(
            catalogue.PROCESSING_TIME, (60.0,), (round(values[name]), round(values[total] - values[name])), 0.0
        )
        for _ in range(name in values)
    ]
    versions = VERSIONS if registered is not None else ()
    known = [Reading(catalogue.MIGRATION_CHECK_OK, bool(registered), (f"register.{version}",)) for version in versions]
    return (*plain, *ages, *jobs, *known, Reading(catalogue.MIGRATION_CHECKS, 0, ("broken",)))


def failing(reason: Reason, *collectors: str) -> Change:
    """These fail, the others do not."""

    def change(state: CollectorState) -> CollectorState:
        if state.name not in collectors:
            return state
        return replace(state, success=False, expires=None, readings=(), problems=(CollectorFailure(reason, "x"),))

    return change


def everything(state: CollectorState) -> bool:
    return state.target is CollectorTarget.DATABASE


_STARTED: list[WatchRecorder] = []


def drop_recorders() -> None:
    """Close the histories of all recorders that have been started, as the end of their process does."""
    while _STARTED:
        _STARTED.pop()._drop()


@dataclass
class WatchScenario:
    """Time, a state directory, and the exporter's runs in it. Units: seconds; `steady` is the boot's clock."""

    directory: Path
    duration: float = 3600.0
    start: str = "manual"
    now: float = fixtures.START
    steady: float = 1000.0
    era: str = "boot-1"
    shown: dict[str, float] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    change: Change = lambda state: state
    registered: bool | None = True
    firing: tuple[object, ...] = ()
    recorder: WatchRecorder | None = None
    factory: WatchFactory | None = None
    take_samples: Callable[[], SampleBlock | None] = lambda: None

    @property
    def moment(self) -> WatchTime:
        return WatchTime(self.now, self.steady, self.era)

    def up(self) -> WatchScenario:
        """The exporter starts."""
        factory = self.factory or fixtures.factory(self.duration)
        settings = WatchSettings(Seconds(self.duration), self.start, self.directory)
        self.recorder = WatchRecorder(settings, factory, take_samples=self._take)
        _STARTED.append(self.recorder)
        return self

    def _take(self) -> SampleBlock | None:
        return self.take_samples()

    def down(self, *, kill: bool = False) -> WatchScenario:
        """The process ends, cleanly or not: without a clean end nothing is written to the history."""
        assert self.recorder is not None
        if kill:
            self.recorder._drop()
        else:
            self.recorder.close(self.moment)
        self.recorder = None
        return self

    def wait(self, seconds: float) -> WatchScenario:
        """Time passes."""
        self.now += seconds
        self.steady += seconds
        return self

    def step(self, seconds: float) -> WatchScenario:
        """Set the wall clock."""
        self.now += seconds
        return self

    def boot(self, seconds: float = 60.0) -> WatchScenario:
        """The machine starts again."""
        self.now, self.steady, self.era = self.now + seconds, 5.0, f"{self.era}'"
        return self

    def evaluate(self, count: int = 1) -> WatchView:
        """So many evaluations, an interval apart."""
        assert self.recorder is not None
        for _ in range(count):
            self.wait(fixtures.INTERVAL)
            self.recorder.observe(*self.evaluated(), self.moment, self.steady)
        return self.recorder.view

    def evaluated(self) -> tuple[Evaluation, list[CollectorState]]:
        elapsed = self.now - fixtures.START
        values = {
            **fixtures.values(elapsed, self.now),
            **{f"outbox:{name}": value for name, value in self.shown.items()},
        }
        states = [self.change(each) for each in collectors(values, self.now, self.steady, registered=self.registered)]
        signals = {
            name: value for name, value in values.items() if name.startswith("outbox:") and name not in self.hidden
        }
        return Evaluation(self.now, signals, tuple(self.firing), ()), states  # type: ignore[arg-type] # alerts

    def ask(self, action: str, reason: str = "") -> WatchRequest:
        """A request of a command, answered between two evaluations."""
        with History.client(self.directory) as opened:
            opened.put(77, WatchRequest(action, self.now, reason))
        assert self.recorder is not None
        self.recorder.process_requests(self.moment)
        with self.read() as opened:
            answer = opened.get(WatchRequest, 77)
        assert answer is not None
        return answer

    def begin(self) -> WatchView:
        """`watch start`, after the first tick."""
        self.evaluate()
        assert self.ask("start").granted
        assert self.recorder is not None
        return self.recorder.view

    def read(self) -> History:
        return History.reader(self.directory)

    def ticks(self) -> list[Tick]:
        with self.read() as opened:
            return list(opened.ticks(-1))

    def watches(self) -> list[Watch]:
        with self.read() as opened:
            return list(opened.all(Watch).values())


def states_of(watches: Iterable[Watch]) -> list[WatchState]:
    return [watch.state for watch in watches]


def judgement_of(view: WatchView) -> Judgement:
    assert view.judgement is not None
    return view.judgement
