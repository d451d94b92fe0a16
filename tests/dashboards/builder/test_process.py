"""Panels of the process."""

from __future__ import annotations

from dashboards.builder.process import ProcessPanels
from tests.dashboards.builder.made import legends, made, policy

PANELS = ProcessPanels(policy())


def test_resources_are_of_each_replica():
    """In their units."""
    units = {"memory": "bytes", "cpu": "percentunit", "descriptors": "locale", "scrapes": "s"}
    for name, unit in units.items():
        panel = getattr(PANELS, name)()
        assert legends(panel) == ["{{instance}}"]
        assert made(panel)["fieldConfig"]["defaults"]["unit"] == unit


def test_without_a_receiver_the_panels_report_it():
    """Notifications are of each receiver."""
    assert legends(PANELS.waiting()) == ["{{receiver}}"]
    assert legends(PANELS.notified()) == ["{{receiver}}: {{result}}"]
    for panel in (PANELS.waiting(), PANELS.notified()):
        assert made(panel)["fieldConfig"]["defaults"]["noValue"].startswith("No receiver is configured")


def test_replicas_have_versions():
    """By the build information."""
    renamed = made(PANELS.builds())["transformations"][1]["options"]["renameByName"]
    assert list(renamed) == ["job", "instance", "version", "python"]
