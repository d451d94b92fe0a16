"""From fault to pager with today's Prometheus and Alertmanager: scraped, judged by the rules as shipped, told, over.

Two of the faults of the whole matrix, for two kinds of rule: by gauges and by the increase of counters.
"""

from __future__ import annotations

from typing import Final

import pytest

from alerts.model import RuleKey
from tests.alerts.pager import News
from tests.matrix.faults import WORLDS
from tests.matrix.pace import page
from tests.matrix.play import Matrix, play
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
    worlds = {name: (rate, faults[:1]) for name, (rate, faults) in WORLDS.items() if faults[0].name in EXPECTED}
    return play(tmp_path_factory.mktemp("newest"), worlds, require_newest)


def test_each_is_told_by_its_page_alone(matrix: Matrix) -> None:
    """One page for each fault, and that by the pager."""
    assert {name: played.pages for name, played in matrix.played.items()} == {
        name: {rule} for name, rule in EXPECTED.items()
    }
    assert {each.receiver for rule in EXPECTED.values() for each in told(matrix, rule)} == {"pager"}


def told(matrix: Matrix, rule: RuleKey) -> list[News]:
    """The notifications of a rule."""
    news = (each for played in matrix.played.values() for each in played.news)
    return [each for each in news if (each.name, each.labels["severity"]) == (rule.alert, rule.severity.value)]


def test_each_is_over_in_time(matrix: Matrix) -> None:
    """Prometheus says so, and so does the pager."""
    for name, played in matrix.played.items():
        assert played.calm_at is not None
        assert EXPECTED[name] not in played.unresolved


def test_the_watchdog_beats(matrix: Matrix) -> None:
    """To its own receiver, to the end. Its first beat may take a minute, as in the whole matrix."""
    assert {each.receiver for each in matrix.watchdog} == {"deadmans-switch"}
    assert matrix.watchdog[-1].at > max(played.ended_at for played in matrix.played.values())


def test_neither_complains(matrix: Matrix) -> None:
    """Of no scrape, no rule, no notification, and of nothing in the configuration."""
    assert matrix.complaints == ()
