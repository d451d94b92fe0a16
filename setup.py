"""Adds the repository's examples to the wheel; pyproject.toml has everything else.

`outbox-exporter files` gives them to those who have no clone. They are at the root, where readers of the repository
look for them, and a package can contain only what is below its own folder.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithExamples(build_py):
    """Copies them into the package `exporter`, where exporter/commands/files.py looks for them."""

    def run(self) -> None:
        """Build the packages, then add the files. An editable installation reads the repository itself."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "exporter" / "repository"
            target.mkdir(exist_ok=True)
            shutil.copy(ROOT / "config.example.yaml", target)
            # Those for Docker Compose belong to compose.yaml, which builds its images from a clone.
            ignored = shutil.ignore_patterns("compose", "__pycache__")
            shutil.copytree(ROOT / "examples", target / "examples", ignore=ignored, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithExamples})
