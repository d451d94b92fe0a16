"""From fault to pager, live: what has to arrive arrives in time, no other page does, and it is told to be over.

Lab, exporter, Prometheus, rules, Alertmanager: all real, and the files as shipped but for pace and addresses. Which
alerts arrive is judged strictly; a busy machine may take longer than the rules do.
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

# Seconds that a loaded machine may add: to samples, scrapes, evaluations, notifications.
SLACK = 20.0
WRITE = "OUTBOX_EXPORTER_TEST_WRITE_MATRIX"

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
each_alerting_fault = pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.expected], ids=lambda fault: fault.name
)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """All of it, once."""
    for program in ("prometheus", "prometheus-alertmanager"):
        require_program(program)
    played = run_matrix(tmp_path_factory.mktemp("matrix"))
    if os.environ.get(WRITE):
        PAGE.write_text(with_measurements(PAGE.read_text("utf-8"), played), "utf-8")
    return played


@each_alerting_fault
def test_expected_alerts_arrive_in_time(matrix, fault):
    """After its condition and for-duration and three intervals; and not before the for-duration."""
    played = matrix.played[fault.name]
    for rule in sorted(fault.expected):
        assert rule in played.told, f"{rule} did not arrive; {sorted(map(str, played.told))} did"
        took = played.told[rule] - played.active_at
        log.info("%s: %s after %.1f s, at the latest %.1f s", fault.name, rule, took, at_the_latest(fault, rule))
        assert played.told[rule] - played.began_at >= POLICY.rule(rule).hold_duration
        assert took <= at_the_latest(fault, rule) + SLACK


@each_fault
def test_no_other_page_arrives(matrix, fault):
    """Nobody is woken twice for one reason, nor for none, nor by an echo."""
    assert matrix.played[fault.name].pages == {rule for rule in fault.expected if rule.severity is Severity.PAGE}


@each_fault
def test_no_other_ticket_arrives(matrix, fault):
    """But those that are true as well."""
    others = {rule for rule in matrix.played[fault.name].told if rule.severity is not Severity.PAGE}
    assert {str(rule) for rule in others - fault.expected - fault.tolerated} == set()


@each_fault
def test_alerts_are_resolved_after_the_fault(matrix, fault):
    """Prometheus says so, and the end of all that was expected is told."""
    played = matrix.played[fault.name]
    assert played.recovered_at is not None
    assert not fault.expected & played.unresolved


def test_everything_goes_to_its_receiver(matrix):
    """Pages to the pager, tickets to the others."""
    told = {(each.receiver, key(each).severity) for played in matrix.played.values() for each in played.received}
    assert told == {("pager", Severity.PAGE), ("tickets", Severity.TICKET)}


def test_the_watchdog_fires_throughout(matrix):
    """About once a minute of the rehearsed time, to the end, whatever else was going on."""
    times = [each.at for each in matrix.watchdog]
    assert {each.receiver for each in matrix.watchdog} == {"deadmans-switch"}
    assert max(later - earlier for earlier, later in pairwise(times)) < 3 * 60 * SCALE + SLACK
    assert times[-1] > max(played.ended_at for played in matrix.played.values())
    # An alert that fires before Prometheus knows its Alertmanager is sent a minute later, at any pace.
    assert times[0] < min(played.began_at for played in matrix.played.values()) + 60 + SLACK


def test_quiet_labs_were_scraped(matrix):
    """Where nothing arrived, the world was seen all the time: a burst above 1000, and an hour of zeros."""
    assert matrix.seen["most jobs"]["kept"] > 1000
    assert matrix.seen["most jobs"]["night"] == 0
    assert matrix.seen["samples"]["night"] > 0.8 * HOUR / INTERVAL


def test_every_fault_of_the_lab_is_run():
    """By its name or in a form that suits the pace: a new one needs a row here."""
    played = {fault.name for fault in FAULTS}
    names = {
        "processor-stalled": "processor stalled",
        "processor-crashed": "processor crashed",
        "poison-rows": "120 poison rows",
        "slow-processing": "slow processing",
        "failing-initialisations": "failing initialisations",
        "application-down": "application down",
        "database-lock": "table locked",
        "cleanup-dead": "clean-up dead",
    }
    assert set(LAB_FAULTS) == set(names)
    assert set(names.values()) <= played


def test_the_documentation_lists_every_fault():
    """What arrives, for each of them; the figures are of one run."""
    said = described(PAGE.read_text("utf-8"))
    assert said == {fault.name: arrivals(fault) for fault in FAULTS}
