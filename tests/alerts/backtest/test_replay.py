"""A replay of stored samples gives the alerts of Prometheus' own evaluation of the same samples."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from alerts.backtest.model import Firing, Replayed, Unknown
from alerts.backtest.replay import Replay
from alerts.model import Labels, Policy, RuleKey, SampleBlock, SeriesName, Severity
from alerts.policy.load import load_policy
from tests.alerts.backtest.course import STEP, Course, course, disagreements
from tests.alerts.faulty import FAULTS
from tests.newest import require_newest

# Six hours. A week at fifteen seconds took twenty minutes and was compared by hand.
SCRAPES: Final = 720
# Ten minutes, and two, in the middle of faults.
DOWN: Final = (range(75, 95), range(565, 569))
JOB: Final[Labels] = (("job", "outbox-exporter"),)


@cache
def policy() -> Policy:
    """Evaluated as often as the samples come."""
    return replace(load_policy(), interval=float(STEP))


@cache
def faulty() -> tuple[Course, tuple[Firing, ...]]:
    made = course(SCRAPES, DOWN)
    return made, made.replayed(policy())


def test_the_same_alerts_as_prometheus(tmp_path: Path) -> None:
    """At every evaluation: each fault, a counter's reset, series that end, an exporter that is down."""
    made, firings = faulty()
    assert not disagreements(require_newest("promtool"), tmp_path, policy(), made, firings)


def test_most_rules_fire_in_the_comparison() -> None:
    """A rule that never fires would be compared with nothing."""
    _, firings = faulty()
    fired = {each.rule.alert for each in firings}
    assert len(fired) >= 25
    assert len(FAULTS) * 50 <= SCRAPES


def small_policy() -> Policy:
    """One signal and one rule."""
    whole = load_policy()
    rule = replace(
        whole.rule(RuleKey("OutboxBacklogHigh", Severity.TICKET)),
        expr="outbox:backlog > 10",
        hold_duration=30.0,
        keep_firing_for=0.0,
    )
    signal = replace(whole.signals[0], record="outbox:backlog", expr="max without (instance) (depth)")
    return replace(whole, signals=(signal,), rules=(rule,))


def block(values: list[float], start: int = 0, step: int = 15_000, job: str = "outbox-exporter") -> SampleBlock:
    times = array("q", range(start, start + step * len(values), step))
    return SampleBlock(times, {("depth", (("instance", "sidecar"), ("job", job))): array("d", values)})


def replayed(*blocks: tuple[float, SampleBlock], by: Policy | None = None) -> Replayed:
    replay = Replay(by or small_policy())
    for t, each in blocks:
        replay.add(t, each)
    found = replay.result()
    assert found is not None
    return found


def spans(found: Replayed) -> list[tuple[int, int, bool]]:
    return [(each.start, each.end, each.open) for each in found.firings]


def test_for_and_the_end():
    """It fires half a minute after it became true, until it is not; at the end of the samples it is open."""
    found = replayed((135.0, block([0, 50, 50, 50, 0, 0, 50, 50, 50, 50])))
    assert spans(found) == [(45_000, 60_000, False), (120_000, 135_000, True)]
    assert (found.start, found.end, found.unknown) == (0, 135_000, ())
    ((truths,),) = found.truths.values()
    assert list(truths.numbers) == [1, 2, 3, 6, 7, 8, 9]


def test_a_missing_series_resolves_the_alert():
    """As in Prometheus, and unlike in the exporter's own evaluation."""
    found = replayed((90.0, block([50, 50, 50, 50, math.nan, math.nan, 50])))
    assert spans(found) == [(30_000, 60_000, False)]


def test_a_gap_is_unknown():
    """All series are stale in it, and for-durations begin anew after it."""
    found = replayed((45.0, block([50] * 4)), (645.0, block([50] * 4, start=600_000)))
    assert found.unknown == (Unknown(45_000, 600_000, "no samples"),)
    assert spans(found) == [(30_000, 60_000, False), (630_000, 645_000, True)]
    every_second = replayed((270.0, block([50] * 10, step=30_000)))
    assert not every_second.unknown


def test_a_step_of_the_clock_begins_anew():
    """Samples before and after it cannot be compared, in whichever direction it was set."""
    for start in (3_600_000, 30_000):
        found = replayed((60.0, block([50] * 5)), (135.0, block([50] * 5, start=start)))
        assert [each.reason for each in found.unknown] == ["the clock was set"]
        assert spans(found)[0] == (30_000, 60_000, True)
        assert spans(found)[1][0] == start + 30_000


def test_the_job_is_that_of_the_policy():
    """Samples that were recorded under another name of the job are the same outbox."""
    found = replayed((60.0, block([50] * 5, job="before")), (135.0, block([50] * 5, start=75_000)))
    assert [each.labels for each in found.firings] == [JOB]


def test_what_cannot_be_evaluated_is_said():
    """The other rules are replayed."""
    small = small_policy()
    rules = tuple(
        replace(small.rules[0], key=RuleKey(name, Severity.TICKET), expr=expr)
        for name, expr in (("Top", "topk(1, depth)"), ("Twice", "depth + on () depth"), ("Good", "depth > 10"))
    )
    two = block([50.0] * 5)
    name: SeriesName = "depth", (("instance", "other"), ("job", "outbox-exporter"))
    found = replayed(
        (60.0, replace(two, columns={**two.columns, name: array("d", [50.0] * 5)})), by=replace(small, rules=rules)
    )
    assert set(found.failures) == {"Top/ticket", "Twice/ticket"}
    assert {each.rule.alert for each in found.firings} == {"Good"}


def test_without_samples_there_is_no_result():
    """Rather than one without alerts."""
    assert Replay(small_policy()).result() is None
