"""A real Prometheus that scrapes every second, and answers what it thought of it."""

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

# How long to be scraped. Five minutes by hand, with figures:
# OUTBOX_EXPORTER_TEST_SCRAPE_SECONDS=300 pytest -o timeout=600 --log-cli-level=info tests/end_to_end/test_scraped.py
SECONDS: Final = float(os.environ.get("OUTBOX_EXPORTER_TEST_SCRAPE_SECONDS", "20"))
INTERVAL: Final = 1.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that runs."""

    program: Program
    url: str

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """An instant vector: values by labels, `job` and `__name__` included, `instance` left out."""
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
        """Lines of its log that are not just information."""
        return [line for line in self.program.log.splitlines() if not _INFORMATION.search(line)]


# In capitals from Prometheus 3 on.
_INFORMATION: Final = re.compile(r"\blevel=(info|debug)\b", re.IGNORECASE)


@contextmanager
def scraping(
    directory: Path,
    jobs: Mapping[str, str],
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    require: Require = require_program,
) -> Iterator[Prometheus]:
    """Scrapes the /metrics of these URLs, by job, until left. `options` are added to the jobs' configurations."""
    binary = require("prometheus")
    config = directory / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_config(jobs, options)))
    listen = f"{LOOPBACK}:{free_port()}"
    arguments: list[str | Path] = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={listen}",
        "--log.level=debug",
    ]
    with started(arguments, directory, environment()) as program:
        server = Prometheus(program, f"http://{listen}")
        eventually(lambda: _is_ready(server))
        yield server
        program.end()


def _config(jobs: Mapping[str, str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": f"{INTERVAL:.0f}s", "scrape_timeout": f"{INTERVAL:.0f}s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [url.removeprefix("http://")]}], **options.get(job, {})}
            for job, url in jobs.items()
        ],
    }


def _is_ready(server: Prometheus) -> bool:
    assert server.program.process.poll() is None, server.program.log
    return "Server is ready to receive web requests" in server.program.log


def _labels(metric: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "instance"))
