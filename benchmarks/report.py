"""The report as Markdown and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.compare import ExporterComparison, GrowthResult
from benchmarks.exporters import OURS
from benchmarks.measure import ExporterResult
from benchmarks.plan import BenchmarkPlan
from benchmarks.statements import StatementCost, total
from benchmarks.stress import BUDGET, StressResult

_MIB: Final = 1 << 20
_STATEMENTS_SHOWN: Final = 12


@dataclass(slots=True)
class BenchmarkReport:
    """The results of one invocation, complete or not yet."""

    plan: BenchmarkPlan
    versions: dict[str, str]
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    comparisons: list[ExporterComparison] = field(default_factory=list)
    growths: list[GrowthResult] = field(default_factory=list)
    stresses: list[StressResult] = field(default_factory=list)

    def as_json(self) -> str:
        """All values."""
        return json.dumps(asdict(self), default=_plain, indent=2)

    def as_markdown(self) -> str:
        """Tables with ratios."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from ("# Cost of monitoring", "", *self._setting(), "")
        for comparison in self.comparisons:
            yield from (f"## Schema: {comparison.variant.value}", "", *comparison_table(comparison.results), "")
            if comparison.beside:
                yield from ("### In parallel", "", *parallel_table(comparison.beside), "")
            for result in comparison.results:
                yield from (f"### Statements of {result.exporter}", "", *statement_table(result.statements), "")
        for growth in self.growths:
            yield from (f"## Growth, schema: {growth.variant.value}", "", *growth_table(growth, self.plan), "")
            yield from ("### Statements for few rows", "", *statement_table(growth.small.statements), "")
            yield from ("### Statements for many rows", "", *statement_table(growth.large.statements), "")
        for stress in self.stresses:
            yield from (f"## Under stress: {stress.title}", "", *stress_table(stress), "")
            yield from ("### Statements", "", *statement_table(stress.statements), "")

    def _setting(self) -> Iterator[str]:
        size = self.plan.size
        yield (
            f"{size.jobs:,} processed jobs and {size.events:,} events over 30 days, {size.keys:,} idempotency keys, "
            f"{size.pending:,} pending jobs, {size.courses:,} courses, {size.rate:,} new rows an hour in each table."
        )
        yield f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}."
        yield " · ".join(f"{name} {version}" for name, version in self.versions.items())


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the comparison: its title, its value from a result, its format."""

    title: str
    value: Callable[[ExporterResult], float]
    form: str = ",.0f"


FIGURES: Final = (
    Figure("buffers per minute", lambda result: result.per_minute(result.total.buffers)),
    Figure("rows returned per minute", lambda result: result.per_minute(result.total.rows)),
    Figure("statements per minute", lambda result: result.per_minute(result.total.calls), ",.1f"),
    Figure("database time, ms per minute", lambda result: result.per_minute(1000 * result.total.seconds), ",.1f"),
    Figure("longest statement, ms", lambda result: 1000 * result.total.longest, ",.1f"),
    Figure("transactions per minute", lambda result: result.transactions, ",.1f"),
    Figure("connections made", lambda result: result.connections),
    Figure("sessions at once", lambda result: result.backends),
    Figure("failed statements, not counted above", lambda result: result.errors),
    Figure("first complete values, s", lambda result: result.first_values, ".2f"),
    Figure("processor time, s per minute", lambda result: result.processor, ".3f"),
    Figure("resident memory, MiB", lambda result: result.resident / _MIB, ".1f"),
    Figure("resident memory after the load, MiB", lambda result: result.resident_driven / _MIB, ".1f"),
    Figure("series", lambda result: result.series),
    Figure("bytes of a scrape", lambda result: result.size),
    Figure("measured, minutes", lambda result: result.minutes, ".1f"),
)


def comparison_table(results: Sequence[ExporterResult]) -> Iterator[str]:
    """One column per exporter, and one with the ratio to ours for each other exporter."""
    ours = next((result for result in results if result.exporter == OURS), None)
    others = [result for result in results if ours is not None and result is not ours]
    heads = [*(f"{result.exporter} {result.version}" for result in results)]
    heads += [f"{other.exporter} ÷ ours" for other in others]
    yield from _head("", *heads)
    for figure in (*FIGURES, *_load_figures(results)):
        cells = [format(figure.value(result), figure.form) for result in results]
        if ours is not None:
            cells += [ratio(figure.value(other), figure.value(ours)) for other in others]
        yield _row(figure.title, *cells)


def parallel_table(beside: Mapping[str, float]) -> Iterator[str]:
    """Processor time of all in parallel, and the ratio to ours."""
    ours = beside.get(OURS, 0.0)
    yield from _head("in parallel", "processor time, s per minute", "÷ ours")
    for exporter, seconds in beside.items():
        yield _row(exporter, f"{seconds:.4f}", ratio(seconds, ours))


def growth_table(growth: GrowthResult, plan: BenchmarkPlan) -> Iterator[str]:
    """Buffers per minute for few rows and for many, with the same traffic and backlog."""
    few, many = (result.per_minute(result.total.buffers) for result in (growth.small, growth.large))
    yield from _head("jobs and events", "buffers per minute", "ratio")
    yield _row(f"{growth.rows:,}", f"{few:,.0f}", "1")
    yield _row(f"{plan.size.jobs:,}", f"{many:,.0f}", ratio(many, few))


def stress_table(stress: StressResult) -> Iterator[str]:
    """The collectors with their budgets, then the totals of the database."""
    yield from _head(
        "collector",
        "runs",
        "failures",
        "longest run, s",
        "longest interval, s",
        "time spent ÷ budget",
        "oldest value, s",
    )
    for health in stress.health:
        yield _row(
            health.collector,
            f"{health.runs:,}",
            f"{health.failures:,}",
            f"{health.longest:.3f}",
            f"{health.interval:.1f}",
            f"{health.share(stress.seconds) / BUDGET:.2f}",
            f"{health.oldest:.1f}",
        )
    cost = total(stress.statements)
    yield ""
    yield (
        f"{cost.seconds:.2f} s of database time in {stress.seconds:.0f} s, the longest statement {cost.longest:.3f} s; "
        f"{cost.buffers:,} buffers; {stress.errors} failed statements, not counted in these; "
        f"{stress.pending:,.0f} pending jobs on /metrics at the end."
    )


def statement_table(statements: Sequence[StatementCost]) -> Iterator[str]:
    """The statements with most buffers."""
    yield from _head("statement", "calls", "rows", "buffers", "buffers per call", "ms", "longest ms")
    for cost in statements[:_STATEMENTS_SHOWN]:
        yield _row(
            f"`{cost.query.replace('|', '¦')}`",
            f"{cost.calls:,}",
            f"{cost.rows:,}",
            f"{cost.buffers:,}",
            f"{cost.buffers / max(1, cost.calls):,.1f}",
            f"{1000 * cost.seconds:,.1f}",
            f"{1000 * cost.longest:,.1f}",
        )


def ratio(other: float, ours: float) -> str:
    """The ratio of another exporter's value to ours."""
    return f"{other / ours:,.2f}" if ours else "-"


def _load_figures(results: Sequence[ExporterResult]) -> Iterator[Figure]:
    """The latencies for each number of clients; none when they were not measured."""
    for number, load in enumerate(results[0].loads if results else ()):
        who = "alone" if load.clients == 1 else f"{load.clients} clients"
        yield Figure(f"scrape p50, ms, {who}", partial(_latency, number, "p50"), ".2f")
        yield Figure(f"scrape p99, ms, {who}", partial(_latency, number, "p99"), ".2f")
        yield Figure(f"scrapes per second, {who}", partial(_speed, number))


def _latency(number: int, share: Literal["p50", "p99"], result: ExporterResult) -> float:
    load = result.loads[number]
    return 1000 * (load.p50 if share == "p50" else load.p99)


def _speed(number: int, result: ExporterResult) -> float:
    return result.loads[number].per_second


def _head(*cells: str) -> Iterable[str]:
    return _row(*cells), _row("---", *("---:" for _ in cells[1:]))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case Path():
            return value.name
        case datetime():
            return value.isoformat()
        case _:
            raise TypeError(f"{type(value).__name__} cannot be reported")
