"""The comparison of exporters."""

from types import SimpleNamespace
from typing import Any

from benchmarks.compare import SchemaComparison, _routines
from benchmarks.plan import Variant


def test_a_result_is_found_by_the_name_of_its_exporter():
    results: Any = (SimpleNamespace(exporter="a"), SimpleNamespace(exporter="b"))
    comparison = SchemaComparison(Variant.DEPLOYED, results, None)
    assert comparison.of("b") is results[1]
    assert comparison.of("c") is None


def test_scrapes_and_health_checks_are_spread_evenly():
    """A scrape every 15 s, and a health check at the interval of the image, none at the same time."""

    def run(shipped: Any) -> Any:
        return SimpleNamespace(scrape="scrape", check_health="check", exporter=SimpleNamespace(shipped=shipped))

    routines = list(_routines([run(SimpleNamespace(health_interval=30)), run(None)], 100.0))
    assert [(str(routine.action), routine.every, routine.due) for routine in routines] == [
        ("scrape", 15, 100.0),
        ("check", 30, 101.0),
        ("scrape", 15, 107.5),
    ]
