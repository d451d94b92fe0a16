"""The state of a watch as text, for terminals and logs."""

import math
from collections.abc import Iterable, Iterator

from alerts.watch.analysis import messages
from alerts.watch.model.change import Change
from alerts.watch.model.result import CheckResult, Judgement
from alerts.watch.model.watch import Verdict, Watch
from exporter.core.humanize import coverage, duration, moment

_WORDS = {None: "-", Verdict.PASS: "ok", Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "unknown"}
_PATTERN = "%Y-%m-%d %H:%M:%S UTC"


def table(watch: Watch, judgement: Judgement, changes: Iterable[Change] = ()) -> str:
    """The output of `watch status`: times, coverage, the result of each check, gaps, alerts, maintenance, changes."""
    word = messages.headline(watch.verdict, watch.checks) if watch.verdict else watch.state.value
    end, at = ("ends", watch.ends_at) if watch.decided_at is None else ("decided", watch.decided_at)
    lines = [
        f"Watch {watch.number}: {word}",
        judgement.summary,
        "",
        f"began     {moment(watch.started_at, _PATTERN)} ({watch.begun_by})",
        f"{end:<9} {moment(at, _PATTERN)}",
        f"coverage  {coverage(judgement.ratio)} of {duration(judgement.elapsed)}",
        "",
        *(f"{_WORDS[result.verdict]:<8} {_reason(result)}" for result in judgement.results),
        *_sections(judgement),
        *_changes(changes),
    ]
    return "\n".join(lines) + "\n"


def line(watch: Watch, judgement: Judgement) -> str:
    """One line: time, coverage, and how many checks pass."""
    done = min(judgement.elapsed / watch.duration, 1.0) if watch.duration else 1.0
    left = duration(max(watch.duration - judgement.elapsed, 0.0)) if done < 1 else "no time"
    parts = [
        f"watch {watch.number}",
        f"{math.floor(done * 100)} % done, {left} left",
        f"coverage {coverage(judgement.ratio)}",
        messages.standing(judgement.results),
    ]
    return ", ".join(parts)


def news(before: Judgement | None, now: Judgement) -> Iterator[str]:
    """The changes since an earlier judgement: verdicts of checks, alerts, gaps. One line each."""
    earlier = {result.check.name: result.verdict for result in before.results} if before else {}
    for result in now.results:
        if earlier.get(result.check.name, Verdict.PASS) != result.verdict and _is_news(result):
            yield f"{_WORDS[result.verdict]}: {messages.of_check(result)}"
    known = {(alert.rule, alert.span.started): alert.open for alert in before.alerts} if before else {}
    for alert in now.alerts:
        key = (alert.rule, alert.span.started)
        if alert.open and not known.get(key, False):
            yield f"firing: {alert.rule}"
        elif not alert.open and known.get(key, True):
            yield f"resolved: {alert.rule} after {duration(alert.span.seconds)}"
    gaps = {gap.span.started for gap in before.gaps} if before else set()
    for gap in now.gaps:
        if gap.span.started not in gaps:
            yield f"gap since {_clock(gap.span.started_at)}: {gap.cause}"


def _reason(result: CheckResult) -> str:
    """The reason of a result; a check that is not a shipped one, or decides nothing, by its title."""
    return f"{messages.marked(result.check)}: {result.reason}" if result.check.marks else result.reason


def _is_news(result: CheckResult) -> bool:
    return result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)


def _sections(judgement: Judgement) -> Iterator[str]:
    if judgement.gaps:
        yield from ("", "gaps:", *(f"  {messages.gap(each)}" for each in judgement.gaps))
    if judgement.alerts:
        yield from ("", "alerts:")
        for alert in judgement.alerts:
            lasted = "still firing" if alert.open else f"for {duration(alert.span.seconds)}"
            yield f"  {_clock(alert.span.started_at)}, {alert.rule}, {lasted}"
    if judgement.maintenance:
        yield from ("", "declared maintenance:")
        for each in judgement.maintenance:
            yield f"  {_clock(each.span.started_at)}, {duration(each.span.seconds)}: {each.reason}"


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    listed = [f"  {_clock(change.at)}, {change.text}" for change in changes]
    if listed:
        yield from ("", "changes, seen by:", *listed)


def _clock(at: float) -> str:
    return moment(at, "%H:%M:%S UTC")
