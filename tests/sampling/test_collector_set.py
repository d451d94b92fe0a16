"""One configuration becomes collectors, their order and their targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.settings import ApplicationSettings, Config, DatabaseSettings, SamplingSettings, WatchSettings
from exporter.core.errors import Reason
from exporter.core.types import Seconds, Secret, Url
from exporter.metrics.snapshot import CollectorTarget
from exporter.sampling.collector_set import CollectorSet

DATABASE_COLLECTORS = ["backlog", "throughput", "last_hour", "events", "idempotency"]


def collectors(tmp_path: Path, *, application: bool = True) -> CollectorSet:
    """For a database and an application without a server."""
    settings = ApplicationSettings(Url("http://127.0.0.1:1/trpc"), timeout=Seconds(1)) if application else None
    config = Config(
        database=DatabaseSettings(dsn=Secret("postgresql://u@127.0.0.1:1/x"), connect_timeout=Seconds(1)),
        application=settings,
        sampling=SamplingSettings(interval=Seconds(30)),
        watch=WatchSettings(state_dir=tmp_path),
    )
    return CollectorSet(config)


def test_critical_collectors_come_first_and_maintenance_next(tmp_path):
    """Informational ones may take long, so they come later; each has the sampling interval but migration and tables."""
    states = collectors(tmp_path).store.states()
    assert [(state.name, state.target, state.interval) for state in states] == [
        ("backlog", CollectorTarget.DATABASE, 30),
        ("throughput", CollectorTarget.DATABASE, 30),
        ("maintenance", CollectorTarget.STATE_FILE, 30),
        ("last_hour", CollectorTarget.DATABASE, 30),
        ("events", CollectorTarget.DATABASE, 30),
        ("idempotency", CollectorTarget.DATABASE, 30),
        ("migration", CollectorTarget.CATALOGUE, 600),
        ("tables", CollectorTarget.CATALOGUE, 600),
        ("application", CollectorTarget.APPLICATION, 30),
    ]


def test_without_an_application_there_is_no_collector_of_it(tmp_path):
    """The database collectors are the same."""
    found = collectors(tmp_path, application=False)
    assert "application" not in [state.name for state in found.store.states()]
    assert [collector.name for collector in found.database_collectors] == DATABASE_COLLECTORS


def test_the_labels_that_come_from_the_database_are_bounded(tmp_path):
    """Documented sources keep their names, however many others there are."""
    labels = collectors(tmp_path).labels.by_name()
    assert sorted(labels) == ["event", "queue", "source"]
    for number in range(50):
        labels["source"](f"s{number}")
    assert [labels["source"](name) for name in ("API", "QUEUE", "WORKER", "late")] == [
        "API",
        "QUEUE",
        "WORKER",
        "other",
    ]


@pytest.mark.filterwarnings("default")
def test_every_collector_is_sampled_once_and_each_failure_is_recorded(tmp_path):
    """An unreachable database fails its collectors; the state file answers all the same."""
    found = collectors(tmp_path)
    found.sample_once()
    states = {state.name: state for state in found.store.states()}
    assert {state.runs for state in states.values()} == {1}
    for name in (*DATABASE_COLLECTORS, "migration", "tables"):
        assert [failure.reason for failure in states[name].problems] == [Reason.CONNECTION]
        assert states[name].readings == ()
    assert states["maintenance"].success
    assert {failure.reason for failure in states["application"].problems} == {Reason.CONNECTION}
