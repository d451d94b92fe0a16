"""Watches that begin automatically."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.watch import WatchState
from exporter.metrics.readings import DatabaseServer
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import HOUR, INTERVAL
from tests.alerts.watch.scenario import WatchScenario, states_of

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def standby(state: CollectorState) -> CollectorState:
    """A fresh standby serves all queries."""
    asks = state.target is not CollectorTarget.APPLICATION
    return replace(state, server=DatabaseServer(in_recovery=True, address="10.0.0.8:5432", lag=0.5)) if asks else state


def test_applied_versions_of_a_standby_begin_no_watch(tmp_path):
    """The registered migration may have been rolled back; a message explains how to begin."""
    scenario = WatchScenario(tmp_path, start="migration", registered=True).up()
    scenario.change = standby
    view = scenario.evaluate(3)
    assert view.state is WatchState.WAITING
    assert view.waiting_for == (
        "supabase_migrations.schema_migrations is read from a standby: start the watch by hand, "
        "outbox-exporter watch start"
    )
    scenario.change = lambda state: state
    assert scenario.evaluate().state is WatchState.RUNNING


def test_the_migration_begins_a_watch(tmp_path):
    """When its versions are first registered; once."""
    scenario = WatchScenario(tmp_path, start="migration", registered=False).up()
    view = scenario.evaluate(3)
    assert (view.state, view.waiting_for) == (
        WatchState.WAITING,
        "the migration's versions in supabase_migrations.schema_migrations",
    )
    scenario.registered = True
    view = scenario.evaluate()
    assert view.watch is not None
    assert (view.state, view.watch.begun_by) == (WatchState.RUNNING, "migration")
    scenario.evaluate(MINUTES + 1)
    scenario.down()
    scenario.up().evaluate(10)
    assert len(scenario.watches()) == 1


def test_versions_applied_before_the_start_begin_a_watch(tmp_path):
    """The exporter is often installed together with the migration."""
    assert WatchScenario(tmp_path, start="migration").up().evaluate().state is WatchState.RUNNING


def test_rolled_back_and_applied_again_it_begins_again(tmp_path):
    """Through a restart in between, too."""
    scenario = WatchScenario(tmp_path, start="migration").up()
    scenario.evaluate(MINUTES + 2)
    scenario.registered = False
    scenario.evaluate(2)
    scenario.down().up()
    scenario.registered = True
    scenario.evaluate()
    assert states_of(scenario.watches()) == [WatchState.PASSED, WatchState.RUNNING]


def test_versions_that_are_not_visible_begin_no_watch(tmp_path):
    """Unknown is neither applied nor not."""
    scenario = WatchScenario(tmp_path, start="migration", registered=None).up()
    view = scenario.evaluate(3)
    assert view.state is WatchState.WAITING
    assert "is not visible: start the watch by hand" in view.waiting_for


@pytest.mark.parametrize(("late", "begins"), [(-60, False), (0, True), (1800, True), (3700, False)])
def test_a_time_begins_a_watch(tmp_path, late, begins):
    """At that time, or a little later if the exporter was down; not when it would be over."""
    scenario = WatchScenario(tmp_path, start="2025-11-18T10:01:00Z", now=fixtures.START + late).up()
    view = scenario.evaluate()
    assert (view.state is WatchState.RUNNING) == begins
    if begins:
        scenario.evaluate(MINUTES + 2)
        assert len(scenario.watches()) == 1
