"""The report: ratios, tables, JSON."""

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from benchmarks.__main__ import parser, plan_of
from benchmarks.commands import CommandCost
from benchmarks.compare import Responsiveness, SchemaComparison
from benchmarks.health import CollectorHealth
from benchmarks.load import LatencyResult
from benchmarks.measure import ExporterResult
from benchmarks.plan import Variant
from benchmarks.report import BenchmarkReport, command_table, cost_table, ratio
from benchmarks.statements import StatementCost
from benchmarks.stress import StressResult

OURS = ExporterResult(
    exporter="outbox-exporter",
    version="abc1234",
    build="outbox-exporter",
    watching=False,
    minutes=10.0,
    statements=(StatementCost("outbox-exporter: backlog", 40, 80, 4_000, 0.5, 0.02),),
    connections=1,
    errors=0,
    first_values=0.5,
    processor=0.03,
    health=0.01,
    unhealthy=0,
    resident=50 << 20,
    series=184,
    size=19_000,
)
WATCHING = replace(OURS, exporter="outbox-exporter, watch", watching=True, processor=0.04)
OLD = replace(OURS, exporter="80bb9ed", version="80bb9ed", build="80bb9ed", health=0.17, resident=100 << 20)
OTHER = replace(
    OURS,
    exporter="query-exporter",
    version="5.2.2",
    build=None,
    health=None,
    minutes=2.0,
    statements=(StatementCost("SELECT count(*) | 1", 8, 8, 400_000, 2.0, 1.0),),
)
SMALL = replace(OURS, minutes=20.0)
LATENCIES = {
    "outbox-exporter": [LatencyResult(1, 5_000, 0.0006, 0.002, 1_500.0), LatencyResult(8, 5_000, 0.003, 0.004, 2_000.0)]
}
COSTS = [
    CommandCost("--help", "outbox-exporter", 0.1, 20 << 20, 0),
    CommandCost("--help", "80bb9ed", 0.4, 50 << 20, 0),
]
HEALTH = CollectorHealth("backlog", runs=40, failures=0, spent=3.0, longest=0.5, interval=15.0, oldest=15.5)


@pytest.fixture
def report():
    return BenchmarkReport(
        plan_of(parser().parse_args(["--reuse", "/somewhere/private"])),
        {"PostgreSQL": "15"},
        comparisons=[SchemaComparison(Variant.DEPLOYED, (OURS, WATCHING, OLD, OTHER), SMALL)],
        responsiveness=Responsiveness(LATENCIES, COSTS),
        stresses=[StressResult("1,000,000 pending jobs", 600.0, (HEALTH,), (), 0, 1e6)],
    )


def row(lines: Iterable[str], title: str) -> str:
    return next(line for line in lines if line.startswith(f"| {title} |"))


@pytest.mark.parametrize(
    ("title", "cells"),
    [
        ("processor time, s per minute: process", "0.0300 | 0.0400 | 0.0300 | 0.0300"),
        ("health checks", "0.0100 | 0.0100 | 0.1700 | -"),
        ("sum", "0.0400 | 0.0500 | 0.2000 | 0.0300"),
        ("sum ÷ other build", "0.20 | - | 5.00 | -"),
        ("process ÷ query-exporter", "1.00 | 1.33 | 1.00 | 1.00"),
        ("memory ÷ other build", "0.50 | - | 2.00 | -"),
        ("buffers per minute", "400 | 400 | 400 | 200,000"),
        ("query-exporter's buffers ÷ these", "500 | 500 | 500 | 1"),
        ("buffers ÷ those with few rows", "2.00 | - | - | -"),
        ("scrape p99, ms, 8 clients", "4.00 | - | - | -"),
    ],
)
def test_the_cost_table(report, title, cells):
    """Values per minute over unequal times; builds are compared in the same use; a missing value is a dash."""
    lines = cost_table(report.comparisons, report.responsiveness.latencies)
    assert row(lines, title) == f"| {title} | deployed | {cells} |"


def test_other_exporters_alone_are_compared_with_nothing_of_ours():
    """They are still worth a table."""
    lines = cost_table([SchemaComparison(Variant.INDEXED, (OTHER,), None)], {})
    assert row(lines, "sum ÷ other build").endswith("| indexed | - |")


def test_commands_are_compared_between_builds():
    """Time, memory, exit status, then the ratios."""
    assert row(command_table(COSTS), "`--help`") == "| `--help` | 100 | 400 | 20.0 | 50.0 | 0 | 0 | 0.25 | 0.40 |"
    assert row(command_table(COSTS[:1]), "`--help`") == "| `--help` | 100 | 20.0 | 0 |"


def test_nothing_divides_by_zero():
    """A ratio to nothing is not a number."""
    assert ratio(5, 0) == "-"


def test_the_report_has_every_part(report):
    """Comparison, commands and stress are there, with statements that cannot break their table."""
    text = report.as_markdown()
    assert "## Schema: deployed" in text
    assert "## Commands" in text
    assert "| `SELECT count(*) ¦ 1` | 8 |" in text
    assert "| backlog | 40 | 0 | 0.500 | 15.0 | 0.50 | 15.5 |" in text


def test_json_holds_every_figure_and_no_place_of_this_machine(report):
    """JSON has the exact numbers that Markdown rounds; directories are named without their path."""
    text = report.as_json()
    data = json.loads(text)
    assert data["comparisons"][0]["variant"] == "deployed"
    assert data["comparisons"][0]["results"][0]["statements"][0]["buffers"] == 4_000
    assert "/somewhere" not in text
