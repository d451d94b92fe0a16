"""From fault to pager: the expected alerts arrive in time, no other page does, and they are resolved afterwards.

Lab, exporter, Prometheus, rules and Alertmanager are real; of the shipped files only times and addresses are changed.
The set of alerts has to match exactly; their times may be later on a busy machine.
"""

from __future__ import annotations

import logging
import os
from itertools import pairwise

import pytest

from alerts.model import Severity
from exporter.lab.faults import FAULTS as LAB_FAULTS
from tests.matrix.run_matrix import Matrix, key, run_matrix
from tests.matrix.table import FAULTS, PAGE, arrivals, at_the_latest, described, with_measurements
from tests.matrix.time_scale import HOUR, INTERVAL, POLICY, SCALE
from tests.requirements import require_program

pytestmark = pytest.mark.timeout(900)
log = logging.getLogger(__name__)

# Seconds that a busy machine may add to samples, scrapes, evaluations and notifications.
SLACK = 20.0
WRITE = "OUTBOX_EXPORTER_TEST_WRITE_MATRIX"

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
each_alerting_fault = pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.expected], ids=lambda fault: fault.name
)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The result of one run of all faults."""
    for program in ("prometheus", "prometheus-alertmanager"):
        require_program(program)
    run = run_matrix(tmp_path_factory.mktemp("matrix"))
    if os.environ.get(WRITE):
        PAGE.write_text(with_measurements(PAGE.read_text("utf-8"), run), "utf-8")
    return run


@each_alerting_fault
def test_expected_alerts_arrive_in_time(matrix, fault):
    """Not before the for-duration, and within condition, for-duration and three intervals."""
    result = matrix.results[fault.name]
    for rule in sorted(fault.expected):
        assert rule in result.fired_at, f"{rule} did not arrive; {sorted(map(str, result.fired_at))} did"
        took = result.fired_at[rule] - result.active_at
        log.info("%s: %s after %.1f s, at the latest %.1f s", fault.name, rule, took, at_the_latest(fault, rule))
        assert result.fired_at[rule] - result.began_at >= POLICY.rule(rule).hold_duration
        assert took <= at_the_latest(fault, rule) + SLACK


@each_fault
def test_no_other_page_arrives(matrix, fault):
    """A fault causes its expected pages and no others, before or after its end."""
    assert matrix.results[fault.name].pages == {rule for rule in fault.expected if rule.severity is Severity.PAGE}


@each_fault
def test_no_other_ticket_arrives(matrix, fault):
    """Only expected and tolerated tickets arrive."""
    others = {rule for rule in matrix.results[fault.name].fired_at if rule.severity is not Severity.PAGE}
    assert {str(rule) for rule in others - fault.expected - fault.tolerated} == set()


@each_fault
def test_alerts_are_resolved_after_the_fault(matrix, fault):
    """In Prometheus, and by a resolved notification for each expected alert."""
    result = matrix.results[fault.name]
    assert result.recovered_at is not None
    assert not fault.expected & result.unresolved


def test_every_alert_is_routed_to_its_receiver(matrix):
    """Pages arrive at receiver `pager`, tickets at receiver `tickets`."""
    receivers = {(each.receiver, key(each).severity) for result in matrix.results.values() for each in result.received}
    assert receivers == {("pager", Severity.PAGE), ("tickets", Severity.TICKET)}


def test_the_watchdog_fires_throughout(matrix):
    """About once a scaled minute, until the end, during every fault."""
    times = [each.at for each in matrix.watchdog]
    assert {each.receiver for each in matrix.watchdog} == {"deadmans-switch"}
    assert max(later - earlier for earlier, later in pairwise(times)) < 3 * 60 * SCALE + SLACK
    assert times[-1] > max(result.ended_at for result in matrix.results.values())
    # An alert that fires before Prometheus knows its Alertmanager is sent a minute later, whatever the scale.
    assert times[0] < min(result.began_at for result in matrix.results.values()) + 60 + SLACK


def test_quiet_labs_were_scraped(matrix):
    """The labs without alerts were scraped throughout: a burst above 1000 jobs, and an hour of zeros."""
    assert matrix.figures["most jobs"]["housekeeping"] > 1000
    assert matrix.figures["most jobs"]["no traffic"] == 0
    assert matrix.figures["samples"]["no traffic"] > 0.8 * HOUR / INTERVAL


def test_every_fault_of_the_lab_is_run():
    """By its name or in a form that suits the time scale; a new fault of the lab needs a row."""
    rows = {fault.name for fault in FAULTS}
    names = {
        "processor-stalled": "processor stalled",
        "processor-crashed": "processor crashed",
        "poison-rows": "120 exhausted jobs",
        "slow-processing": "slow processing",
        "failing-initialisations": "failing initialisations",
        "application-down": "application down",
        "database-lock": "table locked",
        "cleanup-dead": "clean-up stopped",
    }
    assert set(LAB_FAULTS) == set(names)
    assert set(names.values()) <= rows


def test_the_documentation_lists_every_fault():
    """With the alerts of each; the figures are those of one run."""
    documented = described(PAGE.read_text("utf-8"))
    assert documented == {fault.name: arrivals(fault) for fault in FAULTS}
