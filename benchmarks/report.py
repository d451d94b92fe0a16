"""The report as Markdown and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from benchmarks.builds import OURS
from benchmarks.commands import CommandCost
from benchmarks.compare import Responsiveness, SchemaComparison
from benchmarks.exporters import QUERY_EXPORTER
from benchmarks.load import LatencyResult
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
    comparisons: list[SchemaComparison] = field(default_factory=list)
    responsiveness: Responsiveness = field(default_factory=lambda: Responsiveness({}, ()))
    stresses: list[StressResult] = field(default_factory=list)

    def as_json(self) -> str:
        """All values."""
        return json.dumps(asdict(self), default=_plain, indent=2)

    def as_markdown(self) -> str:
        """Tables with ratios."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from ("# Cost of monitoring", "", *self._setting(), "")
        if self.comparisons:
            yield from (*cost_table(self.comparisons, self.responsiveness.latencies), "")
        if self.responsiveness.commands:
            yield from ("## Commands", "", *command_table(self.responsiveness.commands), "")
        for comparison in self.comparisons:
            yield from (f"## Schema: {comparison.variant.value}", "", *detail_table(comparison.results), "")
            small = [comparison.small] if comparison.small else []
            for result in (*comparison.results, *small):
                yield from (f"### Statements of {result.exporter}", "", *statement_table(result.statements), "")
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
    """One row of a table: its title, its value from a result, its format. None: it has no such value."""

    title: str
    value: Callable[[ExporterResult], float | None]
    form: str = ",.0f"


DETAILS: Final = (
    Figure("rows returned per minute", lambda result: result.per_minute(result.total.rows)),
    Figure("statements per minute", lambda result: result.per_minute(result.total.calls), ",.1f"),
    Figure("database time, ms per minute", lambda result: result.per_minute(1000 * result.total.seconds), ",.1f"),
    Figure("longest statement, ms", lambda result: 1000 * result.total.longest, ",.1f"),
    Figure("connections made", lambda result: result.connections),
    Figure("failed statements, not counted above", lambda result: result.errors),
    Figure("failed health checks", lambda result: result.unhealthy),
    Figure("first complete values, s", lambda result: result.first_values, ".2f"),
    Figure("series", lambda result: result.series),
    Figure("bytes of a scrape", lambda result: result.size),
    Figure("measured, minutes", lambda result: result.minutes, ".1f"),
)


def figures(comparison: SchemaComparison) -> tuple[Figure, ...]:
    """The rows of the cost table for one schema."""

    def other_build(result: ExporterResult) -> ExporterResult | None:
        """That of another build of ours in the same use."""
        same = [one for one in comparison.results if one.build and one.watching == result.watching]
        return next((one for one in same if result.build and one.build != result.build), None)

    def peer(_: ExporterResult) -> ExporterResult | None:
        return comparison.of(QUERY_EXPORTER)

    def few(result: ExporterResult) -> ExporterResult | None:
        return comparison.small if result.exporter == OURS else None

    processor, both = attrgetter("processor"), attrgetter("processor_with_health")
    resident, buffers = attrgetter("resident"), attrgetter("buffers")
    return (
        Figure("processor time, s per minute: process", processor, ".4f"),
        Figure("health checks", attrgetter("health"), ".4f"),
        Figure("sum", both, ".4f"),
        Figure("sum ÷ other build", partial(_quotient, both, other_build), ".2f"),
        Figure("process ÷ other build", partial(_quotient, processor, other_build), ".2f"),
        Figure("process ÷ query-exporter", partial(_quotient, processor, peer), ".2f"),
        Figure("resident memory at the end, MiB", lambda result: result.resident / _MIB, ".1f"),
        Figure("memory ÷ other build", partial(_quotient, resident, other_build), ".2f"),
        Figure("buffers per minute", buffers),
        Figure("query-exporter's buffers ÷ these", partial(_inverse, buffers, peer)),
        Figure("buffers ÷ those with few rows", partial(_quotient, buffers, few), ".2f"),
    )


def cost_table(comparisons: Sequence[SchemaComparison], latencies: Mapping[str, Sequence[LatencyResult]]) -> list[str]:
    """All that users pay: a column for each exporter, and a row for each schema and figure; then the scrapes."""
    names = list(dict.fromkeys(result.exporter for one in comparisons for result in one.results))
    rows = [[(one, figure) for figure in figures(one)] for one in comparisons]
    lines = [*_head("", "schema", *names)]
    for of_all_schemas in zip(*rows, strict=True):
        for comparison, figure in of_all_schemas:
            cells = [_cell(figure, comparison.of(name)) for name in names]
            lines.append(_row(figure.title, comparison.variant.value, *cells))
    return [*lines, *_latency_rows(comparisons, latencies, names)]


def _latency_rows(
    comparisons: Sequence[SchemaComparison], latencies: Mapping[str, Sequence[LatencyResult]], names: Sequence[str]
) -> Iterator[str]:
    clients = [load.clients for load in next(iter(latencies.values()), ())]
    for number, several in enumerate(clients):
        who = "alone" if several == 1 else f"{several} clients"
        for share in ("p50", "p99"):
            values = [getattr(latencies[name][number], share) if name in latencies else None for name in names]
            cells = [_format(value and 1000 * value, ".2f") for value in values]
            yield _row(f"scrape {share}, ms, {who}", comparisons[0].variant.value, *cells)


def command_table(costs: Sequence[CommandCost]) -> Iterator[str]:
    """Processor time and peak memory of each command for each build, and the ratio of the first to the second."""
    builds = list(dict.fromkeys(cost.build for cost in costs))
    found = {(cost.command, cost.build): cost for cost in costs}
    ratios = ["time, ratio", "memory, ratio"] if len(builds) > 1 else []
    heads = [f"{build}, {what}" for what in ("ms", "peak MiB", "exit status") for build in builds]
    yield from _head("command", *heads, *ratios)
    for name in dict.fromkeys(cost.command for cost in costs):
        of = [found[name, build] for build in builds]
        cells = [f"{1000 * cost.seconds:.0f}" for cost in of]
        cells += [f"{cost.peak / _MIB:.1f}" for cost in of]
        cells += [str(cost.status) for cost in of]
        if ratios:
            cells += [ratio(of[0].seconds, of[1].seconds), ratio(of[0].peak, of[1].peak)]
        yield _row(f"`{name}`", *cells)


def detail_table(results: Sequence[ExporterResult]) -> Iterator[str]:
    """One column per exporter."""
    yield from _head("", *(f"{result.exporter} {result.version}" for result in results))
    for figure in DETAILS:
        yield _row(figure.title, *(_cell(figure, result) for result in results))


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


def ratio(value: float, other: float) -> str:
    """The ratio of a value to another one."""
    return f"{value / other:,.2f}" if other else "-"


def _quotient(
    value: Callable[[ExporterResult], float], of: Callable[[ExporterResult], ExporterResult | None], one: ExporterResult
) -> float | None:
    """The value of one result, divided by that of another."""
    other = of(one)
    return None if other is None or not value(other) else value(one) / value(other)


def _inverse(
    value: Callable[[ExporterResult], float], of: Callable[[ExporterResult], ExporterResult | None], one: ExporterResult
) -> float | None:
    quotient = _quotient(value, of, one)
    return 1 / quotient if quotient else None


def _cell(figure: Figure, result: ExporterResult | None) -> str:
    return _format(figure.value(result) if result else None, figure.form)


def _format(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


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
