"""A backtest has the alerts of the time asked for, as far as that time is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.backtest.backtest import Backtest, backtest, with_proposals
from alerts.backtest.model import Unknown
from alerts.model import Policy, RuleKey, SampleBlock, Severity
from tests.alerts.backtest.test_replay import block, small_policy

PAGE = RuleKey("OutboxBacklogHigh", Severity.PAGE)


def paging() -> Policy:
    """A rule of severity page, in a policy of one signal."""
    small = small_policy()
    rule = replace(small.rules[0], key=PAGE, threshold=10.0, muted_by=())
    return replace(small, rules=(rule,))


def of(blocks: list[tuple[float, SampleBlock]], start: float, end: float, policy: Policy | None = None) -> Backtest:
    found = backtest(policy or paging(), blocks, start, end)
    assert found is not None
    return found[0]


def test_only_the_time_asked_for_counts():
    """An alert that lasts into it is there, with its begin; what was over before is left out."""
    values = [50.0] * 5 + [0.0] + [50.0] * 10 + [0.0]
    found = of([(240.0, block(values))], 150.0, 240.0)
    assert [(each.start, each.end, each.open) for each in found.firings] == [(120_000, 240_000, False)]
    assert found.unknown == ()
    assert found.known == 90


def test_time_before_and_after_the_samples_is_unknown():
    """And an alert that fired when the samples ended may have lasted longer."""
    found = of([(60.0, block([50.0] * 5))], -100.0, 160.0)
    assert found.unknown == (
        Unknown(-100_000, 0, "no samples"),
        Unknown(60_000, 160_000, "no samples"),
    )
    assert [(each.start, each.end, each.open) for each in found.firings] == [(30_000, 60_000, True)]
    assert found.known == 60


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (0.0, [(30_000, 45_000, True), (630_000, 645_000, True)]),
        (900.0, [(30_000, 645_000, True)]),
    ],
)
def test_an_alert_that_ends_in_a_gap_is_open(keep, expected):
    """Its end is unknown; one that goes on after the gap is one alert."""
    policy = replace(paging(), rules=(replace(paging().rules[0], keep_firing_for=keep),))
    found = of([(45.0, block([50.0] * 4)), (645.0, block([50.0] * 4, start=600_000))], 0.0, 645.0, policy)
    assert [(each.start, each.end, each.open) for each in found.firings] == expected
    assert found.known == 90


def test_an_alert_of_the_gap_itself_is_not_told():
    """That the exporter was down cannot be told from its own history."""
    policy = paging()
    absent = replace(policy.rules[0], key=RuleKey("Absent", Severity.PAGE), expr="absent(depth)", hold_duration=0.0)
    found = of(
        [(45.0, block([0.0] * 4)), (645.0, block([0.0] * 4, start=600_000))],
        0.0,
        645.0,
        replace(policy, rules=(absent,)),
    )
    assert found.firings == ()


def test_without_samples_of_the_time_there_is_no_backtest():
    """Nothing is known about it."""
    assert backtest(paging(), [], 0.0, 60.0) is None
    assert backtest(paging(), [(60.0, block([0.0] * 5))], 100.0, 160.0) is None


def test_pages_a_week_are_of_the_known_time():
    """Two in ten minutes of samples are a thousand times as many in a week, however long the gap."""
    values = [50.0] * 3 + [0.0] + [50.0] * 3 + [0.0] * 34
    found = of([(600.0, block(values))], 0.0, 600.0)
    assert found.per_week(Severity.PAGE) == 2 * 7 * 24 * 6
    assert found.per_week(Severity.TICKET) == 0
    assert dict(found.pages()) == {PAGE: 2}


def test_proposals_are_replayed():
    """The pages a week are those of another replay, not those that were hoped for."""
    values = [50.0] * 3 + [0.0] + [90.0] * 3 + [0.0] * 34
    first = backtest(paging(), [(600.0, block(values))], 0.0, 600.0)
    assert first is not None
    asked: list[tuple[RuleKey, float]] = []

    def again(proposals):
        asked.extend((each.rule, each.proposed) for each in proposals)
        return first[0]

    found = with_proposals(*first, paging(), 7 * 24 * 6, again).proposals
    assert asked == [(PAGE, 51.0)]
    assert found is not None
    assert (found.most, found.pages_per_week) == (1008, 2016)
