"""The comparison of exporters."""

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import compare
from benchmarks.compare import ExporterComparison, measure_or_skip
from benchmarks.plan import Durations, Variant

DURATIONS = Durations(minutes=10, others_minutes=2, beside_minutes=0, backlog_minutes=0, requests=7, seconds=30)


@pytest.mark.parametrize(("name", "minutes"), [("outbox-exporter", 10), ("query-exporter", 2)])
def test_each_exporter_has_its_duration(monkeypatch, name, minutes):
    """Ours has a longer one than the others."""
    monkeypatch.setattr(compare, "measure", lambda *arguments: arguments[2:])
    exporter: Any = SimpleNamespace(name=name)
    assert measure_or_skip(SimpleNamespace(), exporter, DURATIONS) == (minutes, 7, 30)  # type: ignore[arg-type, comparison-overlap]


def test_an_exporter_that_fails_is_left_out(monkeypatch, caplog):
    """With a line in the log; the others are still measured."""

    def fail(*_: object) -> None:
        raise RuntimeError("ended")

    monkeypatch.setattr(compare, "measure", fail)
    exporter: Any = SimpleNamespace(name="query-exporter")
    assert measure_or_skip(SimpleNamespace(), exporter, DURATIONS) is None  # type: ignore[arg-type]
    assert "query-exporter is left out" in caplog.text


def test_a_result_is_found_by_the_name_of_its_exporter():
    results: Any = (SimpleNamespace(exporter="a"), SimpleNamespace(exporter="b"))
    comparison = ExporterComparison(Variant.DEPLOYED, results, {})
    assert comparison.of("b") is results[1]
    assert comparison.of("c") is None
