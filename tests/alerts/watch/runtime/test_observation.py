"""Ticks of evaluations."""

from __future__ import annotations

import pytest

from alerts.model import Alert, RuleKey, Severity
from alerts.model import State as AlertState
from alerts.watch.model.tick import Cause
from exporter.core.errors import Reason
from exporter.migration.maintenance import FILE as MAINTENANCE
from exporter.migration.maintenance import MaintenanceFile
from tests.alerts.watch.fixtures import HOUR, INTERVAL
from tests.alerts.watch.scenario import WatchScenario, failing, judgement_of


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def test_signals_of_failed_collectors_are_missing(scenario):
    """A lock on one table: its signals are unknown, the gap has its cause, the others go on."""
    scenario.begin()
    scenario.evaluate(5)
    scenario.change = failing(Reason.LOCK, "backlog", "throughput")
    scenario.evaluate(3)
    scenario.change = lambda state: state
    view = scenario.evaluate(5)
    (gap,) = judgement_of(view).gaps
    assert (gap.cause, gap.affects, gap.span.seconds) == (Cause.LOCK, ("backlog", "throughput"), 3 * INTERVAL)
    tick = scenario.ticks()[7]
    assert "outbox:backlog_jobs" not in tick.values
    assert "outbox:drain_time_seconds" not in tick.values
    assert "outbox:app_healthy" in tick.values


def alert(name: str, severity: Severity, *, held: bool = False, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(RuleKey(name, severity), (), state, 0.0, 1.0, 0.0, 0.0, held=held)


def test_alerts_are_recorded(scenario):
    """Those that fire, apart from those held; never the dead-man's switch."""
    scenario.firing = (
        alert("OutboxStalled", Severity.PAGE),
        alert("OutboxStalled", Severity.PAGE),
        alert("OutboxHeadBlocked", Severity.PAGE, held=True),
        alert("OutboxBacklogHigh", Severity.PAGE, state=AlertState.PENDING),
        alert("OutboxWatchdog", Severity.NONE),
    )
    scenario.evaluate()
    (tick,) = scenario.ticks()
    assert (tick.firing, tick.held) == (("OutboxStalled/page",), ("OutboxHeadBlocked/page",))


def test_declared_maintenance_is_recorded_with_its_reason(scenario):
    """From the balance itself; one that cannot be read is unknown."""
    scenario.evaluate()
    MaintenanceFile(scenario.directory).start(scenario.now, HOUR, "rollback")
    scenario.evaluate()
    (scenario.directory / MAINTENANCE).write_text("{")
    scenario.evaluate()
    before, during, torn = scenario.ticks()
    assert (before.maintenance, during.maintenance, torn.maintenance) == (False, True, None)
    assert during.maintenance_reason == "rollback"
