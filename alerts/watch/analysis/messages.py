"""Why: one sentence for each check, and for the whole, that somebody understands who never saw the code."""

import math
from collections.abc import Iterable, Iterator, Sequence

from alerts.watch.analysis.cleanup import CleanupOutcome
from alerts.watch.analysis.coverage import MeterTotals
from alerts.watch.model import Cause, Check, CheckResult, Evidence, Gap, Verdict, Watch
from exporter.core.humanize import count, duration, moment, percent


def held(check: Check, times: MeterTotals, *, was_breached: bool) -> str:
    """It passed, or has so far. `was_breached`: at one look at least, which may be too little to last any time."""
    if not was_breached:
        return f"{check.subject} {check.good}{_not_counted(times)}."
    within = f"within what is allowed ({_allowed(check)})"
    return f"{check.subject} {check.bad} {_for_so_long(times)}, {within}{_not_counted(times)}."


def broken(check: Check, times: MeterTotals) -> str:
    """It failed."""
    return f"{check.subject} {check.bad} {_for_so_long(times)}; {_exceeded(check, times)}{_not_counted(times)}."


def unseen(check: Check, times: MeterTotals, gaps: Sequence[Gap]) -> str:
    """It could have failed without being seen to."""
    seen = f" and {check.bad} for {duration(times.bad)}" if times.bad else ""
    return (
        f"{check.subject} could not be seen for {duration(times.unseen)}{seen}{_causes(gaps)}, "
        f"so it is not known whether it kept to what is allowed ({_allowed(check)})."
    )


def too_little_seen(check: Check, times: MeterTotals, watch: Watch) -> str:
    """Most of the watch was excused, or not there."""
    return f"{check.subject} was watched for {_long(times.seen)} of {_long(watch.duration)} only, which proves nothing."


def lacking(evidence: Evidence, found: float, *, final: bool) -> str:
    """The minimum evidence is not there, or not yet."""
    counted = f"{count(found)} {evidence.what}" if found else f"no {evidence.what}"
    if not final:
        return f"So far there were {counted}; at least {count(evidence.at_least)} are needed."
    return f"There were {'only ' if found else ''}{counted}; fewer than {count(evidence.at_least)} prove nothing."


def traffic(check: Check, evidence: Evidence, found: float) -> str:
    """What was asked for as evidence is there."""
    return f"{check.subject} {check.good}: {count(found)} {evidence.what}."


def cleanup(check: Check, outcomes: dict[float, CleanupOutcome] | None) -> tuple[Verdict | None, str]:
    """What came of every clean-up that was due. That no key grows old is judged in any case, by another check."""
    if outcomes is None:
        return None, f"{check.subject} was not judged: what that clock shows (cron.timezone) was not visible."
    for due, outcome in outcomes.items():
        if outcome is CleanupOutcome.OVERDUE:
            late = duration(check.schedule.grace) if check.schedule else ""
            return Verdict.FAIL, f"{check.subject} {check.bad} on {_day(due)}: {late} later it had not."
    for due, outcome in outcomes.items():
        if outcome is CleanupOutcome.UNKNOWN:
            return Verdict.INCONCLUSIVE, f"{check.subject} was not seen to have run on {_day(due)}."
    if not outcomes:
        return None, f"{check.subject} was not due."
    return Verdict.PASS, f"{check.subject} {check.good} on {', '.join(_day(due) for due in outcomes)}."


def summary(watch: Watch, verdict: Verdict | None, results: Iterable[CheckResult], ratio: float, elapsed: float) -> str:
    """One sentence for the whole."""
    results = tuple(results)
    judged = [result for result in results if result.verdict is not None]
    if verdict is None:
        left = duration(max(watch.duration - elapsed, 0.0))
        return f"So far nothing has failed: {standing(results)}, {left} left."
    if verdict is Verdict.PASS:
        return f"All {len(judged)} checks held for {_long(watch.duration)}; {seen_share(ratio)} of it was seen."
    if verdict is Verdict.INCONCLUSIVE and watch.stopped:
        return (
            f"It was stopped after {_long(elapsed)} of {_long(watch.duration)} ({watch.stopped}), so nothing is proved."
        )
    worse = [result for result in judged if result.verdict is verdict]
    if not worse:
        return "There was no check that could be judged, so nothing is proved."
    names = ", ".join(result.check.title.lower() for result in worse)
    did_not = "did not hold" if verdict is Verdict.FAIL else "could not be decided"
    return f"{len(worse)} of {len(judged)} checks {did_not}: {names}."


def standing(results: Iterable[CheckResult]) -> str:
    """How many checks stand how: `17 of 19 checks hold, 2 of them breached for a time within what is allowed`."""
    results = tuple(results)
    judged = [result for result in results if result.verdict is not None]
    held = [result for result in judged if result.verdict is Verdict.PASS]
    parts = [f"{len(held)} of {len(judged)} checks hold"]
    for number, what in (
        (sum(result.was_breached for result in held), "of them breached for a time within what is allowed"),
        (sum(result.verdict is Verdict.FAIL for result in judged), "failed"),
        (sum(result.verdict is Verdict.INCONCLUSIVE for result in judged), "not seen well enough"),
        (sum(result.is_undecided for result in results), "without enough evidence yet"),
    ):
        if number:
            parts.append(f"{number} {what}")
    return ", ".join(parts)


def seen_share(ratio: float) -> str:
    """Coverage in words; all of it only when it is all of it."""
    return "100 %" if ratio >= 1 else percent(min(ratio, 0.9994))


def gap(each: Gap) -> str:
    """A gap by time and cause."""
    start, end = (moment(at, "%H:%M:%S") for at in (each.span.started_at, each.span.ended_at))
    affects = f" ({', '.join(each.affects)})" if each.affects else ""
    return f"{start} to {end} UTC, {_long(each.span.seconds)}: {each.cause}{affects}"


def _allowed(check: Check) -> str:
    budget = check.budget
    if math.isinf(budget.total):
        return "any time"
    if budget.total <= budget.stretch:
        return duration(budget.stretch)
    return f"{duration(budget.stretch)} at a stretch, {duration(budget.total)} in all"


def _for_so_long(times: MeterTotals) -> str:
    if not times.bad:
        return "at a single look"
    total, longest = duration(times.bad), duration(times.longest_bad)
    return f"for {total}" if total == longest else f"for {total} (longest {longest})"


def _exceeded(check: Check, times: MeterTotals) -> str:
    """What is allowed, and by how much it was exceeded where rounding would hide that."""
    budget, said = check.budget, f"allowed is {_allowed(check)}"
    pairs = ((times.bad, budget.total), (times.longest_bad, budget.stretch))
    exceeded = [(bad, allowed) for bad, allowed in pairs if bad > allowed]
    if any(duration(bad) != duration(allowed) for bad, allowed in exceeded):
        return said
    return f"{said}, exceeded by {duration(max(bad - allowed for bad, allowed in exceeded))}"


def _not_counted(times: MeterTotals) -> str:
    unseen = f"; {duration(times.unseen)} were not seen" if times.unseen else ""
    excused = f"; {duration(times.excused)} of declared maintenance do not count" if times.excused else ""
    return unseen + excused


def _causes(gaps: Sequence[Gap]) -> str:
    by_cause: dict[Cause, float] = {}
    for each in gaps:
        by_cause[each.cause] = by_cause.get(each.cause, 0.0) + each.span.seconds
    causes = sorted(by_cause, key=lambda cause: -by_cause[cause])
    return f" ({', '.join(causes)})" if causes else ""


def _day(at: float) -> str:
    return moment(at, "%Y-%m-%d at %H:%M UTC")


def _long(seconds: float) -> str:
    return duration(seconds) if seconds else "no time"


def gravest(results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """The results that are no PASS, FAIL first."""
    order = list(Verdict)
    judged = [result for result in results if result.verdict not in (None, Verdict.PASS)]
    yield from sorted(judged, key=lambda result: order.index(result.verdict or Verdict.PASS))
