"""Two outboxes on one Prometheus: an alert of one has its labels, and the other one, which is healthy, has none."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from alerts.policy.load import load_policy
from alerts.policy.rule_file import rule_file
from tests.alerts.rules.case import Case, case_of, renamed, scenario_series
from tests.alerts.rules.promtool import failures
from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.scenarios import SCENARIOS
from tests.alerts.rules.series import HEALTHY
from tests.requirements import require_program

# By the label that tells them apart: the labels of both, and the jobs that the rules are written for.
APART: Final[Mapping[str, tuple[dict[str, str], dict[str, str], tuple[str, ...]]]] = {
    "environment": ({"environment": "production"}, {"environment": "staging"}, ("outbox-exporter",)),
    "job": ({"job": "orders"}, {"job": "billing"}, ("billing", "orders")),
}
FIRST: Final = {each.alert: each for each in reversed(SCENARIOS) if each.fires_at and each.alert != "OutboxWatchdog"}
GONE: Final = next(each for each in SCENARIOS if each.name == "no target is left")
# Expressions that name the job; all others are about every series that there is.
NAMING_THE_JOB: Final = (FIRST["OutboxExporterDown"], FIRST["OutboxSamplesStale"], GONE)


def beside(scenario: Scenario, mine: dict[str, str], others: dict[str, str]) -> Case:
    """The scenario in one outbox, beside a healthy one."""
    return renamed(
        case_of(scenario),
        "beside",
        scenario=replace(scenario, labels={**scenario.labels, **mine}),
        targets={"a:9721": scenario_series(scenario), "b:9721": HEALTHY},
        labels={"a:9721": mine, "b:9721": others},
    )


@pytest.mark.parametrize(
    ("apart", "scenarios"),
    [("environment", tuple(FIRST.values())), ("job", NAMING_THE_JOB)],
    ids=["environment", "job"],
)
def test_an_alert_is_that_of_its_outbox(tmp_path, apart, scenarios):
    """Fires as if the other one did not exist, whichever label tells them apart."""
    mine, others, jobs = APART[apart]
    cases = [beside(scenario, mine, others) for scenario in scenarios]
    assert failures(require_program("promtool"), tmp_path, rule_file(load_policy(jobs=jobs)), cases) == {}


def test_a_job_that_the_rules_do_not_name_is_not_missed(tmp_path):
    """Why `rules --job` exists: without the name of a job nobody knows that its target is gone."""
    mine, others, _ = APART["job"]
    found = failures(
        require_program("promtool"), tmp_path, rule_file(load_policy(jobs=("billing",))), [beside(GONE, mine, others)]
    )
    assert found.keys() == {"OutboxExporterDown:no-target-is-left:beside"}


def test_the_documented_configurations_are_prometheus(tmp_path):
    """Those of docs/several-outboxes.md, by promtool."""
    page = (Path(__file__).parents[3] / "docs" / "several-outboxes.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n# prometheus\.yml.*?\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        file = tmp_path / "prometheus.yaml"
        file.write_text(block)
        checked = [require_program("promtool"), "check", "config", "--syntax-only", file]
        done = subprocess.run(checked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
