"""The tables of a report, which HTML and Markdown show."""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.watch.analysis import changes, messages
from alerts.watch.model.change import Change
from alerts.watch.model.check import CheckKind
from alerts.watch.model.result import CheckResult, Judgement, Reconciliation
from alerts.watch.model.tick import TimeSpan
from alerts.watch.report.document import WatchReport
from exporter.core.humanize import count, coverage, duration, format_value, moment, percent

# In intervals: samples this close to the begin or end of the watch are not mentioned as late.
_TOLERANCE = 3
_CLOCK, _DATE = "%H:%M:%S", "%Y-%m-%d"
_DAY = 86_400.0
# The rows of a table that are shown; the JSON report has all of them.
ROWS = 100


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One table. Shape: cells are texts; `numbers` are the indexes of right-aligned columns.

    `lead` and `notes` stand before and after it. `empty` replaces a table without rows; without it the table is left
    out.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    lead: str = ""
    notes: tuple[str, ...] = ()
    empty: str = ""

    @property
    def more(self) -> str:
        """A note about the rows that are not shown; empty when all are."""
        left = len(self.rows) - ROWS
        return f"{count(left)} more rows are in the JSON report." if left > 0 else ""


def checks(report: WatchReport) -> ReportTable:
    """The result of each check."""
    rows = tuple(
        (
            messages.marked(each.check),
            each.word,
            each.reason,
            _value(each.worst, each),
            _value(each.check.limit, each),
            "" if each.check.not_applicable else coverage(each.coverage.ratio),
        )
        for each in report.judgement.results
    )
    columns = ("Check", "Verdict", "Reason", "Worst", "Limit", "Coverage")
    return ReportTable("checks", "Checks", columns, rows, frozenset((3, 4, 5)))


def tables(report: WatchReport) -> Iterator[ReportTable]:
    """The other tables, the most important first."""
    yield from _periods(report.judgement)
    yield from _changes(report)
    yield from _jobs(report)
    yield from _comparison(report)
    yield ReportTable(
        "limits",
        "Budgets",
        ("Check", "Breached", "Allowed", "Source"),
        tuple(
            (messages.marked(each.check), *_budget(each), each.check.source)
            for each in report.judgement.results
            if not each.check.not_applicable
        ),
    )
    yield ReportTable("settings", "Settings", ("Setting", "Value"), tuple(report.settings.items()))


def _periods(judgement: Judgement) -> Iterator[ReportTable]:
    """Gaps, maintenance and alerts, with their durations."""
    yield ReportTable(
        "gaps",
        "Gaps",
        ("From", "For", "Collectors", "Cause"),
        tuple((*_from_for(each.span), ", ".join(each.affects) or "all", each.cause.value) for each in judgement.gaps),
        frozenset((1,)),
        empty="No gaps.",
    )
    yield ReportTable(
        "maintenance",
        "Maintenance",
        ("From", "For", "Reason"),
        tuple((*_from_for(each.span), each.reason) for each in judgement.maintenance),
        frozenset((1,)),
    )
    yield ReportTable(
        "alerts",
        "Alerts",
        ("Alert", "From", "For", "State"),
        tuple((each.rule, *_from_for(each.span), "firing" if each.open else "resolved") for each in judgement.alerts),
        frozenset((2,)),
        empty="No alert fired.",
    )


def _from_for(span: TimeSpan) -> tuple[str, str]:
    return moment(span.started_at), duration(span.seconds)


def _value(value: float | None, result: CheckResult) -> str:
    return "" if value is None else format_value(value, result.check.unit)


def _budget(result: CheckResult) -> tuple[str, str]:
    """How long the check was breached, and how long it may be."""
    if result.check.kind is CheckKind.EVIDENCE:
        return "", ""
    if result.check.baseline_limit is not None:
        return "", f"{percent(result.check.baseline_limit.tolerance)} higher"
    breached = "never"
    if result.was_breached:
        breached = duration(result.breached) if result.breached else "at a single tick"
    excused = f", and {duration(result.excused)} excused" if result.excused else ""
    return breached + excused, messages.allowed(result.check.budget)


def _changes(report: WatchReport) -> Iterator[ReportTable]:
    """What changed, and what of it came before each breach."""
    yield ReportTable(
        "before",
        "Before the breaches",
        ("Breach", "From", "For", "Changes before it"),
        tuple(
            (
                messages.marked(result.check),
                *_from_for(breach),
                changes.listed(breach, report.changes, report.watch.interval) or "none seen",
            )
            for result in report.judgement.results
            for breach in result.breaches
        ),
        frozenset((2,)),
        lead=f"Changes seen in the {duration(changes.WINDOW)} before a breach began. They need not be its cause.",
    )
    yield ReportTable(
        "changes",
        "Changes",
        ("Time", "Change"),
        tuple((_when(change), change.text) for change in report.changes),
    )


def _when(change: Change) -> str:
    """The time of a change, or the two moments between which it was."""
    length = change.latest - change.earliest
    if length < 1:
        return moment(change.at, f"{_DATE} {_CLOCK} UTC")
    end = _CLOCK if length < _DAY else f"{_DATE} {_CLOCK}"
    return f"{moment(change.earliest_at, f'{_DATE} {_CLOCK}')} to {moment(change.at, end)} UTC"


def _jobs(report: WatchReport) -> Iterator[ReportTable]:
    found = report.judgement.reconciliation
    if found is None:
        return
    jobs = found.jobs_span
    end = _time(jobs.ended_at) if jobs else ""
    counted = (
        ("Pending at the start", found.pending_before, _time(jobs.started_at) if jobs else ""),
        ("Created", found.created, _from_to(jobs)),
        ("Processed", found.processed, _from_to(jobs)),
        ("Left without being counted as processed", found.removed, _from_to(jobs)),
        ("Pending at the end", found.pending_after, end),
        ("Failing at the end", found.failing_after, end),
        ("Initialisations by the database", found.events, _from_to(found.events_span)),
        ("Initialisations by the application", found.initialised, _from_to(found.initialised_span)),
    )
    yield ReportTable(
        "jobs",
        "Jobs",
        ("Jobs", "Number", "Time"),
        tuple((name, "unknown" if value is None else count(value), when) for name, value, when in counted),
        frozenset((1,)),
        notes=tuple(_job_notes(report, found)),
    )


def _time(at: float) -> str:
    return moment(at, _CLOCK)


def _from_to(span: TimeSpan | None) -> str:
    return "" if span is None else f"{_time(span.started_at)} to {_time(span.ended_at)}"


def _job_notes(report: WatchReport, found: Reconciliation) -> Iterator[str]:
    """Differences between counts, and samples that begin late or end early."""
    for each in found.differences:
        yield f"{each.what}: {each.by:+,.0f}, {each.explanation or 'unexplained'}"
    spans = {
        "Jobs": found.jobs_span,
        "Initialisations by the database": found.events_span,
        "Initialisations by the application": found.initialised_span,
    }
    for name, span in spans.items():
        if span is None:
            continue
        late, early = span.started, report.judgement.elapsed - span.started - span.seconds
        if late > _TOLERANCE * report.watch.interval:
            yield f"{name}: the first sample is of {_time(span.started_at)}, {duration(late)} after the begin"
        if early > _TOLERANCE * report.watch.interval:
            yield f"{name}: the last sample is of {_time(span.ended_at)}, {duration(early)} before the end"


def _comparison(report: WatchReport) -> Iterator[ReportTable]:
    found = report.comparison
    if found is None:
        return
    yield ReportTable(
        "comparison",
        "Comparison with another day",
        ("Signal", "Before", "Now", "Effect", "Summary"),
        tuple(
            (
                each.title,
                format_value(each.median_before, each.unit),
                format_value(each.median, each.unit),
                f"{each.effect.value}, {each.direction.value}",
                each.sentence,
            )
            for each in found.signals
        ),
        frozenset((1, 2)),
        lead=f"Compared with {found.against}, hour by hour.",
    )


def facts(report: WatchReport) -> tuple[tuple[str, str], ...]:
    """The key figures of the watch: name and text."""
    judgement, watch = report.judgement, report.watch
    ticks = f"{count(judgement.ticks)} ticks"
    evidence = ", ".join(f"{count(value)} {what}" for what, value in judgement.evidence.items())
    found = [
        ("Database", watch.database),
        ("Period", f"{moment(watch.started_at)} to {moment(report.ended_at)}"),
        ("Duration", f"{duration(judgement.elapsed)} of {duration(judgement.duration)}"),
        ("Coverage", f"{coverage(judgement.ratio)}, {ticks}"),
        ("Evidence", evidence or "none"),
        ("Decided", "" if watch.decided_at is None else moment(watch.decided_at)),
        ("Stopped early", watch.stopped),
    ]
    return tuple((name, text) for name, text in found if text)
