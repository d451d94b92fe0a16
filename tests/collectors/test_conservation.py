"""Jobs that leave the backlog uncounted: reported jobs were lost, whatever clocks, failed samples and restarts do."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from exporter.collectors.conservation import Conservation, Departed, NewlyProcessed, PendingJobs
from exporter.collectors.watermark import Watermark

NOW = 1_763_000_000.0
HOUR = 3600.0
UNACCOUNTED = "outbox_unaccounted_jobs_total"


def reported(conservation: Conservation) -> dict[str, float]:
    """The jobs of each kind, where there are any or nothing is known: `doubled` is left out at 0."""
    found = {each.labels[0]: each.value for each in conservation.readings() if each.metric.name == UNACCOUNTED}
    return {kind: jobs for kind, jobs in found.items() if jobs or kind != "doubled"}


def created(conservation: Conservation) -> dict[str, float]:
    """Created jobs by queue, and all of them under an empty name."""
    names = ("outbox_created_jobs_total", "outbox_queue_created_jobs_total")
    return {"".join(each.labels): each.value for each in conservation.readings() if each.metric.name in names}


def record(conservation: Conservation, *pending: str) -> list[str]:
    """A backlog that is listed whole."""
    return sorted(conservation.record_pending(PendingJobs(dict.fromkeys(pending, "q")), is_current=False))


def processed(*names: str, created_at: float = NOW) -> list[NewlyProcessed]:
    return [NewlyProcessed(name, "q", created_at) for name in names]


def job(name: str, created: float = NOW - 10, processed: float | None = None) -> Departed:
    return Departed(name, created, processed)


def due_searches(conservation: Conservation, *counted: str) -> list[str]:
    return conservation.find_uncounted(lambda name: name in counted)


def after(*rows: Departed) -> Conservation:
    """Jobs a and b were pending and are not any more; these rows are still there."""
    conservation = Conservation()
    record(conservation, "a", "b")
    record(conservation)
    assert due_searches(conservation) == ["a", "b"]
    conservation.found(rows)
    return conservation


def test_there_are_no_totals_before_the_first_sample():
    """Unknown is not 0; jobs from before the first sample are the baseline."""
    conservation = Conservation()
    assert reported(conservation) == {}
    assert due_searches(conservation, "x") == []
    record(conservation, "a")
    assert due_searches(conservation) == []
    assert reported(conservation) == {"removed": 0, "uncounted": 0}


def test_counted_jobs_are_not_looked_up():
    """The job is in the settling window: it was counted."""
    conservation = Conservation()
    record(conservation, "a", "b")
    record(conservation, "b")
    assert due_searches(conservation, "a") == []


def test_removed_and_uncounted_jobs():
    """No row: removed. Stamped where no counter reads: uncounted, and a clock skew if before its creation."""
    conservation = after(job("a", NOW - 10, NOW - 5 * HOUR))
    assert reported(conservation) == {"removed": 1, "uncounted": 1}
    assert conservation.skewed == 1
    conservation = after(job("a", NOW - 10 * HOUR, NOW - 5 * HOUR), job("b", NOW - 10, float("inf")))
    assert reported(conservation) == {"removed": 0, "uncounted": 2}
    assert conservation.skewed == 0


@pytest.mark.parametrize("created", [None, float("inf"), float("-inf")])
def test_a_time_that_makes_no_sense_stops_nothing(created):
    """The job is uncounted; without a time of its creation nothing is known of a skew."""
    conservation = Conservation()
    record(conservation, "a")
    record(conservation)
    due_searches(conservation)
    conservation.found([Departed("a", created, float("-inf"))])
    assert reported(conservation) == {"removed": 0, "uncounted": 1}
    assert conservation.skewed == (created == float("inf"))


def test_a_job_that_is_pending_again_is_no_loss():
    """Opened again before it was asked for."""
    assert reported(after(job("a"), job("b"))) == {"removed": 0, "uncounted": 0}


def test_a_job_that_was_opened_again_is_pending():
    """Seen so by the next sample of the backlog, it is not asked for; and it may be lost another time."""
    conservation = Conservation()
    for pending in (["a"], [], ["a"]):
        record(conservation, *pending)
    assert due_searches(conservation) == []
    for lost in (1, 2):
        record(conservation)
        due_searches(conservation)
        conservation.found([job("a", processed=NOW - HOUR)])
        assert reported(conservation)["uncounted"] == lost
        record(conservation, "a")


def test_a_job_that_is_counted_and_deleted_between_two_samples_of_the_backlog():
    """Counters are read after the backlog: they have it, although no later window holds it."""
    conservation = Conservation()
    record(conservation, "a")
    assert due_searches(conservation, "a") == []
    record(conservation)
    assert due_searches(conservation) == []
    assert reported(conservation) == {"removed": 0, "uncounted": 0}


def test_a_standby_has_no_totals_and_is_compared_with_nothing():
    """The standby may be behind: a job that is not there yet was not removed."""
    conservation = Conservation()
    record(conservation, "a")
    conservation.forget()
    assert reported(conservation) == {}
    record(conservation)
    assert due_searches(conservation) == []
    assert reported(conservation) == {"removed": 0, "uncounted": 0}


def test_jobs_that_a_search_found_are_counted_once():
    """When the same job was seen pending, or is found by the next search, too."""
    conservation = Conservation()
    record(conservation, "a")
    conservation.balance.note(NOW, 0, 0)
    conservation.compare(0)
    conservation.record_backdated({"a": "q", "b": "q"}, NOW)
    record(conservation)
    due_searches(conservation)
    conservation.found([job("a", processed=NOW - 5 * HOUR)])
    conservation.record_backdated({"a": "q", "b": "r", "c": "r"}, NOW)
    assert reported(conservation) == {"removed": 0, "uncounted": 3}
    assert conservation.skewed == 3


@dataclass
class Row:
    """A job as the database stores it: times by the clocks that stamped them."""

    name: str
    created: float
    processed: float | None = None
    is_lost: bool = False


@dataclass
class BacklogModel:
    """A backlog whose clock may be set; samples, each of which may fail; and the expected result by brute force."""

    rng: random.Random
    rows: dict[str, Row] = field(default_factory=dict)
    conservation: Conservation = field(default_factory=Conservation)
    watermark: Watermark = field(default_factory=Watermark)
    seen: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    born: int = 0

    def live(self, now: float) -> None:
        """Jobs are created, processed by a clock that leads or lags by minutes or is hours behind, and deleted."""
        for _ in range(self.rng.randrange(6)):
            self.born += 1
            self.rows[f"{self.born}"] = Row(f"{self.born}", now)
        for row in list(self.rows.values()):
            kind = self.rng.random()
            if row.processed is None and kind < 0.4:
                row.processed = now + self.rng.uniform(-150, 150)
            elif row.processed is None and kind < 0.45:
                row.processed, row.is_lost = now - self.rng.uniform(2, 14) * HOUR, True
            elif kind > 0.97 and not row.is_lost:
                del self.rows[row.name]

    def sample(self, now: float, failures: float = 0.1) -> None:
        if self.rng.random() >= failures:
            pending = {row.name for row in self.rows.values() if row.processed is None}
            self.seen |= pending
            record(self.conservation, *pending)
        if self.rng.random() >= failures:
            self._count(now)

    def _count(self, now: float) -> None:
        since = self.watermark.since(now)
        window = [row for row in self.rows.values() if row.processed is not None and row.processed >= since]
        listed = {row.name for row in window}
        self.watermark.add([row.name for row in window], [row.processed or 0.0 for row in window], now)
        self.counted |= listed
        wanted = self.conservation.find_uncounted(lambda name: name in listed or name in self.watermark)
        there = [self.rows[name] for name in wanted if name in self.rows]
        self.conservation.found(Departed(row.name, row.created, row.processed) for row in there)


@pytest.mark.parametrize("seed", range(60))
def test_exactly_the_lost_jobs_are_counted(seed):
    """Clocks that are set by three minutes, or an hour ahead; outages; samples that fail: each loss, no false alarm."""
    rng = random.Random(seed)
    model, now, offset = BacklogModel(rng), NOW, 0.0
    model.sample(now, failures=0)
    for _ in range(200):
        now += rng.uniform(600, 2400) if rng.random() < 0.02 else 15
        if rng.random() < 0.01:
            offset += rng.choice((-180.0, 180.0, HOUR))
        model.live(now + offset)
        model.sample(now + offset)
    model.sample(now + offset, failures=0)
    settled = model.seen - model.counted
    pending = {row.name for row in model.rows.values() if row.processed is None}
    expected = {"removed": len(settled - model.rows.keys()), "uncounted": len(settled & model.rows.keys() - pending)}
    assert reported(model.conservation) == expected
    assert min(expected.values()) > 5


def test_every_job_that_left_the_backlog_is_accounted_for():
    """Counted, removed or uncounted: as many inserted is no reason to search, one more that stays is."""
    conservation = after(job("a", NOW - 10, NOW - 5 * HOUR))
    assert reported(conservation) == {"removed": 1, "uncounted": 1}
    for sample in range(10):
        conservation.balance.note(NOW + sample, inserted=9, pending=0)
        conservation.compare(7)
        assert conservation.balance.begin_search(NOW + sample) is None
    for sample in range(10, 20):
        conservation.balance.note(NOW + sample, inserted=10, pending=0)
        conservation.compare(7)
    assert conservation.balance.begin_search(NOW + 20) is not None
    assert conservation.balance._levels == deque([1] * 5)
