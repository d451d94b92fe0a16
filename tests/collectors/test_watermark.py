"""Each row is counted once, however late, however rows come and go."""

import random
from dataclasses import dataclass

import pytest

from exporter.collectors.watermark import SETTLING_WINDOW, SLOT, Watermark

START = 1_763_000_000.0
SEEDS = range(60)


@dataclass(frozen=True)
class Row:
    """A row as a sample meets it; `visible` and `gone` by the database's clock."""

    id: str
    at: float
    visible: float
    gone: float = float("inf")


def sample(counter: Watermark, table: list[Row], now: float) -> list[str]:
    """Like a collector: reads the rows of the index from `since` on, and keeps the new ones."""
    return sorted(Reader(counter).sample([row for row in table if there(row, now)], now))


@dataclass
class Reader:
    """Samples a table: all of the window or, if `thrifty`, only changed parts; counts the rows read."""

    counter: Watermark
    thrifty: bool = False
    read: int = 0

    def sample(self, rows: list[Row], now: float) -> list[str]:
        """The new ones among the rows that are there."""
        since = until = self.counter.since(now)
        if self.thrifty:
            settled_window = self.counter.settled_window(now)
            found = [row for row in rows if since <= row.at < settled_window.until]
            if (len(found), sum(micros(row.at) - micros(since) for row in found)) == (
                settled_window.rows,
                settled_window.micros,
            ):
                until = settled_window.until
        listed = [row for row in rows if row.at >= until]
        self.read += len(listed)
        places = self.counter.add([row.id for row in listed], [row.at for row in listed], now, until)
        return [listed[place].id for place in places]


def micros(at: float) -> int:
    return round(at * 1_000_000)


def there(row: Row, now: float) -> bool:
    return row.visible <= now < row.gone


def seen_late(table: list[Row], times: list[float]) -> set[str]:
    """Brute force: the rows that some sample met and the first one did not."""
    first = {row.id for row in table if there(row, times[0])}
    return {row.id for row in table if any(there(row, now) for now in times[1:])} - first


def table_of(rng: random.Random, lateness: float, size: int = 300) -> list[Row]:
    """Rows of two hours, each visible between ten seconds before its own timestamp and `lateness` after it."""
    rows = []
    for number in range(size):
        at = START + rng.uniform(-1000, 7200)
        visible = at + rng.uniform(-10, lateness)
        gone = visible + rng.expovariate(1 / 600) if rng.random() < 0.3 else float("inf")
        rows.append(Row(str(number), at, visible, gone))
    return rows


def sample_times(rng: random.Random) -> list[float]:
    """Samples every few seconds, with an outage of up to an hour now and then."""
    times = [START]
    while times[-1] < START + 9000:
        times.append(times[-1] + (rng.uniform(60, 3600) if rng.random() < 0.01 else rng.uniform(5, 60)))
    return times


def test_the_first_sample_finds_nothing_new():
    """Rows that were there before we looked are the baseline."""
    counter = Watermark()
    table = [Row("a", START - 10, START - 10), Row("b", START - SETTLING_WINDOW - 10, START - 20)]
    assert sample(counter, table, START) == []
    assert sample(counter, table, START + 15) == []


def test_a_row_is_new_once():
    """The next samples read it again and do not count it."""
    counter = Watermark()
    table = [Row("a", START + 5, START + 5)]
    counts = [len(sample(counter, table, START + 15 * number)) for number in range(60)]
    assert counts[0] == 0
    assert counts[1] == 1
    assert sum(counts) == 1


@pytest.mark.parametrize("at", [1_762_999_400.0, 1_762_999_395.0], ids=["ten minutes old", "of the watermark"])
def test_a_row_on_the_edge_of_the_window_is_new_once(at):
    """A timestamp exactly ten minutes old, and the oldest one that is read, belong to the window on both occasions."""
    counter = Watermark()
    assert counter.since(START) == 1_762_999_395
    edge = Row("edge", at, START + 1)
    assert sample(counter, [edge], START) == []
    assert sample(counter, [edge], START + 15) == ["edge"]
    assert sample(counter, [edge], START + 30) == []


thrift = pytest.mark.parametrize("thrifty", [False, True], ids=["all", "unsettled"])


@thrift
@pytest.mark.parametrize("seed", SEEDS)
def test_late_commits_deletions_and_outages_are_counted_as_brute_force_does(seed, thrifty):
    """Every row that becomes visible within the settling time is counted exactly once, however samples fall."""
    rng = random.Random(seed)
    table, times = table_of(rng, SETTLING_WINDOW), sample_times(rng)
    reader = Reader(Watermark(), thrifty)
    counted = [name for now in times for name in reader.sample([row for row in table if there(row, now)], now)]
    assert len(counted) == len(set(counted))
    assert set(counted) == seen_late(table, times)


@thrift
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_later_than_settling_are_never_counted_twice(seed, thrifty):
    """Too late a row may be missed, as documented; nothing else is missed, and no row is counted twice."""
    rng = random.Random(seed)
    table, times = table_of(rng, 3 * SETTLING_WINDOW), sample_times(rng)
    reader = Reader(Watermark(), thrifty)
    counted = [name for now in times for name in reader.sample([row for row in table if there(row, now)], now)]
    expected = seen_late(table, times)
    punctual = {row.id for row in table if row.visible - row.at <= SETTLING_WINDOW}
    assert len(counted) == len(set(counted))
    assert expected & punctual <= set(counted) <= expected


@thrift
@pytest.mark.parametrize("seed", SEEDS)
def test_a_clock_set_back_repeats_nothing_and_loses_nothing(seed, thrifty):
    """The database's clock may step back (a failover): by less than the settling time, the counts stay exact."""
    rng = random.Random(seed)
    lateness, step = SETTLING_WINDOW / 3, rng.uniform(1, SETTLING_WINDOW / 3)
    times = sample_times(rng)
    number = rng.randrange(1, len(times))
    stepped = times[:number] + [time - step for time in times[number:]]
    # The rows, as the stepped clock stamps them: everything after the step carries an earlier time.
    true_step = times[number - 1]
    table = table_of(rng, lateness)
    reader = Reader(Watermark(), thrifty)
    counted: list[str] = []
    for true_now, now in zip(times, stepped, strict=True):
        rows = [Row(row.id, row.at - step * (row.at > true_step), row.visible) for row in table if there(row, true_now)]
        counted += reader.sample(rows, now)
    assert len(counted) == len(set(counted))
    assert set(counted) == seen_late(table, times)


def test_a_clock_set_back_by_an_hour_repeats_nothing():
    """However far: rows counted before are not new, and counting goes on with the next sample."""
    counter = Watermark()
    old = [Row(str(number), START - 10 * number, START - 10 * number) for number in range(400)]
    sample(counter, old, START)
    back = START - 3600
    everything = [Row(row.id, row.at, 0) for row in old]
    assert sample(counter, everything, back) == []
    fresh = Row("fresh", back + 5, back + 5)
    assert sample(counter, [*everything, fresh], back + 15) == ["fresh"]


def test_memory_is_one_window():
    """Rows that left the settling window before the last sample are removed."""
    counter = Watermark()
    table = [Row(str(number), START + number, START + number) for number in range(10_000)]
    for now in range(0, 10_000, 100):
        sample(counter, table, START + now)
    assert len(counter._stamps) <= SETTLING_WINDOW + SLOT + 100 + 1
    assert sum(len(slot.ids) for slot in counter._slots.values()) == len(counter._stamps)


def test_unchanged_rows_are_not_read_again():
    """A row a second: of the ten minutes before, all but the last few slots are known by their count and their sum."""
    reader, everything = Reader(Watermark(), thrifty=True), Reader(Watermark())
    table = [Row(str(number), START + number, START + number) for number in range(4000)]
    for now in range(1500, 4000, 15):
        rows = [row for row in table if there(row, START + now)]
        assert reader.sample(rows, START + now) == everything.sample(rows, START + now)
    assert reader.read < everything.read / 9


def test_a_row_in_the_place_of_another_is_noticed():
    """One deleted and one committed late leave the count as it was, but not the sum."""
    reader = Reader(Watermark(), thrifty=True)
    before, after = Row("before", START - 400, START - 400), Row("after", START - 300, START + 20)
    for now in (0, 15):
        assert reader.sample([before], START + now) == []
    assert reader.sample([after], START + 30) == ["after"]


def test_a_row_that_is_stamped_anew_is_not_new():
    """As long as it was there at the last sample: it is the same row."""
    reader = Reader(Watermark(), thrifty=True)
    assert reader.sample([Row("a", START - 400, 0)], START) == []
    assert reader.sample([Row("a", START + 10, 0)], START + 15) == []
    assert reader.sample([], START + 30) == []
    assert reader.sample([Row("a", START + 40, 0)], START + 45) == ["a"]


def test_missing_rows_on_a_standby_change_no_count():
    """Samples go to the primary, to a standby that is forty seconds behind, and back: every row counts once."""
    for thrifty in (False, True):
        reader = Reader(Watermark(), thrifty)
        table = [Row(str(number), START + number, START + number) for number in range(-900, 900)]
        counted = []
        for number, now in enumerate(range(0, 900, 15)):
            seen = START + now - (40 if number % 7 in (3, 4) else 0)
            counted += reader.sample([row for row in table if there(row, seen)], START + now)
        assert len(counted) == len(set(counted)) == 870  # the last one was of the standby


def fetched(counter: Watermark, table: list[Row], now: float) -> list[tuple[float, float]]:
    """The times of each fetch of one sample, which is then recorded."""
    calls: list[tuple[float, float]] = []

    def fetch(since: float, until: float) -> list[Row]:
        calls.append((since, until))
        return [row for row in table if since <= row.at]

    def sums(found: list[Row]) -> tuple[int, int]:
        since, until = calls[-1]
        old = [row for row in found if row.at < until]
        return len(old), sum(micros(row.at) - micros(since) for row in old)

    found, until = counter.fetch_new(now, fetch, sums)
    listed = [row for row in found if row.at >= until]
    counter.add([row.id for row in listed], [row.at for row in listed], now, until)
    return calls


def test_unchanged_rows_are_fetched_once_and_changed_ones_twice():
    """The settling window is 600 s, in slots of 15 s; the first sample knows nothing, the second all but two slots."""
    counter = Watermark()
    table = [Row(f"{at}", float(at), 0.0) for at in range(8500, 9000, 10)]
    assert fetched(counter, table, 9000.0) == [(8400.0, 8400.0)]
    assert fetched(counter, table, 9015.0) == [(8400.0, 8985.0)]
    assert fetched(counter, [*table, Row("late", 8600.0, 0.0)], 9030.0) == [(8415.0, 9000.0), (8415.0, 8415.0)]
    # Set back by an hour: nothing of the hour before is known.
    assert fetched(counter, table, 5400.0) == [(4800.0, 4800.0)]


def quiet(at: float = 9000.0) -> tuple[Watermark, list[Row]]:
    """One whose settled window has just been checked, and has not changed for a minute; and the table."""
    counter, table = Watermark(), [Row(f"{number}", number, 0.0) for number in range(int(at) - 500, int(at), 10)]
    for now in (at - 60, at):
        fetched(counter, table, now)
    assert not counter.is_check_due(at + 15)
    return counter, table


def sample_as_due(counter: Watermark, table: list[Row], now: float) -> list[str]:
    """The new rows of a sample that leaves out what it may."""
    check = counter.is_check_due(now)

    def fetch(since: float, _until: float) -> list[Row]:
        return [row for row in table if row.at >= since]

    def sums(found: list[Row]) -> tuple[int, int]:
        since, until = counter.since(now), counter.settled_window(now).until
        old = [row for row in found if row.at < until]
        return len(old), sum(micros(row.at) - micros(since) for row in old)

    found, until = counter.fetch_new(now, fetch, sums, check=check)
    listed = [row for row in found if row.at >= until]
    places = counter.add([row.id for row in listed], [row.at for row in listed], now, until, checked=check)
    return [listed[place].id for place in places]


def test_a_window_that_has_not_changed_is_checked_every_fifth_sample():
    """It is 600 s long as before, from the time of the last check on; a change has every sample check for 65 s."""
    counter, table = quiet()
    due = []
    for now in range(9015, 9165, 15):
        due.append(counter.is_check_due(now))
        sample_as_due(counter, table, now)
    assert due == [False, False, False, False, True] * 2
    table.append(Row("late", 8700, 9155.0))
    due.clear()
    for now in range(9165, 9330, 15):
        due.append(counter.is_check_due(now))
        sample_as_due(counter, table, now)
    assert due == [*[False] * 4, *[True] * 5, False, False]


@pytest.mark.parametrize("late", [15.5, 30.0, 59.0])
def test_a_row_that_is_late_after_a_quiet_minute_is_counted_once_by_the_next_check(late):
    """Also where its timestamp is as old as the settling window when it becomes visible."""
    counter, table = quiet()
    row = Row("late", 9000.0 + late - SETTLING_WINDOW, 9000.0 + late)
    new = [sample_as_due(counter, [*table, row] if now >= row.visible else table, now) for now in range(9015, 9300, 15)]
    assert new == [[], [], [], [], ["late"], *[[]] * 14]


@pytest.mark.parametrize("now", [5400.0, 8999.0, 9065.0, 12600.0])
def test_a_check_is_due_when_the_clock_has_stepped(now):
    """Back or ahead, and whenever the last check is 65 s ago."""
    counter, _ = quiet()
    assert counter.is_check_due(now)


@pytest.mark.parametrize("seed", SEEDS)
def test_checks_once_a_minute_count_late_commits_and_outages_as_brute_force_does(seed):
    """Where no row is deleted, every row is counted exactly once, the last ones by the last check."""
    rng = random.Random(seed)
    late = table_of(rng, SETTLING_WINDOW, size=30)
    punctual = [Row(f"p{row.id}", row.at, row.at) for row in table_of(rng, 0.0)]
    table = [Row(row.id, row.at, row.visible) for row in (*late, *punctual)]
    times = [*sample_times(rng), START + 9100, START + 9200]
    counter = Watermark()
    skipped = 0
    counted: list[str] = []
    for now in times:
        skipped += not counter.is_check_due(now)
        counted += sample_as_due(counter, [row for row in table if there(row, now)], now)
    assert skipped > len(times) / 5
    assert len(counted) == len(set(counted))
    assert set(counted) == seen_late(table, times)
