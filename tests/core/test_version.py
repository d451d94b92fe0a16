"""The version."""

import tomllib
from pathlib import Path

from exporter.core.version import version


def test_it_is_that_of_the_project():
    """pyproject.toml states it."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert version() == project["version"]
