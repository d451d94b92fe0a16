"""The last hour is counted as brute force does, and both its ends are all that is read."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from exporter.collectors.kept_hour import NOTHING, KeptHour, Label, Span

START = 1_763_000_000.0
API: Label = ("API", "A")


@dataclass(frozen=True)
class Row:
    """An event, from when on it is visible, and from when on it is gone."""

    at: float
    visible: float
    gone: float = float("inf")


@dataclass
class Table:
    """Events as a collector reads them; `read` are the rows of the latest sample."""

    rows: list[Row]
    hour: KeptHour = field(default_factory=KeptHour)
    edition: str | None = "1"
    read: int = 0
    span: Span = NOTHING

    def expected(self, now: float) -> int:
        """The rows of the last hour."""
        return sum(now - 3600 <= row.at <= now and row.visible <= now < row.gone for row in self.rows)

    def sample(self, now: float) -> int:
        """The same by a sample."""
        self.span = self.hour.span(now, now - 600)
        if self.span != NOTHING and not self.hour.is_edition(self.edition):
            self.span = NOTHING
        there = [row.at for row in self.rows if now - 3600 <= row.at <= now and row.visible <= now < row.gone]
        found = [at for at in there if not self.span.since <= at < self.span.until]
        self.read = len(found)
        total = len(found) + sum(self.hour.kept(self.span).values())
        slots = {API: Counter(int(at // 60) for at in found)}
        self.hour.add(slots, self.span, now, now - 600, self.edition)
        return total


def steady(until: float = 9000.0) -> list[Row]:
    """An event a second, each visible at once."""
    return [Row(START + second, START + second) for second in range(-4000, int(until))]


def quiet() -> Table:
    """Sampled until it leaves out what it knows; the latest sample was at START + 120."""
    table = Table(steady())
    for now in (0, 60, 120):
        assert table.sample(START + now) == 3601
    assert table.span != NOTHING
    return table


def test_both_ends_are_read_once_nothing_has_changed_for_a_minute():
    """The last ten minutes, the two minutes between two samples, and two slots; all of it after ten minutes."""
    table, read = Table(steady()), []
    for now in range(0, 1600, 120):
        assert table.sample(START + now) == table.expected(START + now) == 3601
        read.append(table.read)
    assert [rows == 3601 for rows in read] == [True, *[False] * 4, True, *[False] * 4, True, *[False] * 3]
    assert max(rows for rows in read if rows < 3601) <= 600 + 120 + 2 * 60 + 1


@pytest.mark.parametrize("seed", range(20))
def test_late_rows_and_outages_are_counted_as_brute_force_does(seed):
    """Rows become visible up to ten minutes after their time, and samples may be missing for half an hour."""
    rng = random.Random(seed)
    rows = []
    for _ in range(3000):
        at = START + rng.uniform(-4000, 9000)
        rows.append(Row(at, at + rng.choice((0.0, rng.uniform(0, 600)))))
    table, now, left_out = Table(rows), START, 0
    while now < START + 9000:
        assert table.sample(now) == table.expected(now)
        left_out += table.span != NOTHING
        now += rng.uniform(300, 1800) if rng.random() < 0.03 else rng.uniform(15, 120)
    assert left_out > 20


def test_a_deletion_or_an_update_in_the_statistics_has_all_read():
    """In the same sample, and by each for a minute."""
    table = quiet()
    table.rows = [row for row in table.rows if not START - 2000 <= row.at < START - 1900]
    table.edition = "2"
    for now in (180, 200, 239):
        assert table.sample(START + now) == table.expected(START + now)
        assert table.span == NOTHING
    assert table.sample(START + 250) == table.expected(START + 250)
    assert table.span != NOTHING


def test_a_server_without_statistics_has_all_read():
    """A standby keeps none."""
    table = Table(steady(), edition=None)
    for now in range(0, 900, 60):
        assert table.sample(START + now) == 3601
        assert table.span == NOTHING


def test_what_the_statistics_miss_is_found_after_ten_minutes():
    """A row that is late by half an hour, which no counter counts either."""
    table = quiet()
    table.rows.append(Row(START - 1800, START + 130))
    assert [table.sample(START + now) for now in range(180, 720, 60)] == [*[3601] * 7, 3602, 3602]


@pytest.mark.parametrize("step", [-7200.0, -1000.0, -30.0, 1000.0, 7200.0])
def test_a_clock_that_steps_has_all_read(step):
    """Or what is left out is known: the hour is by the new time."""
    table = quiet()
    for now in range(0, 300, 30):
        at = START + 130 + step + now
        assert table.sample(at) == table.expected(at)


def test_memory_is_one_hour():
    """Slots that left the hour are removed."""
    table = Table(steady(20_000))
    for now in range(0, 20_000, 120):
        table.sample(START + now)
    assert len(table.hour._slots[API]) <= 61
