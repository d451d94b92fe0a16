"""The sentences about shares and rates."""

from __future__ import annotations

from alerts.watch.analysis import estimates
from alerts.watch.model.check import Outcomes
from alerts.watch.model.result import Estimate

SHARE = Outcomes(0.05, "initialisations", "failed", trials=("a",), successes=("b",))
RATE = Outcomes(10 / 300, "activations", events=("a",), per=300.0)
FEW = Estimate(3, 120, 0.0024, 0.0711, 0.05, needed=79.2)


def test_a_bound_is_not_rounded_inwards():
    """0.81 % is at most 0.9 %, and at least 0.8 %."""
    found = Estimate(8, 1000, 0.0089, 0.0081, 0.05, detectable=0.0191)
    assert estimates.excluded(SHARE, found) == (
        "At most 0.9 % at 95 % (8 of 1,000 initialisations failed); 2.0 % would have been seen."
    )
    assert (
        estimates.proved(SHARE, found)
        == "In the whole watch at least 0.8 % at 95 % (8 of 1,000 initialisations failed)."
    )


def test_a_bound_that_is_round_stays_so():
    """Floating point does not make 0.3 % of it 0.4 %."""
    assert "At most 0.3 %" in estimates.excluded(SHARE, Estimate(1, 1000, 0, 0.003, 0.05))


def test_without_power_none_is_stated():
    """Too few outcomes would have proved anything."""
    assert estimates.excluded(SHARE, Estimate(0, 81, 0, 0.0499, 0.05)) == (
        "At most 5.0 % at 95 % (0 of 81 initialisations failed)."
    )


def test_a_rate_is_given_in_its_duration():
    """Events in five minutes, of all that were counted."""
    found = Estimate(288, 86_340, 0.00265, 0.00413, 10 / 300, detectable=0.03705)
    assert estimates.excluded(RATE, found) == (
        "At most 1.3 in 5 min at 95 % (288 activations in 23 h 59 min); 11.2 in 5 min would have been seen."
    )


def test_not_enough():
    """How many more outcomes, or how much more time."""
    assert estimates.not_excluded(SHARE, FEW, final=True) == (
        "Not enough initialisations to exclude 5.0 %: at most 7.2 % at 95 % (3 of 120 initialisations failed); "
        "about 80 more would have been needed."
    )
    assert estimates.not_excluded(SHARE, FEW, final=False) == (
        "Not enough initialisations yet to exclude 5.0 %: at most 7.2 % at 95 % (3 of 120 initialisations failed); "
        "about 80 more are needed."
    )
    assert estimates.not_excluded(RATE, Estimate(0, 60, 0, 0.06, 10 / 300, needed=63), final=True) == (
        "Not enough time to exclude 10 in 5 min: at most 18 in 5 min at 95 % (0 activations in 1 min); "
        "about 1 min 3 s more would have been needed."
    )


def test_about_as_frequent_as_the_limit():
    """No number of outcomes would do."""
    found = Estimate(6, 120, 0.01, 0.112, 0.05, needed=None)
    assert estimates.not_excluded(SHARE, found, final=True) == (
        "5.0 % is not excluded: at most 11.2 % at 95 % (6 of 120 initialisations failed)."
    )
    assert estimates.not_excluded(SHARE, found, final=False).startswith("5.0 % is not excluded yet: ")
    nothing = Estimate(0, 0, 0, float("inf"), 10 / 300, needed=None)
    assert "at most any number at 95 %" in estimates.not_excluded(RATE, nothing, final=True)
