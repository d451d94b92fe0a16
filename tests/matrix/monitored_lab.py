"""One lab with its application, and the exporter that monitors it: all real, with scaled times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

from exporter.config.values import format_duration
from exporter.lab.lab import Lab, LabPlan
from exporter.lab.ports import LOOPBACK, free_port
from tests.end_to_end.program import eventually, running, write_config
from tests.matrix.time_scale import INTERVAL, SCALE
from tests.proxy import Proxy

ROLE: Final = "outbox_monitor"
_SCRIPT: Final = resources.files("exporter").joinpath("sql", "setup", "monitoring_role.sql")


@dataclass(slots=True)
class MonitoredLab:
    """A lab, the exporter that monitors it in a process of its own, and the proxy by which Prometheus reaches it."""

    name: str
    lab: Lab
    proxy: Proxy
    config: Path
    _exporter: ExitStack = field(default_factory=ExitStack)

    @property
    def target(self) -> str:
        """Host and port that Prometheus scrapes."""
        return f"{LOOPBACK}:{self.proxy.port}"

    def start_exporter(self) -> None:
        """Starts the exporter at the same address as before, and waits until it samples."""
        program = self._exporter.enter_context(running(self.config.parent, "--config", str(self.config), "serve"))
        eventually(program.is_ready, seconds=60)

    def kill_exporter(self) -> None:
        """Kills the exporter with SIGKILL."""
        self._exporter.close()


def create_monitoring_role(lab: Lab) -> None:
    """Runs the shipped script for the monitoring role; a second run restores privileges that a fault has dropped."""
    lab.execute(_SCRIPT.read_text("utf-8"))


@contextmanager
def running_lab(name: str, directory: Path, rate: float) -> Iterator[MonitoredLab]:
    """A lab with `rate` requests a second and its exporter, until the block ends."""
    plan = LabPlan(rate=rate, with_history=False, time_scale=SCALE)
    with Lab(plan, prepare=create_monitoring_role) as lab, ExitStack() as exporter:
        port = free_port()
        config = write_config(
            directory / "config.yaml",
            # At this scale the wait for a locked table must leave time for the other statements.
            database={"dsn": lab.cluster.dsn(user=ROLE, dbname="postgres"), "lock_timeout": "50ms"},
            application={"url": lab.application_url, "timeout": format_duration(INTERVAL / 2)},
            sampling={"interval": format_duration(INTERVAL), "budget_ratio": 1, "rows_per_second": 1_000_000},
            alerting={"time_scale": SCALE},
            watch={"state_dir": str(directory / "state")},
            web={"listen": f"{LOOPBACK}:{port}"},
        )
        with Proxy(port) as proxy:
            monitored = MonitoredLab(name, lab, proxy, config, exporter)
            monitored.start_exporter()
            yield monitored
