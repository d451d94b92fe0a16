"""Every rule in every situation, by the real promtool: what fires, what is said, what is left alone, what resolves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.policy import load_policy
from alerts.rulefile import rule_file
from tests.alerts.rules.promtool import Case, case_of, failures, renamed, world_of
from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.scenarios import SCENARIOS
from tests.alerts.rules.series import COUNTERS, World, gone, phases, reset, restarted

POLICY = load_policy()
ALERTS = list(dict.fromkeys(rule.key.alert for rule in POLICY.rules))
SHIPPED = Path(__file__).parents[3] / "alerts" / "prometheus" / "outbox.rules.yaml"

OUTAGE = 30  # of the exporter, seconds
LONGEST_MEMORY = 75 * 60  # of any rule, with the time for which it keeps firing
RESET_AT = 270  # a moment before things go wrong


def test_every_rule_has_a_scenario_in_which_it_fires():
    """Each severity of each alert, and one in which it does not."""
    told = {
        (scenario.alert, state.split()[0])
        for scenario in SCENARIOS
        for stands in scenario.timeline.values()
        for state in stands.split(", ")
        if "firing" in state
    }
    assert told == {(rule.key.alert, rule.key.severity.value) for rule in POLICY.rules}


def cases() -> Iterator[Case]:
    """As it is; with two replicas; over a reset of counters; over a restart; and when all series vanish."""
    for scenario in SCENARIOS:
        case = case_of(scenario)
        yield case
        if scenario.fires_at is None:
            continue
        yield renamed(case, "two-replicas", instances=("a:9721", "b:9721"))
        if any(COUNTERS.match(name) for name in scenario.wrong):
            yield renamed(case, "counter-reset", world=reset(case.world, RESET_AT))
        if scenario.again is not None:
            yield renamed(case, "restart", **_over_a_restart(scenario, scenario.fires_at + 60, scenario.again))
        if scenario.alert not in ("OutboxWatchdog", "OutboxExporterDown"):
            yield renamed(case, "no-data", **_vanishing(scenario, scenario.fires_at + 60))


def _over_a_restart(scenario: Scenario, at: float, again: float) -> dict[str, object]:
    seen = at + OUTAGE + again + 30
    stands = [stands for time, stands in scenario.timeline.items() if time <= seen][-1]
    assert "pending" not in stands
    return {
        "scenario": replace(scenario, timeline={seen: stands}),
        "texts": False,
        "world": restarted(world_of(scenario), at, at + OUTAGE),
    }


def _vanishing(scenario: Scenario, at: float) -> dict[str, object]:
    world: World = {
        name: series if name == "up" else phases(series, (at, gone)) for name, series in world_of(scenario).items()
    }
    return {"scenario": replace(scenario, timeline={at + LONGEST_MEMORY: ""}), "world": world}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory) -> dict[str, str]:
    """What promtool says of the file that is shipped, by case; one process for all."""
    return failures(tmp_path_factory.mktemp("rules"), SHIPPED.read_text(), cases())


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_does_what_it_should(complaints, alert):
    """Pending and firing in time, with all labels and annotations; resolved in time; silent otherwise."""
    assert {name: said for name, said in complaints.items() if name.startswith(f"{alert}:")} == {}


def test_no_complaint_is_left_out(complaints):
    """Every complaint belongs to an alert."""
    assert {name.partition(":")[0] for name in complaints} <= set(ALERTS)


def test_the_shipped_file_is_the_policy():
    """What the scenarios are put to is what `outbox-exporter rules` prints."""
    assert SHIPPED.read_text() == rule_file(POLICY)
