"""One outbox with its application and the exporter in front: all real, at the rehearsal's pace."""

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
    """A lab, the exporter that watches it as a process of its own, and the wire by which Prometheus reaches it."""

    name: str
    lab: Lab
    proxy: Proxy
    config: Path
    _exporter: ExitStack = field(default_factory=ExitStack)

    @property
    def target(self) -> str:
        """Where Prometheus scrapes."""
        return f"{LOOPBACK}:{self.proxy.port}"

    def start_exporter(self) -> None:
        """Again after its end, at the same address; waits until it samples."""
        program = self._exporter.enter_context(running(self.config.parent, "--config", str(self.config), "serve"))
        eventually(program.is_ready, seconds=60)

    def kill_exporter(self) -> None:
        """No farewell, as by the kernel."""
        self._exporter.close()


def create_monitoring_role(lab: Lab) -> None:
    """The monitoring role, as its script makes it; again when somebody has locked it out."""
    lab.execute(_SCRIPT.read_text("utf-8"))


@contextmanager
def running_lab(name: str, directory: Path, rate: float) -> Iterator[MonitoredLab]:
    """A world with so many acts of traffic a second, until left."""
    plan = LabPlan(rate=rate, with_history=False, time_scale=SCALE)
    with Lab(plan, prepare=create_monitoring_role) as lab, ExitStack() as exporter:
        port = free_port()
        config = write_config(
            directory / "config.yaml",
            # The exporter's wait for a locked table must leave time for other questions, at this pace.
            database={"dsn": lab.cluster.dsn(user=ROLE, dbname="postgres"), "lock_timeout": "50ms"},
            application={"url": lab.application_url, "timeout": format_duration(INTERVAL / 2)},
            sampling={"interval": format_duration(INTERVAL), "budget_ratio": 1, "rows_per_second": 1_000_000},
            alerting={"time_scale": SCALE},
            watch={"state_dir": str(directory / "state")},
            web={"listen": f"{LOOPBACK}:{port}"},
        )
        with Proxy(port) as proxy:
            world = MonitoredLab(name, lab, proxy, config, exporter)
            world.start_exporter()
            yield world
