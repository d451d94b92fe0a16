"""Declared maintenance as readings and log lines, without a database."""

from __future__ import annotations

import logging

import pytest

from exporter.collectors.maintenance import MaintenanceCollector, readings
from exporter.core.errors import Locked, Reason
from exporter.migration.maintenance import MaintenanceFile, MaintenanceWindow
from tests.collectors.fake_database import NOW, FakeClient, FakeSession, values

WINDOW = MaintenanceWindow(1000.0, 2000.0, "rollback")


@pytest.mark.parametrize(("now", "active"), [(1000.0, 1), (1999.9, 1), (2000.0, 0), (5000.0, 0)])
def test_an_overrun_declaration_is_no_longer_active(now, active):
    """Its declared end stays visible."""
    assert values(readings(WINDOW, now)) == {
        ("outbox_maintenance_active",): active,
        ("outbox_maintenance_declared_end_timestamp_seconds",): 2000.0,
    }


class Declared(MaintenanceFile):
    """A file with this declaration, or none."""

    def __init__(self, window: MaintenanceWindow | None) -> None:
        self.window = window

    def current(self) -> MaintenanceWindow | None:
        return self.window


def test_each_event_is_logged_once_per_declaration(caplog):
    """Declared, processor runs, overrun, ended; an extended declaration may overrun again."""
    caplog.set_level(logging.INFO)
    declared, clock = Declared(WINDOW), [1500.0]
    session = FakeSession({"migration/completed_since": {"last": 1800.0}})
    collector = MaintenanceCollector(FakeClient(session), declared, lambda: clock[0])

    def logged() -> list[str]:
        caplog.clear()
        for _ in range(2):
            assert collector.collect().failures == ()
        return [record.getMessage() for record in caplog.records]

    assert logged() == ["maintenance declared", "processor runs during maintenance"]
    clock[0] = 2000.0
    assert logged() == ["maintenance overruns"]
    declared.window = MaintenanceWindow(1000.0, 3000.0, "rollback")
    clock[0] = 3000.0
    assert logged() == ["maintenance overruns", "processor runs during maintenance"]
    declared.window = None
    assert logged() == ["maintenance ended"]


def test_completions_of_a_batch_under_way_are_no_sign_of_a_running_processor():
    """One batch may take 150 s."""
    session = FakeSession({"migration/completed_since": {"last": None}})
    outcome = MaintenanceCollector(FakeClient(session), Declared(WINDOW), lambda: 1500.0).collect()
    assert values(outcome.readings)["outbox_maintenance_active",] == 1
    assert session.parameters("migration/completed_since") == [{"since": 1150.0, "latest": NOW + 86_400}]


def test_an_unreachable_database_is_a_failure_beside_the_readings():
    """The declaration of maintenance is a file. Without one the database is not queried."""
    client = FakeClient(error=Locked("in use"))
    outcome = MaintenanceCollector(client, Declared(WINDOW), lambda: 1500.0).collect()
    assert values(outcome.readings)["outbox_maintenance_active",] == 1
    assert [(failure.reason, failure.message) for failure in outcome.failures] == [(Reason.LOCK, "in use")]
    idle = MaintenanceCollector(client, Declared(None)).collect()
    assert (values(idle.readings), idle.failures) == ({("outbox_maintenance_active",): 0}, ())
    assert len(client.sampled) == 1
