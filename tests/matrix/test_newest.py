"""From fault to pager with the newest Prometheus and Alertmanager and the shipped rules.

Two faults of the matrix, for two kinds of rules: on gauges and on the increase of counters.
"""

from __future__ import annotations

from typing import Final

import pytest

from alerts.model import RuleKey
from tests.alerts.pager import ReceivedAlert
from tests.matrix.faults import FAULTS_BY_LAB
from tests.matrix.run_matrix import Matrix, run_matrix
from tests.matrix.time_scale import page
from tests.newest import require_newest

pytestmark = pytest.mark.timeout(400)

EXPECTED: Final = {
    "processor stalled": page("OutboxStalled"),
    "failing initialisations": page("OutboxFsmFailureRateHigh"),
}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The first fault of each of these labs, side by side."""
    for program in ("prometheus", "prometheus-alertmanager"):
        require_newest(program)
    labs = {name: (rate, faults[:1]) for name, (rate, faults) in FAULTS_BY_LAB.items() if faults[0].name in EXPECTED}
    return run_matrix(tmp_path_factory.mktemp("newest"), labs, require_newest)


def test_each_fault_sends_its_page_alone(matrix: Matrix) -> None:
    """One page for each fault, at receiver `pager`."""
    assert {name: result.pages for name, result in matrix.results.items()} == {
        name: {rule} for name, rule in EXPECTED.items()
    }
    assert {each.receiver for rule in EXPECTED.values() for each in notifications(matrix, rule)} == {"pager"}


def notifications(matrix: Matrix, rule: RuleKey) -> list[ReceivedAlert]:
    """The notifications of a rule."""
    received = (each for result in matrix.results.values() for each in result.received)
    return [each for each in received if (each.name, each.labels["severity"]) == (rule.alert, rule.severity.value)]


def test_each_page_is_resolved_in_time(matrix: Matrix) -> None:
    """In Prometheus, and by a resolved notification."""
    for name, result in matrix.results.items():
        assert result.recovered_at is not None
        assert EXPECTED[name] not in result.unresolved


def test_the_watchdog_fires(matrix: Matrix) -> None:
    """At its own receiver, until the end. The first notification may take a minute, as in the whole matrix."""
    assert {each.receiver for each in matrix.watchdog} == {"deadmans-switch"}
    assert matrix.watchdog[-1].at > max(result.ended_at for result in matrix.results.values())


def test_neither_logs_a_warning(matrix: Matrix) -> None:
    """Neither about scrapes, rules and notifications, nor about the configuration."""
    assert matrix.log_warnings == ()
