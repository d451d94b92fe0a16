"""The contents of a report, and its charts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.watch.analysis import messages
from alerts.watch.analysis.comparison import DayComparison
from alerts.watch.model.change import Change
from alerts.watch.model.result import CheckResult, Judgement
from alerts.watch.model.tick import Tick, TimeSpan
from alerts.watch.model.watch import Watch
from exporter.config.values import duration as seconds_of
from exporter.core import svg_charts
from exporter.core.humanize import duration
from exporter.core.svg_charts import Chart, ChartLine, ChartThreshold, SpanKind
from exporter.metrics import terms

_WINDOW = re.compile(r":(?:increase)?(\d+[smhd])$")


@dataclass(frozen=True, slots=True)
class WatchReport:
    """Everything in a report. `ticks` are those of the watch, in the order of time.

    `changes` are those of the watch and of the time before. `made_at` is Unix seconds. Shape: `settings` are texts by
    name.
    """

    watch: Watch
    judgement: Judgement
    ticks: Sequence[Tick]
    made_at: float
    version: str
    comparison: DayComparison | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """The verdict, or UNDECIDED."""
        verdict = self.judgement.verdict
        return verdict.value if verdict else "UNDECIDED"

    @property
    def headline(self) -> str:
        """The verdict, with the number of checks that were left out."""
        return messages.headline(self.judgement.verdict, self.watch.checks)

    @property
    def ended_at(self) -> float:
        """The end of the charts, Unix seconds."""
        return self.watch.started_at + max(self.judgement.elapsed, 1.0)


def charts(report: WatchReport) -> Iterator[tuple[tuple[CheckResult, ...], Chart]]:
    """One chart for each signal, with the results of all its checks."""
    by_signal: dict[str, list[CheckResult]] = {}
    for result in report.judgement.results:
        if result.check.signal is not None and not result.check.not_applicable:
            by_signal.setdefault(result.check.signal, []).append(result)
    for signal, results in by_signal.items():
        yield tuple(results), _chart(report, signal, results)


def _chart(report: WatchReport, signal: str, results: Sequence[CheckResult]) -> Chart:
    first = results[0].check
    title = f"{terms.BY_SIGNAL.get(signal, first.title)}{_window(signal)}"
    limits = {each.check.limit for each in results if each.check.limit is not None}
    return Chart(
        title=title,
        unit=first.unit,
        start=report.watch.started_at,
        end=report.ended_at,
        lines=(ChartLine(title, points(report, signal, results)),),
        thresholds=tuple(ChartThreshold(limit, "limit") for limit in sorted(limits)),
        spans=tuple(_spans(report, results)),
    )


def _window(signal: str) -> str:
    """The time that a signal of this name covers, as in `outbox:fsm_failure_ratio:6h`: `in 6 h`."""
    found = _WINDOW.search(signal)
    return f" in {duration(seconds_of(found[1]))}" if found else ""


def points(report: WatchReport, signal: str, results: Sequence[CheckResult]) -> list[tuple[float, float | None]]:
    """The signal at each tick, Unix seconds and value; None where it is unknown, and in gaps without ticks."""
    start = report.watch.started_at
    collectors = {name for each in results for name in each.check.collectors}
    gaps = [gap.span for gap in report.judgement.gaps if not gap.affects or collectors & set(gap.affects)]
    found: list[tuple[float, float | None]] = [
        (start + tick.elapsed, tick.values.get(signal)) for tick in report.ticks if tick.elapsed >= 0
    ]
    found += [(start + gap.started + gap.seconds / 2, None) for gap in gaps if not _has_tick_in(found, start, gap)]
    return sorted(found, key=lambda point: point[0])


def _has_tick_in(found: Sequence[tuple[float, float | None]], start: float, gap: TimeSpan) -> bool:
    """Whether a tick within the gap interrupts the line already."""
    low, high = start + gap.started, start + gap.started + gap.seconds
    return any(low < at < high for at, _ in found)


def _spans(report: WatchReport, results: Sequence[CheckResult]) -> Iterator[svg_charts.Span]:
    judgement, start = report.judgement, report.watch.started_at
    collectors = {name for each in results for name in each.check.collectors}
    for gap in judgement.gaps:
        if not gap.affects or collectors & set(gap.affects):
            yield _mark(SpanKind.GAP, start, gap.span, f"gap: {gap.cause.value}")
    for maintenance in judgement.maintenance:
        yield _mark(SpanKind.MAINTENANCE, start, maintenance.span, f"declared maintenance: {maintenance.reason}")
    for result in results:
        for span in result.breaches:
            yield _mark(SpanKind.BREACH, start, span, f"{result.check.title}: beyond the limit")
    for change in report.changes:
        yield svg_charts.Span(SpanKind.CHANGE, start + change.earliest, start + change.latest, change.text)


def _mark(mark: SpanKind, start: float, span: TimeSpan, label: str) -> svg_charts.Span:
    return svg_charts.Span(mark, start + span.started, start + span.started + span.seconds, label)
