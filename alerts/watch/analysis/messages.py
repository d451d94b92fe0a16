"""The messages of a watch: one sentence for each check, and a summary."""

import math
from collections.abc import Iterable, Iterator, Sequence

from alerts.watch.analysis import estimates
from alerts.watch.analysis.cleanup import CleanupOutcome
from alerts.watch.analysis.coverage import MeterTotals
from alerts.watch.model.check import Budget, Check, Evidence
from alerts.watch.model.result import Change, CheckResult, Estimate, Gap
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import Verdict, Watch
from exporter.core.humanize import count, coverage, duration, moment, percent


def passed(check: Check, totals: MeterTotals, estimate: Estimate | None = None, *, was_breached: bool) -> str:
    """PASS, at the end or so far. `was_breached`: at one tick at least, which may be too short to count as time."""
    frequency = f" {estimates.excluded(check.outcomes, estimate)}" if check.outcomes and estimate else ""
    if not was_breached:
        return f"{check.subject} {check.good}{_not_counted(totals)}.{frequency}"
    budget = f"within its budget ({allowed(check.budget)})"
    return f"{check.subject} {check.bad} {_bad_time(totals)}, {budget}{_not_counted(totals)}.{frequency}"


def failed(check: Check, totals: MeterTotals, estimate: Estimate | None = None) -> str:
    """FAIL: a budget was exceeded."""
    frequency = f" {estimates.proved(check.outcomes, estimate)}" if check.outcomes and estimate else ""
    return (
        f"{check.subject} {check.bad} {_bad_time(totals)}; {_exceeded(check, totals)}{_not_counted(totals)}.{frequency}"
    )


def not_excluded(check: Check, estimate: Estimate, *, final: bool) -> str:
    """INCONCLUSIVE: there are not enough outcomes, or they are about as frequent as the limit."""
    return estimates.not_excluded(check.outcomes, estimate, final=final) if check.outcomes else ""


def unknown(check: Check, totals: MeterTotals, gaps: Sequence[Gap]) -> str:
    """INCONCLUSIVE: a budget may have been exceeded while values were missing."""
    bad = f" and {check.bad} for {duration(totals.bad)}" if totals.bad else ""
    return (
        f"{check.subject} could not be evaluated for {duration(totals.unknown)}{bad}{_causes(gaps)}, "
        f"so the budget ({allowed(check.budget)}) may have been exceeded."
    )


def too_little_known(check: Check, totals: MeterTotals, watch: Watch) -> str:
    """INCONCLUSIVE: most of the watch was excused, or before the first tick."""
    known, needed = _long(totals.known), _long(watch.duration)
    return f"{check.subject} could be evaluated for {known} of {needed} only; at least half is needed."


def lacking(evidence: Evidence, found: float, *, final: bool) -> str:
    """The evidence is not there, or not yet."""
    counted = f"{count(found)} {evidence.what}" if found else f"no {evidence.what}"
    start = "There were" if final else "So far there were"
    return f"{start} {'only ' if found and final else ''}{counted}; at least {count(evidence.at_least)} are needed."


def traffic(check: Check, evidence: Evidence, found: float) -> str:
    """PASS: the evidence is there."""
    return f"{check.subject} {check.good}: {count(found)} {evidence.what}."


def cleanup(check: Check, outcomes: dict[float, CleanupOutcome] | None) -> tuple[Verdict | None, str]:
    """The verdict on all clean-ups that were due, by their outcomes. Another check is for old keys in any case."""
    if outcomes is None:
        return None, f"{check.subject} was not checked: the time zone of pg_cron (cron.timezone) was not visible."
    for due, outcome in outcomes.items():
        if outcome is CleanupOutcome.OVERDUE:
            late = duration(check.schedule.grace) if check.schedule else ""
            return Verdict.FAIL, f"{check.subject} {check.bad} on {_day(due)}, nor within {late}."
    for due, outcome in outcomes.items():
        if outcome is CleanupOutcome.UNKNOWN:
            return Verdict.INCONCLUSIVE, f"It is unknown whether {_lower(check.subject)} ran on {_day(due)}."
    if not outcomes:
        return None, f"{check.subject} was not due."
    return Verdict.PASS, f"{check.subject} {check.good} on {', '.join(_day(due) for due in outcomes)}."


def of_check(result: CheckResult) -> str:
    """The reason of a result, which says so when it decides nothing."""
    return f"Advisory: {result.reason}" if result.check.advisory else result.reason


def headline(verdict: Verdict | None, checks: Iterable[Check]) -> str:
    """A verdict, and how many checks a PASS was reached without: PASS without 2 checks."""
    left_out = sum(check.left_out for check in checks)
    if verdict is not Verdict.PASS or not left_out:
        return verdict.value if verdict else "UNDECIDED"
    return f"{verdict.value} without {left_out} check{'s' if left_out > 1 else ''}"


def marked(check: Check) -> str:
    """The title of a check, with what the configuration made of it."""
    return f"{check.title} ({', '.join(check.marks)})" if check.marks else check.title


def compared(check: Check, change: Change | None, *, final: bool) -> tuple[Verdict | None, str]:
    """The verdict on a signal compared with earlier days: none where the interval has the tolerance within it."""
    limit, before = check.baseline_limit, check.baseline
    if before is None or limit is None:
        return None, f"No baseline: {check.no_baseline or 'there was none when the watch began'}."
    against = f"the same hours of {before.days} earlier {'days of the week' if before.same_weekday else 'days'}"
    tolerance = f"tolerance {percent(limit.tolerance)}"
    if change is None:
        text = "too few hours are known" if final else "it is compared at the end of the watch"
        return None, f"{check.subject} was not compared with {against}: {text}; {tolerance}."
    difference = (
        f"{_signed(change.estimate)} against {against}, at least {_signed(change.low)} and at most "
        f"{_signed(change.high)}, each at 95 %; {tolerance}"
    )
    if change.low > limit.tolerance:
        return Verdict.FAIL, f"{check.subject} {check.bad}: {difference}."
    if change.high <= limit.tolerance:
        return Verdict.PASS, f"{check.subject} {check.good}: {difference}."
    return None, f"{check.subject} cannot be told from before: {difference}."


def _signed(share: float) -> str:
    return f"{share:+.0%}".replace("%", " %")


def summary(watch: Watch, verdict: Verdict | None, results: Iterable[CheckResult], ratio: float, elapsed: float) -> str:
    """One sentence for the whole watch. `ratio` is its coverage, `elapsed` seconds."""
    results = tuple(results)
    decided = [result for result in results if result.verdict is not None and result.check.decides]
    if verdict is None:
        return f"No check has failed so far: {standing(results)}."
    if verdict is Verdict.PASS:
        passed = f"All {len(decided)} checks passed for {_long(watch.duration)}"
        return f"{passed}; coverage {coverage(ratio)}.{_configured(watch)}"
    if verdict is Verdict.INCONCLUSIVE and watch.stopped:
        return f"The watch was stopped after {_long(elapsed)} of {_long(watch.duration)} ({watch.stopped})."
    worse = [result for result in decided if result.verdict is verdict]
    if not worse:
        return f"No check could be decided.{_configured(watch)}"
    names = ", ".join(f'"{result.check.title}"' for result in worse)
    return (
        f"{len(worse)} of {len(decided)} checks {'failed' if verdict is Verdict.FAIL else 'are inconclusive'}: {names}."
    )


def standing(results: Iterable[CheckResult]) -> str:
    """How many checks pass, fail or are open: `17 of 19 checks pass, 2 of them after a breach within their budget`."""
    results = tuple(results)
    decided = [result for result in results if result.verdict is not None and result.check.decides]
    passing = [result for result in decided if result.verdict is Verdict.PASS]
    parts = [f"{len(passing)} of {len(decided)} checks pass"]
    for number, text in (
        (sum(result.was_breached for result in passing), "of them after a breach within their budget"),
        (sum(result.verdict is Verdict.FAIL for result in decided), "failed"),
        (sum(result.verdict is Verdict.INCONCLUSIVE for result in decided), "inconclusive"),
        (sum(result.is_undecided for result in results), "without enough evidence yet"),
        (sum(result.check.advisory and not result.check.left_out for result in results), "advisory"),
        (sum(result.check.left_out for result in results), "left out"),
    ):
        if number:
            parts.append(f"{number} {text}")
    return ", ".join(parts)


def gap(each: Gap) -> str:
    """A gap by time and cause."""
    start, end = (moment(at, "%H:%M:%S") for at in (each.span.started_at, each.span.ended_at))
    affects = f" ({', '.join(each.affects)})" if each.affects else ""
    return f"{start} to {end} UTC, {_long(each.span.seconds)}: {each.cause}{affects}"


def allowed(budget: Budget) -> str:
    """A budget as text."""
    if not budget.total:
        return "never"
    if math.isinf(budget.total):
        return "any time"
    total, stretch = duration(budget.total), duration(budget.stretch)
    return stretch if budget.stretch >= budget.total else f"{total}, {stretch} at a time"


def most_severe(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """The results other than PASS, FAIL first."""
    order = list(Verdict)
    found = [result for result in results if result.verdict not in (None, Verdict.PASS)]
    yield from sorted(found, key=lambda result: order.index(result.verdict or Verdict.PASS))


def _bad_time(totals: MeterTotals) -> str:
    if not totals.bad:
        return "at a single tick"
    total, longest = duration(totals.bad), duration(totals.longest_bad)
    return f"for {total}" if total == longest else f"for {total} (longest {longest})"


def _exceeded(check: Check, totals: MeterTotals) -> str:
    """The budget, and by how much it was exceeded where rounding would hide that."""
    budget, said = check.budget, f"allowed: {allowed(check.budget)}"
    pairs = ((totals.bad, budget.total), (totals.longest_bad, budget.stretch))
    exceeded = [(bad, limit) for bad, limit in pairs if bad > limit]
    if any(duration(bad) != duration(limit) for bad, limit in exceeded):
        return said
    return f"{said}, exceeded by {duration(max(bad - limit for bad, limit in exceeded))}"


def _not_counted(totals: MeterTotals) -> str:
    missing = f"; unknown for {duration(totals.unknown)}" if totals.unknown else ""
    excused = f"; {duration(totals.excused)} of declared maintenance are excused" if totals.excused else ""
    return missing + excused


def _causes(gaps: Sequence[Gap]) -> str:
    by_cause: dict[Cause, float] = {}
    for each in gaps:
        by_cause[each.cause] = by_cause.get(each.cause, 0.0) + each.span.seconds
    causes = sorted(by_cause, key=lambda cause: -by_cause[cause])
    return f" ({', '.join(causes)})" if causes else ""


def _configured(watch: Watch) -> str:
    """The checks that decide nothing because of the configuration; empty without any."""
    left_out = [check.title.lower() for check in watch.checks if check.left_out]
    advisory = [check.title.lower() for check in watch.checks if check.advisory and not check.left_out]
    return "".join(
        f" {text}: {', '.join(titles)}." for text, titles in (("Left out", left_out), ("Advisory", advisory)) if titles
    )


def _day(at: float) -> str:
    return moment(at, "%Y-%m-%d at %H:%M UTC")


def _long(seconds: float) -> str:
    return duration(seconds) if seconds else "no time"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
