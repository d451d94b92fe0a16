"""Prometheus with the shipped configuration, and what it is asked; only addresses and intervals are the rehearsal's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.values import format_duration
from exporter.lab.ports import LOOPBACK, free_port
from tests.end_to_end.program import command, environment, eventually, started
from tests.end_to_end.prometheus import Prometheus
from tests.matrix.time_scale import INTERVAL
from tests.matrix.world import MonitoredLab
from tests.newest import Require
from tests.requirements import require_program

SHIPPED: Final = Path(__file__).parents[2] / "alerts" / "prometheus" / "prometheus.yaml"


def print_rules(world: MonitoredLab, file: Path) -> None:
    """The rule file for this world's configuration, by the command that people use."""
    printed = subprocess.run(
        [command(), "--config", world.config, "rules"], env=environment(), text=True, capture_output=True, check=True
    )
    file.write_text(printed.stdout)


def configuration(rules: Path, targets: Mapping[str, str], alertmanager: str) -> dict[str, Any]:
    """What is shipped, for targets by namespace."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text("utf-8"))
    pace = format_duration(INTERVAL)
    config["global"] |= {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace}
    config["rule_files"] = [str(rules)]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [
        {"targets": [target], "labels": {"namespace": namespace}} for namespace, target in targets.items()
    ]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]
    return config


@contextmanager
def prometheus(directory: Path, config: Mapping[str, Any], require: Require = require_program) -> Iterator[Prometheus]:
    """Runs one until left; Debian's unless `require` finds another."""
    file = directory / "prometheus.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    listen = f"{LOOPBACK}:{free_port()}"
    arguments: list[str | Path] = [
        require("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={listen}",
    ]
    with started(arguments, directory, environment()) as program:
        server = Prometheus(program, f"http://{listen}")
        eventually(lambda: "Server is ready to receive web requests" in program.log)
        yield server
        program.end()
