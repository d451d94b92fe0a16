"""The source distribution, and the wheel, which works without the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.models.alerting import Rule

from exporter.commands import files
from exporter.commands.parser import RULE_FORMATS
from exporter.core.version import version
from tests.database.roles import MONITOR, run_script
from tests.end_to_end.program import eventually, started
from tests.newest import require_newest
from tests.requirements import require_program
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
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", f"{wheel}[demo]")
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


def _examples() -> set[str]:
    """The paths in the wheel of the files that are at the root of the repository."""
    found = [path.relative_to(ROOT) for path in (ROOT / "examples").rglob("*") if path.is_file()]
    shipped = [path for path in found if not {"compose", "__pycache__"} & set(path.parts)]
    return {f"exporter/repository/{path}" for path in (*shipped, "config.example.yaml")}


def test_the_wheel_holds_the_packages_and_nothing_else(distributions):
    """It contains every file in our packages, the examples and its own metadata."""
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        inside = set(wheel.namelist())
    metadata = {name for name in inside if name.startswith(f"{NAME}.dist-info/")}
    assert inside - metadata == _shipped() | _examples()
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
def test_the_installed_program_needs_no_clone(programs, embedded_database, tmp_path):
    """Every file; the role by its script, on a real database; a valid configuration; metrics of it."""
    exporter, names = programs / "outbox-exporter", list(files.files())
    exported = _run(exporter, "files", "export", tmp_path / "outbox").splitlines()
    assert exported == [f"written    {tmp_path / 'outbox' / name}" for name in names]
    psql = embedded_database.cluster.installation.bin / "psql"
    _run(psql, "-X", "-v", "ON_ERROR_STOP=1", "-d", embedded_database.dsn(), "-f", "outbox/sql/monitoring_role.sql")
    try:
        config = Path("config.yaml")
        example = yaml.safe_load(Path("outbox/config.example.yaml").read_text())
        web = {"listen": "127.0.0.1:0"}
        config.write_text(yaml.safe_dump({**example, "database": {"dsn": embedded_database.dsn(MONITOR)}, "web": web}))
        assert "broken" not in _run(exporter, "--config", config, "check-config")
        with started([exporter, "--config", config, "serve"], tmp_path, dict(os.environ)) as program:
            eventually(program.is_ready)
            assert program.scrape().value("outbox_up") == 1
    finally:
        run_script(embedded_database, "remove_monitoring_role")


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_rules_are_accepted(programs, tmp_path):
    """Each format by its program, and the configurations that come with them."""
    exporter = programs / "outbox-exporter"
    _run(exporter, "files", "export", tmp_path)
    texts = {form: _run(exporter, "rules", "--format", form) for form in RULE_FORMATS}
    for form in ("prometheusrule", "vmrule"):
        Path(form).write_text(yaml.safe_dump(yaml.safe_load(texts[form])["spec"]))
    Path("prometheus.yaml").write_text(texts["prometheus"])
    promtool = require_program("promtool")
    _run(promtool, "check", "rules", "prometheus.yaml", "prometheusrule")
    _run(promtool, "check", "config", "prometheus/prometheus.yaml")
    _run(require_program("amtool"), "check-config", "alertmanager/alertmanager.yaml")
    _run(require_newest("vmalert"), "-dryRun", "-rule=vmrule")
    for group in yaml.safe_load(texts["grafana"])["groups"]:
        for rule in group["rules"]:
            owner = {"folderUID": "outbox", "orgID": group["orgId"], "ruleGroup": group["name"]}
            assert Rule.from_json({**rule, **owner, "data": []}).uid == rule["uid"]


@pytest.mark.usefixtures("elsewhere")
def test_the_installed_demo_runs(programs):
    """Without the repository all five signals are sampled within seconds: status 0."""
    output = _run(programs / "outbox-exporter", "demo", "--duration", "8s", "--port", "0")
    assert "/metrics" in output
