"""What is published: a source distribution and a wheel that works far from the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from exporter.app.status import version
from tests.packaging.image import ROOT

NAME = f"outbox_exporter-{version()}"
# Wings of the house that are packages of their own.
PACKAGES = ("exporter", "alerts", "dashboards")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with both, built from a copy, because building leaves traces."""
    source = tmp_path_factory.mktemp("source") / "project"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "state")
    shutil.copytree(ROOT, source, ignore=ignored)
    _run(sys.executable, "-m", "build", "--quiet", source)
    return source / "dist"


@pytest.fixture(scope="module")
def programs(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a clean virtual environment into which the wheel was installed, with its extra `demo`."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    wheel = distributions / f"{NAME}-py3-none-any.whl"
    python = environment / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", f"{wheel}[demo]")
    return environment / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from the repository, and without anything in the environment that leads to it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PYTHON", "VIRTUAL_ENV", "OUTBOX_EXPORTER", "PG"))]:
        monkeypatch.delenv(name)


def _run(*command: str | Path, timeout: float = 150) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _shipped() -> set[str]:
    """Every file in our packages: modules, SQL, whatever else they read."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    return {str(path.relative_to(ROOT)) for path in found if path.is_file() and path.parent.name != "__pycache__"}


def test_the_wheel_holds_the_packages_and_nothing_else(distributions):
    """Every file in our packages is in it; beside them only what describes it."""
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        inside = set(wheel.namelist())
    described = {name for name in inside if name.startswith(f"{NAME}.dist-info/")}
    assert inside - described == _shipped()
    assert {name.removeprefix(f"{NAME}.dist-info/") for name in described} >= {"METADATA", "licenses/LICENSE"}


def test_the_packages_hold_what_they_read():
    """The kinds of files that are no modules are there at all: statements, set-up, migrations, the mark of types."""
    shipped = _shipped()
    assert "exporter/py.typed" in shipped
    for directory in ("exporter/sql", "exporter/sql/setup", "exporter/lab/sql", "exporter/lab/migrations"):
        assert [name for name in shipped if name.startswith(f"{directory}/") and name.endswith(".sql")], directory


def test_the_source_distribution_builds_the_same(distributions):
    """It holds our packages, the licence and the example configuration, and no tests: some of them would be worse."""
    with tarfile.open(distributions / f"{NAME}.tar.gz") as archive:
        inside = {name.removeprefix(f"{NAME}/") for name in archive.getnames() if "/" in name}
    assert inside >= _shipped()
    assert inside >= {"LICENSE", "README.md", "pyproject.toml", "config.example.yaml"}
    assert not [name for name in inside if name.startswith("tests")]


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_program_knows_its_version(programs):
    """As the project file has it."""
    assert _run(programs / "outbox-exporter", "--version") == f"outbox-exporter {version()}\n"


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_program_checks_a_configuration(programs):
    """The example that comes with the source is valid."""
    shown = _run(programs / "outbox-exporter", "--config", ROOT / "config.example.yaml", "check-config", "--offline")
    assert shown.startswith("ok       configuration\nok       alerts: ")


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_demo_runs(programs):
    """With nothing of the repository at hand, all five signals are known within seconds: status 0."""
    shown = _run(programs / "outbox-exporter", "demo", "--duration", "8s", "--port", "0")
    assert "/metrics" in shown
