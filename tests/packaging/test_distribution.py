"""The source distribution, and the wheel, which works without the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from exporter.core.version import version
from tools.image import ROOT

NAME = f"outbox_exporter-{version()}"
# The top-level packages of the wheel.
PACKAGES = ("exporter", "alerts", "dashboards")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with both, built from a copy of the repository, because building creates files."""
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
    """Another working directory, and no variable that refers to the repository."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PYTHON", "VIRTUAL_ENV", "OUTBOX_EXPORTER", "PG"))]:
        monkeypatch.delenv(name)


def _run(*command: str | Path, timeout: float = 150) -> str:
    """Runs a command that has to succeed; returns its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _shipped() -> set[str]:
    """The paths of every file in our packages."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    return {str(path.relative_to(ROOT)) for path in found if path.is_file() and path.parent.name != "__pycache__"}


def test_the_wheel_holds_the_packages_and_nothing_else(distributions):
    """It contains every file in our packages and its own metadata."""
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        inside = set(wheel.namelist())
    metadata = {name for name in inside if name.startswith(f"{NAME}.dist-info/")}
    assert inside - metadata == _shipped()
    assert {name.removeprefix(f"{NAME}.dist-info/") for name in metadata} >= {"METADATA", "licenses/LICENSE"}


def test_the_packages_contain_their_data_files():
    """They contain the files that are not modules: statements, set-up scripts, migrations, py.typed."""
    shipped = _shipped()
    assert "exporter/py.typed" in shipped
    for directory in ("exporter/sql", "exporter/sql/setup", "exporter/lab/sql", "exporter/lab/migrations"):
        assert [name for name in shipped if name.startswith(f"{directory}/") and name.endswith(".sql")], directory


def test_the_source_distribution_builds_the_same(distributions):
    """It contains our packages, the licence and the example configuration, and no tests."""
    with tarfile.open(distributions / f"{NAME}.tar.gz") as archive:
        inside = {name.removeprefix(f"{NAME}/") for name in archive.getnames() if "/" in name}
    assert inside >= _shipped()
    assert inside >= {"LICENSE", "README.md", "pyproject.toml", "config.example.yaml"}
    assert not [name for name in inside if name.startswith("tests")]


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_program_knows_its_version(programs):
    """The version of pyproject.toml."""
    assert _run(programs / "outbox-exporter", "--version") == f"outbox-exporter {version()}\n"


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_program_checks_a_configuration(programs):
    """config.example.yaml is valid."""
    output = _run(programs / "outbox-exporter", "--config", ROOT / "config.example.yaml", "check-config", "--offline")
    assert output.startswith("ok       configuration\nok       alerts: ")


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_demo_runs(programs):
    """Without the repository all five signals are sampled within seconds: status 0."""
    output = _run(programs / "outbox-exporter", "demo", "--duration", "8s", "--port", "0")
    assert "/metrics" in output
