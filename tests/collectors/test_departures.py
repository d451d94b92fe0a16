"""Jobs that leave the backlog uncounted: reported jobs were lost, whatever clocks, failed samples and restarts do."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from exporter.collectors.departures import Balance, Departed, Departures, Search
from exporter.collectors.watermark import Watermark
from exporter.metrics.readings import Reading

NOW = 1_763_000_000.0
HOUR = 3600.0


def reported(departures: Departures) -> dict[str, float]:
    return {each.labels[0]: each.value for each in departures.readings() if isinstance(each, Reading)}


def job(name: str, created: float = NOW - 10, processed: float | None = None) -> Departed:
    return Departed(name, created, processed)


def due_searches(departures: Departures, *counted: str) -> list[str]:
    return departures.find_uncounted(lambda name: name in counted)


def after(*rows: Departed) -> Departures:
    """Jobs a and b were pending and are not any more; these rows are still there."""
    departures = Departures()
    departures.record_pending(["a", "b"])
    departures.record_pending([])
    assert due_searches(departures) == ["a", "b"]
    departures.found(rows)
    return departures


def test_there_are_no_totals_before_the_first_sample():
    """Unknown is not 0; jobs from before the first sample are the baseline."""
    departures = Departures()
    assert reported(departures) == {}
    assert due_searches(departures, "x") == []
    departures.record_pending(["a"])
    assert due_searches(departures) == []
    assert reported(departures) == {"removed": 0, "uncounted": 0}


def test_counted_jobs_are_not_looked_up():
    """The job is in the settling window: it was counted."""
    departures = Departures()
    departures.record_pending(["a", "b"])
    departures.record_pending(["b"])
    assert due_searches(departures, "a") == []


def test_removed_and_uncounted_jobs():
    """No row: removed. Stamped where no counter reads: uncounted, and a clock skew if before its creation."""
    departures = after(job("a", NOW - 10, NOW - 5 * HOUR))
    assert reported(departures) == {"removed": 1, "uncounted": 1}
    assert departures.skewed == 1
    departures = after(job("a", NOW - 10 * HOUR, NOW - 5 * HOUR), job("b", NOW - 10, float("inf")))
    assert reported(departures) == {"removed": 0, "uncounted": 2}
    assert departures.skewed == 0


@pytest.mark.parametrize("created", [None, float("inf"), float("-inf")])
def test_a_time_that_makes_no_sense_stops_nothing(created):
    """The job is uncounted; without a time of its creation nothing is known of a skew."""
    departures = Departures()
    departures.record_pending(["a"])
    departures.record_pending([])
    due_searches(departures)
    departures.found([Departed("a", created, float("-inf"))])
    assert reported(departures) == {"removed": 0, "uncounted": 1}
    assert departures.skewed == (created == float("inf"))


def test_a_job_that_is_pending_again_is_no_loss():
    """Opened again before it was asked for."""
    assert reported(after(job("a"), job("b"))) == {"removed": 0, "uncounted": 0}


def test_a_job_that_was_opened_again_is_pending():
    """Seen so by the next sample of the backlog, it is not asked for; and it may be lost another time."""
    departures = Departures()
    for pending in (["a"], [], ["a"]):
        departures.record_pending(pending)
    assert due_searches(departures) == []
    for lost in (1, 2):
        departures.record_pending([])
        due_searches(departures)
        departures.found([job("a", processed=NOW - HOUR)])
        assert reported(departures)["uncounted"] == lost
        departures.record_pending(["a"])


def test_a_job_that_is_counted_and_deleted_between_two_samples_of_the_backlog():
    """Counters are read after the backlog: they have it, although no later window holds it."""
    departures = Departures()
    departures.record_pending(["a"])
    assert due_searches(departures, "a") == []
    departures.record_pending([])
    assert due_searches(departures) == []
    assert reported(departures) == {"removed": 0, "uncounted": 0}


def test_a_standby_has_no_totals_and_is_compared_with_nothing():
    """The standby may be behind: a job that is not there yet was not removed."""
    departures = Departures()
    departures.record_pending(["a"])
    departures.forget()
    assert reported(departures) == {}
    departures.record_pending([])
    assert due_searches(departures) == []
    assert reported(departures) == {"removed": 0, "uncounted": 0}


def test_jobs_that_a_search_found_are_counted_once():
    """When the same job was seen pending, or is found by the next search, too."""
    departures = Departures()
    departures.record_pending(["a"])
    departures.balance.note(NOW, 0, 0)
    departures.compare(0)
    departures.record_backdated(["a", "b"], NOW)
    departures.record_pending([])
    due_searches(departures)
    departures.found([job("a", processed=NOW - 5 * HOUR)])
    departures.record_backdated(["a", "b", "c"], NOW)
    assert reported(departures) == {"removed": 0, "uncounted": 3}
    assert departures.skewed == 3


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
    departures: Departures = field(default_factory=Departures)
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
            self.departures.record_pending(pending)
        if self.rng.random() >= failures:
            self._count(now)

    def _count(self, now: float) -> None:
        since = self.watermark.since(now)
        window = [row for row in self.rows.values() if row.processed is not None and row.processed >= since]
        listed = {row.name for row in window}
        self.watermark.add([row.name for row in window], [row.processed or 0.0 for row in window], now)
        self.counted |= listed
        wanted = self.departures.find_uncounted(lambda name: name in listed or name in self.watermark)
        there = [self.rows[name] for name in wanted if name in self.rows]
        self.departures.found(Departed(row.name, row.created, row.processed) for row in there)


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
    assert reported(model.departures) == expected
    assert min(expected.values()) > 5


# ---------------------------------------------------------------- the reason to search


def compared(balance: Balance, *levels: int, pending: int = 0) -> Search | None:
    """The action after these samples, at each of which so many more were inserted than accounted for."""
    for level in levels:
        balance.note(NOW, 1000 + level + pending, pending)
        balance.compare(1000)
    return balance.begin_search(NOW)


def test_more_inserts_than_jobs_are_a_reason():
    """In every one of five samples; where the search begins is the start, as deep as no counter has read."""
    balance = Balance()
    assert compared(balance, 0, 0, 0, 0, 0) is None
    assert compared(balance, 40, 40, 40, 40) is None
    assert compared(balance, 40) == Search(NOW, 600.0)


def test_statistics_that_are_late_are_none():
    """Counters fall behind and catch up; a difference from the start is usual."""
    assert compared(Balance(), 7, 3, 7, 0, 5, 7, 7, -20, 7, 7, 7, 7) is None
    assert compared(Balance(), *[3] * 30, pending=500) is None


def test_the_usual_is_the_least_that_lasts():
    """Rows that were opened again are inserted once and counted twice: a loss after them shows all the same."""
    balance = Balance()
    assert compared(balance, *[0] * 5, *[-3] * 5) is None
    assert compared(balance, *[-2] * 5) is not None


def test_a_search_is_rare():
    """Once an hour when nothing is found, whether it succeeds or not; every ten minutes otherwise."""
    for found, pause in ((None, HOUR), (False, HOUR), (True, 600)):
        balance = Balance()
        assert compared(balance, *[0] * 5, *[9] * 5) is not None
        if found is not None:
            balance.searched(NOW, found=found)
        for _ in range(5):
            balance.note(NOW, 1020, 0)
            balance.compare(1000)
        assert balance.begin_search(NOW + pause - 1) is None
        again = balance.begin_search(NOW + pause)
        assert again is not None
        assert again.created_since == (NOW if found is None else NOW - 600)


def test_what_a_search_did_not_find_is_no_reason_for_another():
    """However much the difference varied before it."""
    balance = Balance()
    assert compared(balance, *[0] * 5, 9, 12, 9, 9, 9) is not None
    balance.searched(NOW, found=False)
    for level, due in ((12, False), (13, True)):
        for _ in range(5):
            balance.note(NOW, 1000 + level, 0)
            balance.compare(1000)
        assert (balance.begin_search(NOW + HOUR) is not None) is due


def test_a_search_is_deeper_than_the_window_of_the_counters():
    """After an outage they read further back, and rows that they have read are not uncounted, earlier ones too."""
    balance = Balance()
    balance.window(4000)
    assert compared(balance, *[0] * 5, *[9] * 5) == Search(NOW, 4000)
    balance.searched(NOW, found=True)
    for _ in range(5):
        balance.note(NOW, 1020, 0)
        balance.compare(1000)
    assert balance.begin_search(NOW + 600) == Search(NOW - 600, 4000)
    balance.searched(NOW + 600, found=True)
    for _ in range(5):
        balance.note(NOW, 1030, 0)
        balance.compare(1000)
    assert balance.begin_search(NOW + 1200) == Search(NOW, 600)


@pytest.mark.parametrize(("inserted", "pending"), [(None, 0), (1000, None)], ids=["no statistics", "truncated"])
def test_unknown_numbers_are_compared_with_nothing(inserted, pending):
    """A standby has no statistics, and a backlog that was not counted to its end no number: it begins anew."""
    balance = Balance()
    compared(balance, *[0] * 5)
    balance.note(NOW, inserted, pending)
    balance.compare(1000)
    assert compared(balance, *[500] * 4) is None
    assert compared(balance, *[500] * 10) is None


def test_pending_jobs_are_accounted_for():
    """As many more inserted as are pending is no reason, however many."""
    balance = Balance()
    for sample in range(20):
        balance.note(NOW + sample, inserted=100 + 3 * sample, pending=3 * sample)
        balance.compare(0)
        assert balance.begin_search(NOW + sample) is None


def test_every_job_that_left_the_backlog_is_accounted_for():
    """Counted, removed or uncounted: as many inserted is no reason to search, one more that stays is."""
    departures = after(job("a", NOW - 10, NOW - 5 * HOUR))
    assert reported(departures) == {"removed": 1, "uncounted": 1}
    for sample in range(10):
        departures.balance.note(NOW + sample, inserted=9, pending=0)
        departures.compare(7)
        assert departures.balance.begin_search(NOW + sample) is None
    for sample in range(10, 20):
        departures.balance.note(NOW + sample, inserted=10, pending=0)
        departures.compare(7)
    assert departures.balance.begin_search(NOW + 20) is not None
    assert departures.balance._levels == deque([1] * 5)
