"""The shipped files as a whole: accepted, silent in health and over restarts, and saying that nothing is there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from alerts.policy.load import load_policy
from alerts.policy.rule_file import prometheus_rule, rule_file
from tests.alerts.rules.series import HEALTHY, HOUR, STEP, SeriesByName, labelled, notation, reset, restarted
from tests.requirements import require_program
from tools import rules

DIRECTORY = Path(__file__).parents[3] / "alerts" / "prometheus"
SHIPPED = DIRECTORY / "outbox.rules.yaml"


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [require_program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def expect(directory: Path, worlds: Mapping[str, SeriesByName], expected: Mapping[str, Iterable[str]]) -> None:
    """A test that each expression has these samples, each 1, after an hour of each world with two replicas.

    Worlds are outboxes of one Prometheus, with their name as the label `outbox`.
    """
    groups = [group["name"] for group in yaml.safe_load(SHIPPED.read_text())["groups"]]
    test = {
        "interval": f"{STEP}s",
        "input_series": [
            {
                "series": labelled(name, job="outbox-exporter", instance=instance, outbox=world),
                "values": notation(series, HOUR),
            }
            for world, series_by_name in worlds.items()
            for name, series in series_by_name.items()
            for instance in ("a:9721", "b:9721")
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": "1h", "exp_samples": [{"labels": each, "value": 1} for each in labels]}
            for expr, labels in expected.items()
        ],
    }
    file = directory / "test.json"
    document = {"rule_files": [str(SHIPPED)], "evaluation_interval": f"{STEP}s", "group_eval_order": groups}
    file.write_text(json.dumps({**document, "tests": [test]}))
    promtool("test", "rules", file)


STALL_SIGNALS = {"outbox:unprocessed_arrivals:5m", "outbox:unprocessed_arrivals:30m"}
# Absent until samples are thirty days old.
MONTHLY_SIGNALS = {"outbox:slow_jobs:increase30d", "outbox:timed_jobs:increase30d", "outbox:latency_budget_left:30d"}
EVER_FIRED = 'count by (alertname, outbox) (count_over_time(ALERTS{alertstate="firing"}[1h]))'

WORLDS = {
    "healthy": HEALTHY,
    # Both replicas are gone for half a minute, and the application counts from zero again.
    "restarted": restarted(reset(HEALTHY, 1800), 900, 930),
    # From its first scrape on, counters beginning at zero.
    "new": restarted(HEALTHY, 0, 15),
}


def test_nothing_fires_while_all_is_well(tmp_path):
    """Nothing but the watchdog ever fires: in health, over restarts, with a new exporter.

    Signals are one series each, for two replicas as for one: nothing counts twice. Those of stalls and of a month are
    absent.
    """
    signals = [
        signal.record for signal in load_policy().signals if signal.record not in STALL_SIGNALS | MONTHLY_SIGNALS
    ]
    expect(
        tmp_path,
        WORLDS,
        {
            EVER_FIRED: ['{alertname="OutboxWatchdog"}'],
            f'count({{__name__=~"{"|".join(signals)}",outbox="healthy"}}) == bool {len(signals)}': ["{}"],
        },
    )


def test_no_series_at_all_fires(tmp_path):
    """Without any series only the alert about the exporter fires."""
    expect(tmp_path, {}, {EVER_FIRED: ['{alertname="OutboxWatchdog"}', '{alertname="OutboxExporterDown"}']})


def test_prometheus_accepts_the_rules():
    """`promtool check rules`, with its lint."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", SHIPPED)


def test_prometheus_accepts_the_scaled_rules(tmp_path):
    """A day in a second and a half: windows, for-durations and intervals of milliseconds are written as it likes."""
    file = tmp_path / "scaled.yaml"
    file.write_text(rule_file(load_policy(time_scale=1.7e-5, interval=0.1)))
    promtool("check", "rules", "--lint=all", "--lint-fatal", file)


def test_prometheus_accepts_the_configuration():
    """`promtool check config`, the rules that it loads included."""
    promtool("check", "config", "--lint=all", "--lint-fatal", DIRECTORY / "prometheus.yaml")


def test_the_configuration_fits_the_rules():
    """It scrapes the job that the rules ask for, and as often as they are evaluated."""
    policy, config = load_policy(), yaml.safe_load((DIRECTORY / "prometheus.yaml").read_text())
    assert [job["job_name"] for job in config["scrape_configs"]] == [policy.job]
    assert config["global"]["evaluation_interval"] == config["global"]["scrape_interval"] == f"{policy.interval:.0f}s"
    assert config["rule_files"] == [SHIPPED.name]


def test_the_shipped_files_are_the_policy():
    """Run `make generate` after a change of the policy."""
    assert {path: path.read_text() for path in rules.files()} == rules.files()


def test_the_object_holds_the_same_groups():
    """The file for the operator equals that for Prometheus."""
    document = yaml.safe_load(prometheus_rule(load_policy()))
    assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert document["spec"] == yaml.safe_load(SHIPPED.read_text())
