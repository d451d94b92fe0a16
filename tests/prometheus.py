"""Starts a real Prometheus for a test, and reads its answers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from exporter.lab.ports import LOOPBACK, free_port
from tests import webtools
from tests.end_to_end.program import Program, environment, eventually, started
from tests.newest import Require
from tests.requirements import require_program

# Seconds to scrape for. Five minutes by hand, with figures:
# OUTBOX_EXPORTER_TEST_SCRAPE_SECONDS=300 pytest -o timeout=600 --log-cli-level=info tests/end_to_end/test_scraped.py
SECONDS: Final = float(os.environ.get("OUTBOX_EXPORTER_TEST_SCRAPE_SECONDS", "20"))
# Seconds between two scrapes.
INTERVAL: Final = 1.0

# Prometheus 3 writes the level in capitals.
_INFORMATION: Final = re.compile(r"\blevel=(info|debug)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A running server."""

    program: Program
    url: str

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """An instant vector: values by labels, with `job` and `__name__`, without `instance`."""
        answer = webtools.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return {_labels(entry["metric"]): float(entry["value"][1]) for entry in answer["data"]["result"]}

    def by_job(self, expression: str) -> dict[str, float]:
        """An instant vector with one series for each job."""
        return {dict(labels)["job"]: value for labels, value in self.query(expression).items()}

    def targets(self) -> list[Any]:
        """The active targets, as /api/v1/targets shows them."""
        answer = webtools.get(f"{self.url}/api/v1/targets", params={"state": "active"}).json()
        targets: list[Any] = answer["data"]["activeTargets"]
        return targets

    def log_warnings(self) -> list[str]:
        """The lines of its log above level info."""
        return [line for line in self.program.log.splitlines() if not _INFORMATION.search(line)]


@contextmanager
def run_prometheus(
    binary: Path, directory: Path, config: Mapping[str, Any], *arguments: str
) -> Iterator[PrometheusServer]:
    """Runs one on a free port until the block ends, with `arguments` after those that every test needs.

    Configuration, data and log are files in `directory`, which is made if it is missing; relative paths in `config`
    start there.
    """
    directory.mkdir(exist_ok=True)
    file = directory / "prometheus.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    listen = f"{LOOPBACK}:{free_port()}"
    command: list[str | Path] = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={listen}",
        *arguments,
    ]
    with started(command, directory, environment(GOGC="400")) as program:  # memory for a fifth of the processor time
        server = PrometheusServer(program, f"http://{listen}")
        eventually(lambda: _is_ready(server))
        yield server
        program.end()


@contextmanager
def scraping(
    directory: Path,
    jobs: Mapping[str, str],
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    require: Require = require_program,
) -> Iterator[PrometheusServer]:
    """Scrapes /metrics of these URLs, by job, every INTERVAL; `options` are added to the jobs' configurations."""
    config = {
        "global": {"scrape_interval": f"{INTERVAL:.0f}s", "scrape_timeout": f"{INTERVAL:.0f}s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [url.removeprefix("http://")]}], **options.get(job, {})}
            for job, url in jobs.items()
        ],
    }
    with run_prometheus(require("prometheus"), directory, config, "--log.level=debug") as server:
        yield server


def _is_ready(server: PrometheusServer) -> bool:
    assert server.program.process.poll() is None, server.program.log
    try:
        return webtools.get(f"{server.url}/-/ready").status_code == 200
    except OSError:
        return False


def _labels(metric: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "instance"))
