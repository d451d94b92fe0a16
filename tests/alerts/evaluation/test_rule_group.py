"""The shipped policy on outboxes with faults: clock steps, restarts, bounded storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

import pytest

from alerts.evaluation.clock import MonitoredClock
from alerts.evaluation.rule_group import RuleGroup
from alerts.evaluation.state_file import StateFile
from alerts.model import Change, Evaluation, RuleKey, Severity, State
from alerts.policy.load import load_policy
from alerts.promql.engine import Engine
from alerts.promql.storage import Series
from tests.alerts.faulty import (
    FAULTS,
    FaultyOutbox,
    flood,
    healthy,
    initialisations_fail,
    neglected,
    poisoned,
    rows_not_visible,
    stalled,
)
from tests.alerts.promql.random_scrapes import labelled

# Longer than usual: the same hours in fewer evaluations.
INTERVAL: Final = 30.0
EPOCH: Final = 1.7e9
POLICY: Final = load_policy()
WATCHDOG: Final = RuleKey("OutboxWatchdog", Severity.NONE)
NEVER: Final = 1_000_000


@dataclass(slots=True)
class Simulation:
    """An outbox and its rule group; `exporter` and `database` are the offsets of their clocks, seconds."""

    fault: Callable[[FaultyOutbox], None] = healthy
    begins: int = NEVER
    ends: int = NEVER
    exporter: float = 0.0
    database: float = 0.0
    ticks: int = 0
    rule_group: RuleGroup = field(default_factory=lambda: RuleGroup(POLICY))
    evaluations: list[Evaluation] = field(default_factory=list)
    outbox: FaultyOutbox = field(init=False)
    clock: MonitoredClock = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = FaultyOutbox(self.fault, self.begins, self.ends, pace=1.0, born=EPOCH)
        self.begin_anew()

    @property
    def true(self) -> float:
        return self.ticks * INTERVAL

    def begin_anew(self) -> None:
        """The process of the exporter starts."""
        self.clock = MonitoredClock(lambda: EPOCH + self.true + self.exporter, lambda: self.true)

    def live(self, ticks: int) -> Simulation:
        """Goes on for so long."""
        for _ in range(ticks):
            self.ticks += 1
            shown = self.outbox.tick(EPOCH + self.true + self.database, EPOCH + self.true + self.exporter)
            samples = [(metric, labelled(**labels, job=POLICY.job), value) for metric, labels, value in shown]
            self.evaluations.append(self.rule_group.evaluate(self.clock.now(), samples, self.outbox.fresh))
        return self

    @property
    def series(self) -> tuple[Series, ...]:
        """The stored series."""
        return self.rule_group.state(0.0).series

    @property
    def outcomes(self) -> list[tuple[RuleKey, Change]]:
        """Alerts that fired and were resolved, in order; pending alerts that were dropped are left out."""
        return [
            (transition.alert.key, transition.change)
            for evaluation in self.evaluations
            for transition in evaluation.transitions
            if transition.change in (Change.FIRING, Change.RESOLVED) and transition.alert.key != WATCHDOG
        ]


def step_for_a_minute(simulation: Simulation, seconds: float) -> None:
    """The exporter's clock is set, and set right again."""
    simulation.exporter += seconds
    simulation.live(4)
    simulation.exporter -= seconds


def step_for_good(simulation: Simulation, seconds: float) -> None:
    """The clock of the machine is set, on which exporter and database run."""
    simulation.exporter += seconds
    simulation.database += seconds


def step_apart(simulation: Simulation, seconds: float) -> None:
    """The exporter's clock is set and the database's is not."""
    simulation.exporter += seconds


def step_back_and_forth(simulation: Simulation, seconds: float) -> None:
    """The clock is set several times."""
    for _ in range(5):
        step_for_a_minute(simulation, seconds)
        simulation.live(10)
        step_for_a_minute(simulation, -seconds)


# Twenty minutes after the step include the uncertain period; an hour more lets the clock catch up.
SOON, LATER = 60 + 60, 60 + 170


@cache
def undisturbed(fault: Callable[[FaultyOutbox], None], ticks: int) -> Simulation:
    """The same outbox without clock steps."""
    return Simulation(fault, begins=20).live(ticks)


@pytest.mark.parametrize("fault", FAULTS)
def test_shared_subexpressions_change_no_result(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[FaultyOutbox], None]
) -> None:
    """The rules share results of subexpressions: through faults, clock steps and restarts, nothing else changes."""
    sharing = eventful(fault)
    monkeypatch.setattr(Engine, "_once", lambda _self, _expression, make: make())
    assert sharing.evaluations == eventful(fault).evaluations
    assert any(evaluation.transitions for evaluation in sharing.evaluations)


def eventful(fault: Callable[[FaultyOutbox], None]) -> Simulation:
    """A fault comes and goes, the clock is set, and the rule group restarts with the saved state."""
    simulation = Simulation(fault, begins=15, ends=60).live(40)
    step_for_a_minute(simulation, 3600.0)
    kept = simulation.rule_group.state(simulation.evaluations[-1].at)
    simulation.begin_anew()
    simulation.rule_group = RuleGroup(POLICY)
    simulation.rule_group.restore(kept, EPOCH + simulation.true)
    return simulation.live(50)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
@pytest.mark.parametrize(
    ("fault", "ticks", "step"),
    [
        *product([healthy], [SOON], [step_for_a_minute, step_for_good, step_apart, step_back_and_forth]),
        *product([stalled], [LATER], [step_for_a_minute, step_for_good, step_apart, step_back_and_forth]),
        (initialisations_fail, SOON, step_for_good),
    ],
)
def test_a_clock_that_is_set_fires_and_resolves_nothing(
    fault: Callable[[FaultyOutbox], None], ticks: int, seconds: float, step: Callable[[Simulation, float], None]
) -> None:
    """A clock step of an hour, during a fault or without one, changes no alert."""
    disturbed = Simulation(fault, begins=20).live(60)
    assert bool(disturbed.outcomes) is (fault is not healthy)
    step(disturbed, seconds)
    disturbed.live(ticks - disturbed.ticks)
    assert sorted(disturbed.outcomes) == sorted(undisturbed(fault, ticks).outcomes)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_fault_after_the_step_is_noticed(seconds: float) -> None:
    """By ages once the doubt is over, and by counters at once."""
    simulation = Simulation(stalled, begins=50).live(40)
    simulation.exporter = simulation.database = seconds
    simulation.live(50)
    assert (RuleKey("OutboxStalled", Severity.PAGE), Change.FIRING) in simulation.outcomes
    simulation = Simulation(initialisations_fail, begins=41).live(40)
    simulation.exporter = simulation.database = seconds
    simulation.live(9)
    assert (RuleKey("OutboxFsmFailureRateHigh", Severity.PAGE), Change.FIRING) in simulation.outcomes


def restarts(random: Random) -> Iterator[int]:
    """The number of scrapes until each restart."""
    while True:
        yield random.randint(1, 20)


@pytest.mark.parametrize("fault", [stalled, initialisations_fail, rows_not_visible, neglected])
def test_a_restart_changes_nothing(fault: Callable[[FaultyOutbox], None], tmp_path: Path) -> None:
    """With the saved state, every signal and every alert is the same as without a restart.

    The time between two processes does not count, so a pending alert fires one interval later for each restart.
    """
    whole = Simulation(fault, begins=20, ends=60).live(90)
    broken = Simulation(fault, begins=20, ends=60)
    kept, often = StateFile(tmp_path), restarts(Random(fault.__name__))
    while broken.ticks < whole.ticks:
        broken.live(min(next(often), whole.ticks - broken.ticks))
        kept.save(broken.rule_group.state(broken.evaluations[-1].at))
        broken.rule_group, restored = RuleGroup(POLICY), kept.load()
        assert restored is not None
        broken.rule_group.restore(restored, EPOCH + broken.true + 1.0)
        broken.begin_anew()
    for one, other in zip(broken.evaluations, whole.evaluations, strict=True):
        assert one.signals == pytest.approx(other.signals, rel=1e-12)
    assert sorted(broken.outcomes) == sorted(whole.outcomes)


def test_a_state_saved_before_the_clock_was_set_back() -> None:
    """A state saved in the future counts as saved just now."""
    old = Simulation(flood, begins=20).live(60)
    kept = old.rule_group.state(old.evaluations[-1].at)
    new = Simulation(flood, begins=20, exporter=-7200.0)
    new.rule_group.restore(kept, EPOCH + old.true - 7200.0)
    new.outbox, new.ticks = old.outbox, old.ticks
    firing = {alert.key for alert in old.evaluations[-1].firing}
    first = new.live(1).evaluations[-1]
    assert (not first.transitions, {alert.key for alert in first.firing}) == (True, firing)
    assert new.evaluations[-1].signals["outbox:completed_jobs:increase5m"] > 0


def test_nothing_is_known_before_all_collectors_have_run() -> None:
    """Existing alerts are held then, and no alert begins."""
    simulation = Simulation(stalled, begins=20).live(60)
    before = simulation.evaluations[-1]
    simulation.ticks += 1
    evaluation = simulation.rule_group.evaluate(simulation.clock.now(), [], None)
    assert [(alert.key, alert.held) for alert in evaluation.alerts] == [(alert.key, True) for alert in before.alerts]
    assert not evaluation.transitions


def test_a_suspended_machine_fires_nothing_on_resume() -> None:
    """Time without evaluations does not count towards the for-duration."""
    simulation = Simulation(neglected, begins=20).live(22)
    assert any(alert.state is State.PENDING for alert in simulation.evaluations[-1].alerts)
    simulation.ticks += 40
    simulation.live(1)
    assert not [key for key, change in simulation.outcomes if key.alert == "OutboxJobsExhausted"]


def test_a_cause_mutes_its_effects() -> None:
    """A blocked head mutes the alerts about stalling and backlog; the watchdog is never muted."""
    muted = {alert.key.alert: alert.muted for alert in Simulation(poisoned, begins=20).live(60).evaluations[-1].alerts}
    assert muted["OutboxHeadBlocked"] in (True, False)
    assert muted["OutboxStalled"]
    assert not muted["OutboxWatchdog"]


def test_the_storage_is_bounded() -> None:
    """Once the longest window is full, there are no more samples, however long it goes on."""
    simulation = Simulation(rule_group=RuleGroup(load_policy(time_scale=0.008)))
    points = [sum(len(series.times) for series in simulation.live(ticks).series) for ticks in (150, 150)]
    assert points[0] == points[1] < 10_000


def taken(of: Simulation) -> list[tuple[int, int]]:
    """The times of the samples that were not taken yet, in seconds since EPOCH: the first and the number of them."""
    block = of.rule_group.take_samples()
    return [] if block is None else [(round(block.times[0] / 1000 - EPOCH), len(block.times))]


def test_samples_are_taken_once() -> None:
    """Raw ones alone; a series that no rule reads here but Prometheus' do is among them."""
    simulation = Simulation()
    simulation.live(4)
    block = simulation.rule_group.take_samples()
    assert block is not None
    metrics = {metric for metric, _ in block.columns}
    assert {"outbox_pending_jobs", "outbox_up"} <= metrics
    assert not [metric for metric in metrics if metric.startswith("outbox:")]
    assert len(block.times) == 4
    assert simulation.rule_group.take_samples() is None
    simulation.live(2)
    assert [count for _, count in taken(simulation)] == [2]


def test_samples_move_with_the_clock() -> None:
    """When it was set, those that were taken are not taken again, and the others are not lost."""
    for seconds in (3600.0, -3600.0):
        simulation = Simulation()
        simulation.live(3)
        assert taken(simulation)
        simulation.exporter += seconds
        simulation.live(2)
        assert [count for _, count in taken(simulation)] == [2]


def test_restored_samples_are_not_taken() -> None:
    """The history has them already."""
    before, after = Simulation(), Simulation()
    before.live(5)
    after.rule_group.restore(before.rule_group.state(EPOCH + 1e3), EPOCH + 1e3 + 1)
    assert after.rule_group.take_samples() is None
