"""A backtest: which alerts of a policy would have fired over the exporter's own history."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.backtest.model import Firing, Replayed, Unknown
from alerts.backtest.muting import with_muted
from alerts.backtest.replay import NO_SAMPLES, Replay
from alerts.backtest.thresholds import WEEK, Proposal, propose
from alerts.model import Policy, RuleKey, SampleBlock, Severity
from alerts.promql.storage import milliseconds

# The rule that fires when there are no samples. The exporter's own history cannot tell why there are none.
_NOT_TOLD = "OutboxExporterDown"
# Blocks with the time of their last scrape on the time line, seconds, in the order of time.
Blocks = Iterable[tuple[float, SampleBlock]]


@dataclass(frozen=True, slots=True)
class Proposals:
    """Thresholds for at most `most` pages a week, and the pages a week in a replay with them."""

    most: float
    proposals: tuple[Proposal, ...]
    pages_per_week: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """The alerts that would have fired from `start` to `end`. Units: Unix milliseconds.

    `firings` and `unknown` are within that time and in its order. An alert that fires at the beginning of an unknown
    time is open: its end is unknown. `failures` has a message for each rule or signal that could not be evaluated.
    """

    start: int
    end: int
    firings: tuple[Firing, ...]
    unknown: tuple[Unknown, ...]
    failures: Mapping[str, str]
    proposals: Proposals | None = None

    @property
    def known(self) -> float:
        """The time with samples, seconds."""
        return (self.end - self.start - sum(each.end - each.start for each in self.unknown)) / 1000

    def pages(self) -> Counter[RuleKey]:
        """The alerts of severity page that nothing muted, by rule."""
        return Counter(each.rule for each in self.firings if each.rule.severity is Severity.PAGE and not each.muted)

    def per_week(self, severity: Severity) -> float:
        """Alerts of a severity that nothing muted, for each week with samples."""
        count = sum(each.rule.severity is severity and not each.muted for each in self.firings)
        return count * WEEK / self.known if self.known else 0.0


def backtest(policy: Policy, blocks: Blocks, start: float, end: float) -> tuple[Backtest, Replayed] | None:
    """Replay the blocks and keep what happened from `start` to `end`, Unix seconds; None without samples.

    Blocks before `start` fill the windows of the first rules.
    """
    replay = Replay(policy)
    for t, block in blocks:
        replay.add(t, block)
    replayed = replay.result()
    if replayed is None or replayed.end <= milliseconds(start):
        return None
    return _between(replayed, policy, milliseconds(start), milliseconds(end)), replayed


def with_proposals(
    found: Backtest, replayed: Replayed, policy: Policy, most: float, again: Callable[[Sequence[Proposal]], Backtest]
) -> Backtest:
    """The same with thresholds for at most `most` pages a week. `again` replays the history with them."""
    proposals = propose(policy, replayed, found.pages(), most * found.known / WEEK)
    pages = (again(proposals) if proposals else found).per_week(Severity.PAGE)
    return replace(found, proposals=Proposals(most, proposals, pages))


def _between(replayed: Replayed, policy: Policy, start: int, end: int) -> Backtest:
    unknown = [*_before(replayed, start), *replayed.unknown, *_after(replayed, end)]
    unknown = [replace(each, start=max(each.start, start)) for each in unknown if each.end > start]
    told = [firing for firing in replayed.firings if firing.rule.alert != _NOT_TOLD]
    firings = [
        part for firing in with_muted(told, policy.rules) for part in _known_part(firing, unknown) if part.end > start
    ]
    return Backtest(start, end, tuple(firings), tuple(unknown), replayed.failures)


def _before(replayed: Replayed, start: int) -> list[Unknown]:
    return [Unknown(start, replayed.start, NO_SAMPLES)] if replayed.start > start else []


def _after(replayed: Replayed, end: int) -> list[Unknown]:
    return [Unknown(replayed.end, end, NO_SAMPLES)] if replayed.end < end else []


def _known_part(firing: Firing, unknown: Sequence[Unknown]) -> Iterable[Firing]:
    """The alert from its start or the end of the gap in which it began, to its end or the gap in which it ended."""
    for gap in unknown:
        if gap.start < firing.start < gap.end:
            firing = replace(firing, start=gap.end)
        if gap.start < firing.end <= gap.end:
            firing = replace(firing, end=gap.start, open=True)
    if firing.start < firing.end or (firing.open and firing.start == firing.end):
        yield firing
