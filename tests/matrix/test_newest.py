"""From fault to pager with today's Prometheus and Alertmanager: scraped, judged by the rules as shipped, told, over.

Two of the faults of the whole matrix, for two kinds of rule: by gauges and by the increase of counters.
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
    """The first fault of each of these worlds, side by side."""
    for program in ("prometheus", "prometheus-alertmanager"):
        require_newest(program)
    worlds = {name: (rate, faults[:1]) for name, (rate, faults) in FAULTS_BY_LAB.items() if faults[0].name in EXPECTED}
    return run_matrix(tmp_path_factory.mktemp("newest"), worlds, require_newest)


def test_each_fault_sends_its_page_alone(matrix: Matrix) -> None:
    """One page for each fault, and that by the pager."""
    assert {name: played.pages for name, played in matrix.played.items()} == {
        name: {rule} for name, rule in EXPECTED.items()
    }
    assert {each.receiver for rule in EXPECTED.values() for each in told(matrix, rule)} == {"pager"}


def told(matrix: Matrix, rule: RuleKey) -> list[ReceivedAlert]:
    """The notifications of a rule."""
    received = (each for played in matrix.played.values() for each in played.received)
    return [each for each in received if (each.name, each.labels["severity"]) == (rule.alert, rule.severity.value)]


def test_each_page_is_resolved_in_time(matrix: Matrix) -> None:
    """Prometheus says so, and so does the pager."""
    for name, played in matrix.played.items():
        assert played.recovered_at is not None
        assert EXPECTED[name] not in played.unresolved


def test_the_watchdog_fires(matrix: Matrix) -> None:
    """To its own receiver, to the end. Its first beat may take a minute, as in the whole matrix."""
    assert {each.receiver for each in matrix.watchdog} == {"deadmans-switch"}
    assert matrix.watchdog[-1].at > max(played.ended_at for played in matrix.played.values())


def test_neither_logs_a_warning(matrix: Matrix) -> None:
    """Of no scrape, no rule, no notification, and of nothing in the configuration."""
    assert matrix.log_warnings == ()
