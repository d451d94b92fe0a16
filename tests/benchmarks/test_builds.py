"""Our exporter as its image runs it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import builds
from benchmarks.exporters import Contender, ExporterTarget
from tools.dockerfile import read
from tools.image import ROOT, Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """What the Dockerfile says, without the installed files."""
    stage = read(ROOT / "Dockerfile")[-1]
    return Image(tmp_path / "root", stage, {"PATH": "/image/bin", **stage.only("ENV").pairs()})


@pytest.fixture
def target(tmp_path: Path) -> ExporterTarget:
    return ExporterTarget(
        "postgresql://role@127.0.0.1:5432/outbox", "http://127.0.0.1:3000", "http://127.0.0.1:9093", 20_001, tmp_path
    )


def settings(environment: Any) -> dict[str, str]:
    prefix = "OUTBOX_EXPORTER_"
    return {name.removeprefix(prefix): value for name, value in environment.items() if name.startswith(prefix)}


def test_it_runs_as_the_image_does(image, target):
    """The command and the variables of the Dockerfile; of the settings only addresses and directories."""
    alone, watching = (contender.start(target) for contender in builds.contenders("ours", "1", image, ROOT))
    assert alone.command == watching.command == ("outbox-exporter", "serve")
    variables = image.stage.only("ENV").pairs()
    assert {name: alone.environment[name] for name in variables} == variables
    assert variables["PYTHONOPTIMIZE"] == "2"
    assert settings(alone.environment).keys() == {"DATABASE_DSN", "WEB_LISTEN", "APPLICATION_URL", "WATCH_STATE_DIR"}
    assert settings(watching.environment).keys() - settings(alone.environment).keys() == {"ALERTING_ALERTMANAGER_URL"}


def test_each_start_has_empty_directories_of_its_own(image, target):
    """As a new container has."""
    alone, _ = builds.contenders("ours", "1", image, ROOT)
    variables = [alone.start(target).environment for _ in range(2)]
    for name in ("OUTBOX_EXPORTER_WATCH_STATE_DIR", "TMPDIR"):
        directories = {Path(each[name]) for each in variables}
        assert len(directories) == 2
        assert all(directory.is_relative_to(target.directory) for directory in directories)
        assert not any(list(directory.iterdir()) for directory in directories)


def test_the_health_check_is_that_of_the_dockerfile(image):
    """Its command and its interval."""
    alone, watching = builds.contenders("ours", "1", image, ROOT)
    assert alone.shipped
    assert watching.shipped
    assert list(alone.shipped.health_check) == image.health_check()
    assert (alone.shipped.health_interval, alone.shipped.watching, watching.shipped.watching) == (30, False, True)


def test_each_use_has_a_role_of_its_own():
    """Their costs in the database are told apart by it; the names come after those of the application's policies."""
    nothing: Any = SimpleNamespace()
    names = ("outbox-exporter", "outbox-exporter, watch", "80bb9ed")
    roles = [Contender(name, "1", (), nothing).role for name in names]
    assert roles == [
        "outbox_monitor_outbox_exporter",
        "outbox_monitor_outbox_exporter_watch",
        "outbox_monitor_80bb9ed",
    ]


def test_the_python_is_that_of_the_base_image(tmp_path):
    """By the tag of the last stage; another tag is refused."""
    (tmp_path / "Dockerfile").write_text("FROM alpine\nFROM python:3.13.2-slim@sha256:0\n")
    assert builds.base_version(tmp_path) == (3, 13)
    (tmp_path / "Dockerfile").write_text("FROM python:slim\n")
    with pytest.raises(ValueError, match="python:slim"):
        builds.base_version(tmp_path)
