"""The tables of a report, in words: HTML and Markdown show the same ones. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.watch.analysis import messages
from alerts.watch.model import Budget, CheckKind, CheckResult, Gap, Reconciliation, Span
from alerts.watch.report.document import WatchReport
from exporter.core.humanize import count, duration, format_value, moment

# So many intervals from the watch's beginning or end a sample is as good as there.
_NEAR = 3
_CLOCK = "%H:%M:%S"
# A page shows so many rows of a table; the JSON has all of them.
ROWS = 100


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One table. Cells are texts; `numbers` are columns to set to the right; `lead` and `notes` stand around it.

    `empty` is what to say when there are no rows; without it such a table is left out.
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
        """What is said of the rows that are not shown."""
        left = len(self.rows) - ROWS
        return f"And {count(left)} more, in the JSON." if left > 0 else ""


def checks(report: WatchReport) -> ReportTable:
    """What was judged, and why."""
    rows = tuple(
        (
            each.check.title,
            each.verdict.value if each.verdict else "-",
            each.reason,
            _value(each.worst, each),
            _value(each.check.limit, each),
            "" if each.check.not_applicable else messages.seen_share(each.coverage.ratio),
        )
        for each in report.judgement.results
    )
    columns = ("Check", "Verdict", "Why", "Worst", "Limit", "Seen")
    return ReportTable("checks", "Checks", columns, rows, frozenset((3, 4, 5)))


def tables(report: WatchReport) -> Iterator[ReportTable]:
    """Everything that explains the verdict, in the order of its weight."""
    judgement = report.judgement
    yield ReportTable(
        "gaps",
        "What was not seen",
        ("From", "For", "What", "Why"),
        tuple(_gap(gap) for gap in judgement.gaps),
        frozenset((1,)),
        empty="There was no gap.",
    )
    yield ReportTable(
        "maintenance",
        "Maintenance",
        ("From", "For", "Reason"),
        tuple(
            (moment(each.span.started_at), duration(each.span.seconds), each.reason) for each in judgement.maintenance
        ),
        frozenset((1,)),
    )
    yield ReportTable(
        "alerts",
        "Alerts",
        ("Alert", "From", "For", "Now"),
        tuple(
            (each.rule, moment(each.span.started_at), duration(each.span.seconds), "firing" if each.open else "over")
            for each in judgement.alerts
        ),
        frozenset((2,)),
        empty="No alert fired.",
    )
    yield ReportTable("events", "Restarts and steps of the clock", ("When", "What", ""), tuple(_events(report)))
    yield from _jobs(report)
    yield from _comparison(report)
    yield ReportTable(
        "limits",
        "What each check allows",
        ("Check", "Beyond its limit", "Allowed", "Source"),
        tuple(
            (each.check.title, _breached(each), _budget(each), each.check.source)
            for each in judgement.results
            if not each.check.not_applicable
        ),
    )
    yield ReportTable("settings", "Settings", ("Setting", "Value"), tuple(report.settings.items()))


def _value(value: float | None, result: CheckResult) -> str:
    return "" if value is None else format_value(value, result.check.unit)


def _breached(result: CheckResult) -> str:
    if result.check.kind is CheckKind.EVIDENCE:
        return ""
    excused = f", and {duration(result.excused)} excused" if result.excused else ""
    if not result.was_breached:
        return "never" + excused
    return (duration(result.breached) if result.breached else "at a single look") + excused


def _budget(result: CheckResult) -> str:
    return "" if result.check.kind is CheckKind.EVIDENCE else allowed(result.check.budget)


def allowed(budget: Budget) -> str:
    """For how long a check may be breached, in words."""
    if not budget.total:
        return "never"
    if math.isinf(budget.total):
        return "any time"
    total, stretch = duration(budget.total), duration(budget.stretch)
    return total if budget.stretch >= budget.total else f"{total}, {stretch} at a time"


def _gap(gap: Gap) -> tuple[str, ...]:
    what = ", ".join(gap.affects) if gap.affects else "everything"
    return moment(gap.span.started_at), duration(gap.span.seconds), what, gap.cause.value


def _events(report: WatchReport) -> Iterable[tuple[str, ...]]:
    judgement = report.judgement
    found = [
        (each.at, f"{each.counter} began anew", "during declared maintenance" if each.explained else "unexplained")
        for each in judgement.restarts
    ]
    found += [(each.at, f"the clock was set by {each.seconds:+.0f} s", "") for each in judgement.clock_steps]
    return ((moment(at), what, note) for at, what, note in sorted(found))


def _jobs(report: WatchReport) -> Iterator[ReportTable]:
    found = report.judgement.reconciliation
    if found is None:
        return
    jobs = found.jobs_span
    end = jobs.ended_at if jobs else None
    counted = (
        ("Pending at the start", found.pending_before, _time(jobs.started_at if jobs else None)),
        ("Created", found.created, _reach(jobs)),
        ("Processed", found.processed, _reach(jobs)),
        ("Left without being counted as processed", found.removed, _reach(jobs)),
        ("Pending at the end", found.pending_after, _time(end)),
        ("Of them failing", found.failing_after, _time(end)),
        ("Initialisations by the database", found.events, _reach(found.events_span)),
        ("Initialisations by the application", found.initialised, _reach(found.initialised_span)),
    )
    yield ReportTable(
        "jobs",
        "Where the jobs went",
        ("Jobs", "Number", "When"),
        tuple((name, "unknown" if value is None else count(value), when) for name, value, when in counted),
        frozenset((1,)),
        notes=tuple(_job_notes(report, found)),
    )


def _time(at: float | None) -> str:
    return "" if at is None else moment(at, _CLOCK)


def _reach(span: Span | None) -> str:
    return "" if span is None else f"{_time(span.started_at)} to {_time(span.ended_at)}"


def _job_notes(report: WatchReport, found: Reconciliation) -> Iterator[str]:
    """What does not add up, and what reaches less far than the watch."""
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
        if late > _NEAR * report.watch.interval:
            yield f"{name}: the first sample is of {_time(span.started_at)}, {duration(late)} after the beginning"
        if early > _NEAR * report.watch.interval:
            yield f"{name}: the last sample is of {_time(span.ended_at)}, {duration(early)} before the end"


def _comparison(report: WatchReport) -> Iterator[ReportTable]:
    found = report.comparison
    if found is None:
        return
    yield ReportTable(
        "comparison",
        "Beside another day",
        ("Signal", "Then", "Now", "Effect", "In words"),
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
        lead=f"Against {found.against}, hour by hour.",
    )


def facts(report: WatchReport) -> tuple[tuple[str, str], ...]:
    """What the verdict rests on."""
    judgement, watch = report.judgement, report.watch
    evidence = ", ".join(f"{count(value)} {what}" for what, value in judgement.evidence.items())
    found = [
        ("Database", report.database),
        ("Watched", f"{moment(watch.started_at)} to {moment(report.ended_at)}"),
        ("Lasted", f"{duration(judgement.elapsed)} of {duration(judgement.duration)}"),
        ("Seen", f"{messages.seen_share(judgement.ratio)} of what is judged, in {count(judgement.ticks)} samples"),
        ("Evidence", evidence or "none"),
        ("Decided", "" if watch.decided_at is None else moment(watch.decided_at)),
        ("Stopped early", watch.stopped),
    ]
    return tuple((name, text) for name, text in found if text)
