"""A watch names what changed before a breach: on a real PostgreSQL, and for the exporter and the application."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from alerts.model import Evaluation
from alerts.watch import clock
from alerts.watch.analysis.archive import WatchRecord, latest, load_watch
from alerts.watch.report import WatchReport, markdown
from alerts.watch.runtime.recorder import WatchRecorder
from alerts.watch.store.history import History
from alerts.watch.store.records import WatchRequest
from exporter.config.settings import Config, DatabaseSettings, WatchSettings
from exporter.core.errors import Reason
from exporter.core.types import Seconds, Secret
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState
from exporter.migration.maintenance import MaintenanceFile
from exporter.sampling.collector_set import CollectorSet
from exporter.sampling.run import run_once
from tests.alerts.watch import fixtures
from tests.alerts.watch.scenario import WatchScenario, failing
from tests.postgres import Database


def report_of(directory: Path, now: clock.WatchTime) -> tuple[WatchRecord, str]:
    with History.reader(directory) as history:
        watch = latest(history)
        assert watch
        record = load_watch(history, watch, now)
    made = WatchReport(record.watch, record.judgement, record.ticks, now.at, "1", changes=record.changes)
    return record, markdown(made).replace("\\", "")


def kinds(record: WatchRecord) -> list[str]:
    return [change.kind.value for change in record.changes]


@dataclass
class WatchedServer:
    """A watch on a real server, sampled and evaluated when a test says so, in real time."""

    database: Database
    directory: Path

    def __post_init__(self) -> None:
        settings = DatabaseSettings(dsn=Secret(self.database.dsn()), lock_timeout=Seconds(0.05))
        self.collectors = CollectorSet(Config(settings, watch=WatchSettings(state_dir=self.directory)))
        self.recorder = WatchRecorder(WatchSettings(Seconds(3600), "manual", self.directory), fixtures.factory(3600.0))

    def observe(self, backlog: float = 5.0) -> None:
        """Sample what changes show in, and evaluate with this backlog."""
        for entry in self.collectors._entries:
            if entry.collector.name in ("backlog", "migration"):
                self.collectors.store.record(run_once(entry.collector), entry.interval)
        now = clock.now()
        evaluation = Evaluation(now.at, {"outbox:backlog_jobs": backlog}, (), ())
        self.recorder.observe(evaluation, self.collectors.store.states(), now, time.monotonic())

    def breach_after(self, change: Callable[[], object]) -> None:
        """A good evaluation, the change, and a breach."""
        self.observe()
        change()
        self.observe(5000.0)

    def begin(self) -> None:
        self.observe()
        with History.client(self.directory) as history:
            history.put(1, WatchRequest("start", time.time()))
        self.recorder.process_requests()


@pytest.fixture
def watched(database, standby, tmp_path):
    server = WatchedServer(Database(standby, database.name), tmp_path)
    server.collectors.database.open()
    yield server
    server.recorder.close()
    server.collectors.database.close()


def test_changes_of_a_real_server(watched, standby):
    """Each kind is named before the breach that followed it, with its object. None in the quiet time before."""
    database = watched.database
    watched.begin()
    for _ in range(3):
        watched.observe()
    record, text = report_of(watched.directory, clock.now())
    assert (record.changes, "## Changes" in text, "Before the breaches" in text) == ((), False, False)

    watched.breach_after(standby.promote)
    watched.breach_after(lambda: database.execute("CREATE INDEX mine ON job_outbox (created_at)"))
    watched.breach_after(lambda: _set(database, "autovacuum_naptime = '77s'"))
    with database.connect(autocommit=False) as connection:
        watched.breach_after(lambda: connection.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE"))
    watched.observe(5000.0)  # before, the backlog was unknown
    watched.breach_after(standby.restart)

    record, text = report_of(watched.directory, clock.now())
    assert kinds(record) == ["failover", "definition", "setting", "lock", "server_restart"]
    assert len(next(each for each in record.judgement.results if each.check.name == "backlog").breaches) == 5
    (breaches,) = [part for part in text.split("## ") if part.startswith("Before the breaches")]
    of_backlog = [line for line in breaches.splitlines() if line.startswith("| The backlog is not critical |")]
    for line, words in zip(
        of_backlog,
        (
            "the standby was promoted to primary",
            "definitions changed: index mine created",
            "server settings changed: autovacuum_naptime",
            "a lock on a table made samples fail (backlog",
            "PostgreSQL was restarted",
        ),
        strict=True,
    ):
        assert words in line
    assert "77" not in "".join(change.text for change in record.changes)


def _set(database: Database, setting: str) -> None:
    database.execute(f"ALTER SYSTEM SET {setting}")
    database.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    while database.value("SELECT current_setting('autovacuum_naptime')") != "77s":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def restarted(state: CollectorState) -> CollectorState:
    """The application's counters begin at 0 again."""
    readings = (replace(each, value=0.0) if isinstance(each, Reading) else each for each in state.readings)
    return replace(state, readings=tuple(readings)) if state.name == "application" else state


def test_changes_of_the_exporter_and_the_application(tmp_path):
    """Also over restarts of the exporter: each one once, in the order of time."""
    world = WatchScenario(tmp_path, factory=replace(fixtures.factory(3600.0), process_at=1.0)).up()
    world.begin()
    world.evaluate(3)

    def start(version: str, process_at: float) -> None:
        world.down().wait(5.0)
        world.factory = replace(fixtures.factory(3600.0), version=version, process_at=process_at)
        world.up().evaluate(2)

    start("1.2.3", 1.0)
    start("1.2.3", 2.0)
    start("1.2.4", 3.0)
    world.step(60.0).evaluate(2)
    world.change = failing(Reason.LOCK, "backlog")
    world.evaluate(2)
    world.change = restarted
    world.evaluate(2)
    MaintenanceFile(tmp_path).start(world.now, 3600.0, "drill")
    world.shown = {"head_blocked_jobs": 100.0}  # maintenance does not excuse it
    world.evaluate(2)
    record, text = report_of(tmp_path, world.moment)
    assert kinds(record) == [
        *("reload", "exporter_restart", "exporter_upgrade"),
        *("clock_step", "lock", "application_restart", "maintenance"),
    ]
    upgrade = record.changes[2]
    assert upgrade.text == "the exporter's version changed from 1.2.3 to 1.2.4"
    assert upgrade.latest - upgrade.earliest == 65
    assert world.recorder
    assert [change.kind for change in world.recorder.view.changes] == [change.kind for change in record.changes]
    assert "maintenance was declared (drill) at the same time" in text
