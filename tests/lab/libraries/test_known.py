"""The libraries that the lab can run."""

import tomllib
from pathlib import Path

import pytest

from exporter.lab.libraries import known
from exporter.outbox import profiles

ROOT = Path(__file__).parents[3]


def test_the_extra_has_the_version_of_the_profile():
    """Of every library, and no other."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    pinned = [each.split("==") for each in extras["demo-profiles"] if "==" in each]
    assert {name.split("[")[0]: version for name, version in pinned} == {
        name: profiles.load(name).version for name in known.NAMES
    }


def test_missing_packages(monkeypatch):
    """Those that are not installed; an unknown library has none to ask for."""
    assert [known.missing_packages(name) for name in known.NAMES] == [[], [], [], []]
    monkeypatch.setattr(known, "find_spec", {"stomp": None, "django_outbox_pattern": object()}.get)
    assert known.missing_packages("django-outbox-pattern") == ["stomp"]
    with pytest.raises(KeyError):
        known.missing_packages("pg-boss")


def test_load():
    """An object of the library's class."""
    assert type(known.load("procrastinate", "host=nowhere")).__name__ == "ProcrastinateLibrary"
