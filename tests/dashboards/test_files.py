"""The files of the dashboards are there, and no others."""

from pathlib import Path

from dashboards.builder.build import HERE
from dashboards.files import DASHBOARDS, OTHER_PANELS


def test_every_file_has_a_name():
    """Of the folder and those below."""
    assert {path.relative_to(HERE) for path in HERE.rglob("*.json")} == {*map(Path, DASHBOARDS), OTHER_PANELS}
    assert DASHBOARDS == ("outbox-overview.json", "migration-watch.json", "exporter-health.json")
