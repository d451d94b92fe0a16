"""`rules`: every format, for one outbox and for several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exporter import cli
from exporter.commands import rules
from exporter.commands.parser import RULE_FORMATS, parser
from exporter.config.settings import AlertingSettings, Config, OutboxSettings
from exporter.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


def run(*arguments: str, config: Config | None = None) -> str:
    """What the command prints."""
    return rules.text(parser().parse_args(["rules", *arguments]), config or Config())


def test_every_format_of_the_command_line_is_written():
    """And no other."""
    assert set(rules._WRITERS) == set(RULE_FORMATS)


@pytest.mark.parametrize(
    ("form", "beginning"),
    [
        ("prometheus", {"groups"}),
        ("prometheusrule", {"apiVersion", "kind", "metadata", "spec"}),
        ("vmrule", {"apiVersion", "kind", "metadata", "spec"}),
        ("grafana", {"apiVersion", "groups"}),
    ],
)
def test_every_format_is_yaml(form, beginning):
    """With its own keys at the top."""
    assert yaml.safe_load(run("--format", form)).keys() == beginning


def test_prometheus_is_the_default():
    """As before there were other formats."""
    assert run() == run("--format", "prometheus")


def test_the_job_is_that_of_the_configuration():
    """Unless the command line names one or several."""
    config = replace(Config(), alerting=AlertingSettings(job="orders"))
    assert 'up{job="orders"}' in run(config=config)
    several = run("--job", "billing", "--job", "shipping", config=config)
    assert 'up{job="billing"}' in several
    assert 'absent(up{job="shipping"})' in " ".join(several.split())
    assert "orders" not in several


def test_a_job_that_would_need_quotes_is_refused(capsys):
    """As in the configuration."""
    with pytest.raises(SystemExit, match="2"):
        run("--job", 'a"}')
    assert "letters, digits" in capsys.readouterr().err


def test_the_data_source_is_grafanas():
    """Its uid; no other format has one."""
    assert 'datasourceUid: "mimir"' in run("--format", "grafana", "--datasource", "mimir")
    with pytest.raises(ConfigError, match="--datasource"):
        run("--datasource", "mimir")


def test_the_rules_are_those_of_the_configuration(capsys, tmp_path):
    """Without one, the shipped file to the letter; with one, its thresholds, its job and its pace, in either format."""
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().out == (ROOT / "alerts" / "prometheus" / "outbox.rules.yaml").read_text()
    config = tmp_path / "config.yaml"
    config.write_text(
        "sampling: {interval: 5s}\nalerting: {job: orders, thresholds: {OutboxBacklogHigh: {page: 2000}}}\n"
    )
    assert cli.main(["--config", str(config), "rules", "--format", "prometheusrule"]) == 0
    message = capsys.readouterr().out
    assert "kind: PrometheusRule\n" in message
    assert "(outbox:backlog_jobs > 2000)" in message
    assert 'up{job="orders"}' in message
    assert "interval: 5s\n" in message


def test_what_another_outbox_cannot_have(capsys, monkeypatch):
    """Alerts and their reasons are named on standard error; nothing is for the default tables."""
    monkeypatch.setenv("OUTBOX_EXPORTER_OUTBOX_PROFILE", "graphile-worker")
    assert cli.main(["rules"]) == 0
    seen = capsys.readouterr()
    assert "OutboxStalled" in seen.out
    assert "OutboxProcessingSlow" not in seen.out.partition("groups:")[2]
    deleted, worker, application, default = seen.err.splitlines()
    assert deleted == (
        "left out (the row of a processed job is deleted): OutboxJobsUnaccounted, OutboxProcessingSlow, "
        "OutboxLatencyBudgetBurnFast, OutboxLatencyBudgetBurnSlow, OutboxFailureRatioHigh, OutboxRetentionOverdue"
    )
    assert worker == "left out (which jobs a worker takes next is known of the default table only): OutboxHeadBlocked"
    assert application == (
        "left out (no application is configured): OutboxFsmFailureRateHigh, OutboxFsmFailureBudgetBurn, "
        "OutboxFallbacksFrequent, OutboxFallbacksFailing, OutboxAppUnhealthy, OutboxAppUnreachable"
    )
    assert default == "left out (belongs to the default tables): OutboxCleanupOverdue, OutboxMigrationBroken"
    monkeypatch.delenv("OUTBOX_EXPORTER_OUTBOX_PROFILE")
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().err == ""


def test_no_objective_without_processing_times():
    """OpenSLO has nothing to write."""
    config = replace(Config(), outbox=OutboxSettings(profile="graphile-worker"))
    with pytest.raises(ConfigError, match=r"no latency objective .the row of a processed job is deleted"):
        run("--format", "openslo", config=config)
    assert "kind: SLO" in run("--format", "openslo", config=replace(config, outbox=OutboxSettings(profile="river")))
