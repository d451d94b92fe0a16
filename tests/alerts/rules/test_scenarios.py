"""Every rule in every scenario: which alerts fire, their texts, which do not fire, which resolve.

By promtool of Prometheus 2 (Debian's) and of Prometheus 3, and by vmalert-tool in MetricsQL's own words. The rules for
Prometheus are MetricsQL, too, and mean the same (test_dialects.py). The queries of Grafana's rules, by Prometheus 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts.policy.expressions import Dialect
from alerts.policy.grafana_file import grafana_rules
from alerts.policy.load import load_policy
from alerts.policy.rule_file import rule_file, vm_rule
from tests.alerts.rules import promtool, vmalert
from tests.alerts.rules.case import INSTANCE, Case, case_of, memory, only_rules_of, renamed, scenario_series
from tests.alerts.rules.grafana import as_rule_file
from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.scenarios import SCENARIOS
from tests.alerts.rules.series import COUNTERS, STEP, SeriesByName, gone, phases, reset, restarted
from tests.newest import require_newest
from tests.requirements import require_program

POLICY = load_policy()
ALERTS = list(dict.fromkeys(rule.key.alert for rule in POLICY.rules))
DIRECTORY = Path(__file__).parents[3] / "alerts"
SHIPPED = DIRECTORY / "prometheus" / "outbox.rules.yaml"
VMRULE = DIRECTORY / "victoriametrics" / "outbox.vmrule.yaml"
GRAFANA = DIRECTORY / "grafana" / "outbox.alerting.yaml"

RULES: Final = yaml.safe_load(SHIPPED.read_text())

OUTAGE = 30  # of the exporter, seconds
LONGEST_MEMORY = 75 * 60  # of any rule, with the time for which it keeps firing: long windows go with shorter ones
RESET_AT = 270  # a moment before things go wrong

# The program that checks the cases, by the program that evaluates the rules.
Complain = Callable[[Path, str, Iterable[Case]], dict[str, str]]
PROGRAMS: Final[Mapping[str, Complain]] = {
    "debian": lambda *asked: promtool.failures(require_program("promtool"), *asked),
    "newest": lambda *asked: promtool.failures(require_newest("promtool"), *asked),
    "vmalert": lambda *asked: vmalert.failures(require_newest("vmalert-tool"), *asked),
}


def test_every_rule_has_a_scenario_in_which_it_fires():
    """Each severity of each alert, and one in which it does not."""
    covered = {
        (scenario.alert, state.split()[0])
        for scenario in SCENARIOS
        for stands in scenario.timeline.values()
        for state in stands.split(", ")
        if "firing" in state
    }
    assert covered == {(rule.key.alert, rule.key.severity.value) for rule in POLICY.rules}


def cases() -> Iterator[Case]:
    """As it is; with two replicas; over a reset, a restart, another Pod; and when all series vanish."""
    for scenario in SCENARIOS:
        case, series_by_name = case_of(scenario), scenario_series(scenario)
        yield case
        if scenario.fires_at is None:
            continue
        yield renamed(case, "two-replicas", targets={"a:9721": series_by_name, "b:9721": series_by_name})
        if scenario.begins > RESET_AT and any(COUNTERS.match(name) for name in scenario.wrong):
            # For a while after a reset, counts are right and a ratio is nearly so.
            texts = "%" not in str(scenario.value)
            yield renamed(case, "counter-reset", targets={INSTANCE: reset(series_by_name, RESET_AT)}, texts=texts)
        if scenario.again is not None:
            at = scenario.fires_at + 60
            stands = _soon_after(scenario, at, scenario.again)
            yield renamed(case, "restart", **stands, targets={INSTANCE: restarted(series_by_name, at, at + OUTAGE)})
            yield renamed(case, "pod-replaced", **stands, targets=_replaced(series_by_name, at, at + OUTAGE))
        if scenario.alert not in ("OutboxWatchdog", "OutboxExporterDown"):
            yield renamed(case, "no-data", **_vanishing(scenario, scenario.fires_at + 60))


def _soon_after(scenario: Scenario, at: float, again: float) -> dict[str, Any]:
    """The alert has the expected state some time after an outage, and does not fire before."""
    seen = at + OUTAGE + again + 30
    stands = [stands for time, stands in scenario.timeline.items() if time <= seen][-1]
    assert "pending" not in stands
    return {"scenario": replace(scenario, timeline={seen: stands}), "texts": False}


def _replaced(series_by_name: SeriesByName, at: float, back: float) -> Mapping[str, SeriesByName]:
    """Another instance takes the place of one that has gone."""
    return {
        "pod-a:9721": {name: phases(series, (at, gone)) for name, series in series_by_name.items()},
        "pod-b:9721": {
            name: phases(gone, (back, series)) for name, series in restarted(series_by_name, at, back).items()
        },
    }


def _vanishing(scenario: Scenario, at: float) -> dict[str, Any]:
    series_by_name: SeriesByName = {
        name: series if name == "up" else phases(series, (at, gone))
        for name, series in scenario_series(scenario).items()
    }
    resolved = at + min(memory(only_rules_of(RULES, scenario.alert)), LONGEST_MEMORY) + STEP
    return {"scenario": replace(scenario, timeline={resolved: ""}), "targets": {INSTANCE: series_by_name}}


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_scenario(tmp_path, program, alert):
    """Pending and firing in time, with all labels and annotations; resolved in time; silent otherwise."""
    mine = [case for case in cases() if case.scenario.alert == alert]
    assert mine
    rules = yaml.safe_dump(yaml.safe_load(VMRULE.read_text())["spec"]) if program == "vmalert" else SHIPPED.read_text()
    assert PROGRAMS[program](tmp_path, rules, mine) == {}


def test_scenarios_of_grafanas_rules(tmp_path):
    """Each scenario as it is: with signals written out, the queries return what the rules of Prometheus do."""
    rules = as_rule_file(GRAFANA.read_text())
    assert promtool.failures(require_newest("promtool"), tmp_path, rules, map(case_of, SCENARIOS)) == {}


def test_the_shipped_files_are_the_policy():
    """The tested rules are the output of `outbox-exporter rules`."""
    assert SHIPPED.read_text() == rule_file(POLICY)
    assert VMRULE.read_text() == vm_rule(load_policy(dialect=Dialect.METRICSQL))
    assert GRAFANA.read_text() == grafana_rules(POLICY)
