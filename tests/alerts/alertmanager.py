"""Starts a real Alertmanager with the shipped configuration, its receivers replaced and its times scaled."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from exporter.config.values import duration, format_duration
from exporter.lab.ports import LOOPBACK, free_port
from tests import webtools
from tests.alerts.pager import Pager
from tests.end_to_end.program import Program, environment, eventually, started
from tests.newest import Require
from tests.requirements import require_program

CONFIG: Final = Path(__file__).parents[2] / "alerts" / "alertmanager" / "alertmanager.yaml"

# How long Alertmanager waits at most for a receiver to be tried again, and other such, is not scaled.
_TIMES: Final = ("group_wait", "group_interval", "repeat_interval")


def shipped() -> dict[str, Any]:
    """The configuration that people copy."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text("utf-8"))
    return config


def scaled_config(pager: Pager, scale: float = 1.0) -> dict[str, Any]:
    """The same with every receiver replaced by the pager, and every time of its routes multiplied by `scale`."""
    config = shipped()
    config["receivers"] = [
        {"name": receiver["name"], "webhook_configs": [{"url": pager.url}]} for receiver in config["receivers"]
    ]
    for route in routes(config["route"]):
        for name in _TIMES:
            if name in route:
                route[name] = format_duration(duration(route[name]) * scale)
    return config


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A route and all below it."""
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


@dataclass(frozen=True, slots=True)
class AlertmanagerServer:
    """A running server."""

    program: Program
    url: str

    def send(
        self,
        alerts: Iterable[Mapping[str, str]],
        *,
        over: bool = False,
        lasting: float = 300,
        annotations: Mapping[str, str] = MappingProxyType({"summary": "told"}),
    ) -> None:
        """Alerts by their labels, as Prometheus sends them; `over` resolves them."""
        now = time.time()
        ends = _iso(now if over else now + lasting)
        body = [{"labels": dict(labels), "annotations": dict(annotations), "endsAt": ends} for labels in alerts]
        answer = webtools.ask("POST", f"{self.url}/api/v2/alerts", json=body)
        assert answer.status_code == 200, answer.text

    def inhibited(self) -> list[Mapping[str, str]]:
        """Labels of the alerts that are muted by others now."""
        answer = webtools.get(f"{self.url}/api/v2/alerts", params={"active": "false", "inhibited": "true"})
        return [alert["labels"] for alert in answer.json() if alert["status"]["inhibitedBy"]]

    def log_warnings(self) -> list[str]:
        """Lines of its log that are not just information."""
        return log_warnings(self.program.log)


# Debian's Alertmanager writes `level=warn`, today's `level=WARN`.
_WARNING: Final = re.compile(r"\blevel=(warn|error)\b", re.IGNORECASE)


def log_warnings(log: str) -> list[str]:
    """Lines of a log of Alertmanager that are not just information."""
    return [line for line in log.splitlines() if _WARNING.search(line)]


@contextmanager
def run_alertmanager(
    directory: Path, config: Mapping[str, Any], *more: str, require: Require = require_program
) -> Iterator[AlertmanagerServer]:
    """Runs one on a free port until the block ends, with `more` arguments; Debian's unless `require` finds another."""
    binary = require("prometheus-alertmanager")
    file = directory / "alertmanager.yaml"
    file.write_text(json.dumps(config))
    listen = f"{LOOPBACK}:{free_port()}"
    arguments: list[str | Path] = [
        binary,
        f"--config.file={file}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={listen}",
        "--cluster.listen-address=",
        *more,
    ]
    with started(arguments, directory, environment()) as program:
        server = AlertmanagerServer(program, f"http://{listen}")
        eventually(lambda: _is_ready(server))
        yield server
        program.end()


def _is_ready(server: AlertmanagerServer) -> bool:
    assert server.program.process.poll() is None, server.program.log
    try:
        return webtools.get(f"{server.url}/-/ready").status_code == 200
    except OSError:
        return False


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03}Z"
