"""The shipped rules on the output of `sample`, scraped every minute, evaluated by promtool: no false alert."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from exporter.lab.ports import free_port
from tests.end_to_end.program import MetricsResponse, run
from tests.requirements import require_program

RULES = Path(__file__).parents[2] / "alerts/prometheus/outbox.rules.yaml"
MINUTES = 40
TARGET = {"instance": "db1", "job": "outbox-exporter"}
ALWAYS = "OutboxWatchdog"


def test_a_backlog_that_drains(embedded_database, tmp_path):
    """3000 jobs that drain in forty minutes: alerts on waiting time and depth fire, OutboxStalled does not."""
    sampled = run("sample", OUTBOX_EXPORTER_DATABASE_DSN=embedded_database.dsn())
    series = dict(notation(MetricsResponse.parse(sampled.stdout)))
    series[written("outbox_pending_jobs", (("state", "waiting"),))] = "3000-75x40"
    series[written("outbox_oldest_pending_timestamp_seconds", (("state", "waiting"),))] = "-400+60x40"
    assert fired(tmp_path, series) == {ALWAYS, "OutboxJobsWaitingLong", "OutboxBacklogHigh"}


def test_a_database_that_is_down(tmp_path):
    """Only OutboxDatabaseUnreachable fires."""
    sampled = run("sample", OUTBOX_EXPORTER_DATABASE_DSN=f"postgresql://127.0.0.1:{free_port()}/postgres")
    assert sampled.returncode == 3
    series = dict(notation(MetricsResponse.parse(sampled.stdout)))
    assert fired(tmp_path, series) == {ALWAYS, "OutboxDatabaseUnreachable"}


def written(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """A series in promtool's notation."""
    return name + json.dumps({**dict(labels), **TARGET}).replace('": "', '="').replace(', "', ",").replace('{"', "{")


def notation(sampled: MetricsResponse) -> Iterator[tuple[str, str]]:
    """Each series of a sample that is repeated every minute; times are relative to the sample."""
    yield written("up", ()), f"1x{MINUTES}"
    taken = max(sampled.series.get("outbox_collector_last_success_timestamp_seconds", {(): 0.0}).values())
    for name, values in sampled.series.items():
        for labels, value in values.items():
            moved = f"{value - taken}+60x{MINUTES}" if name.endswith("_timestamp_seconds") else f"{value}x{MINUTES}"
            yield written(name, labels), moved


def fired(directory: Path, series: dict[str, str]) -> set[str]:
    """The alerts that fire at any minute: promtool reports each as unexpected."""
    promtool = require_program("promtool")
    rules = yaml.safe_load(RULES.read_text("utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    (directory / "outbox.rules.yaml").write_bytes(RULES.read_bytes())
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
            for alert in sorted(alerts)
            for minute in range(0, MINUTES, 2)
        ],
    }
    document = {"rule_files": ["outbox.rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    file = directory / "sample.test.yaml"
    file.write_text(yaml.safe_dump(document))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    output = done.stdout + done.stderr
    assert "alertname:" in output, output
    return {alert for alert in alerts if f"alertname: {alert}," in output}
