"""The shipped Prometheus configuration for the fault matrix: only addresses and intervals are changed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.config.values import format_duration
from tests.end_to_end.program import command, environment
from tests.matrix.monitored_lab import MonitoredLab
from tests.matrix.time_scale import INTERVAL

BURN_RATES: Final = "OutboxLatencyBudgetBurn"
SHIPPED: Final = Path(__file__).parents[2] / "alerts" / "prometheus" / "prometheus.yaml"


def print_rules(monitored: MonitoredLab, file: Path) -> None:
    """Writes the rule file for this lab's configuration, as `outbox-exporter rules` prints it, without burn rates.

    Their windows of hours and days hold a fault and nothing else in a lab that runs for minutes, and never end.
    """
    printed = subprocess.run(
        [command(), "--config", monitored.config, "rules"],
        env=environment(),
        text=True,
        capture_output=True,
        check=True,
    )
    document = yaml.safe_load(printed.stdout)
    (group,) = document["groups"]
    group["rules"] = [rule for rule in group["rules"] if not rule.get("alert", "").startswith(BURN_RATES)]
    file.write_text(yaml.safe_dump(document))


def configuration(rules: Path, targets: Mapping[str, str], alertmanager: str) -> dict[str, Any]:
    """The shipped configuration for targets by namespace, and one Alertmanager."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text("utf-8"))
    interval = format_duration(INTERVAL)
    config["global"] |= {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(rules)]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [
        {"targets": [target], "labels": {"namespace": namespace}} for namespace, target in targets.items()
    ]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]
    return config
