"""The report: ratios, tables, JSON."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from benchmarks.__main__ import parser, plan_of
from benchmarks.compare import ExporterComparison, GrowthResult
from benchmarks.health import CollectorHealth
from benchmarks.load import LatencyResult
from benchmarks.measure import ExporterResult
from benchmarks.plan import Variant
from benchmarks.report import BenchmarkReport, comparison_table, ratio
from benchmarks.statements import StatementCost
from benchmarks.stress import StressResult

OURS = ExporterResult(
    exporter="outbox-exporter",
    version="0.1.0",
    minutes=10.0,
    statements=(StatementCost("outbox-exporter: backlog", 40, 80, 4_000, 0.5, 0.02),),
    transactions=16.0,
    connections=1,
    backends=1,
    errors=0,
    first_values=0.5,
    processor=0.03,
    resident=50 << 20,
    resident_driven=51 << 20,
    series=184,
    size=19_000,
    loads=(LatencyResult(1, 5_000, 0.0006, 0.002, 1_500.0), LatencyResult(8, 5_000, 0.003, 0.004, 2_000.0)),
)
OTHER = replace(
    OURS,
    exporter="query-exporter",
    version="5.2.2",
    minutes=2.0,
    statements=(StatementCost("SELECT count(*) | 1", 8, 8, 400_000, 2.0, 1.0),),
)
HEALTH = CollectorHealth("backlog", runs=40, failures=0, spent=3.0, longest=0.5, interval=15.0, oldest=15.5)


@pytest.fixture
def report():
    return BenchmarkReport(
        plan_of(parser().parse_args(["--reuse", "/somewhere/private"])),
        {"PostgreSQL": "15"},
        comparisons=[ExporterComparison(Variant.DEPLOYED, (OURS, OTHER), {OURS.exporter: 0.03, OTHER.exporter: 0.024})],
        growths=[GrowthResult(Variant.DEPLOYED, 100_000, replace(OURS, minutes=20.0), OURS)],
        stresses=[
            StressResult(
                "1,000,000 pending jobs", 600.0, (CollectorHealth("backlog", 40, 0, 3.0, 0.5, 15.0, 15.5),), (), 0, 1e6
            )
        ],
    )


def row(lines: Iterable[str], title: str) -> str:
    return next(line for line in lines if line.startswith(f"| {title} |"))


def test_figures_are_compared_per_minute():
    """Four hundred buffers a minute against two hundred thousand, over unequal times, are a ratio of 500."""
    assert (
        row(comparison_table([OURS, OTHER]), "buffers per minute") == "| buffers per minute | 400 | 200,000 | 500.00 |"
    )
    assert row(comparison_table([OURS, OTHER]), "scrape p99, ms, 8 clients").endswith("| 4.00 | 4.00 | 1.00 |")


def test_a_table_without_ours_has_no_ratios():
    """Others alone are still worth a table."""
    assert row(comparison_table([OTHER]), "connections made") == "| connections made | 1 |"


def test_nothing_divides_by_zero():
    """A ratio to nothing is not a number."""
    assert ratio(5, 0) == "-"


def test_the_report_has_every_part(report):
    """Comparison, growth and stress are there, with statements that cannot break their table."""
    text = report.as_markdown()
    assert "## Schema: deployed" in text
    assert "| query-exporter | 0.0240 | 0.80 |" in text
    assert "| `SELECT count(*) ¦ 1` | 8 |" in text
    assert "| 10,000,000 | 400 | 2.00 |" in text
    assert "| backlog | 40 | 0 | 0.500 | 15.0 | 0.50 | 15.5 |" in text


def test_json_holds_every_figure_and_no_place_of_this_machine(report):
    """JSON has the exact numbers that Markdown rounds; directories are named without their path."""
    text = report.as_json()
    data = json.loads(text)
    assert data["comparisons"][0]["variant"] == "deployed"
    assert data["comparisons"][0]["results"][0]["statements"][0]["buffers"] == 4_000
    assert "/somewhere" not in text
