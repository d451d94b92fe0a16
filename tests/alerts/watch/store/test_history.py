"""Recorded data is read unchanged, or is refused as damaged."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from array import array
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import SampleBlock
from alerts.watch.model.tick import AlertChange, Cause, CollectorProblem, Tick
from alerts.watch.model.watch import Watch, WatchState
from alerts.watch.store import lock_file
from alerts.watch.store.database_file import FILE, HistoryDamaged, HistoryTooNew
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryInUse
from alerts.watch.store.records import ExporterRun, Layout, TimelineMark, WatchRequest
from alerts.watch.store.samples import SeriesList
from tests.alerts.watch import fixtures

NAMES = ("outbox:backlog_jobs", "outbox:drain_time_seconds", "outbox:failure_ratio")
RUN = ExporterRun(1, "1.2.3", "boot", fixtures.START, 15.0)


def tick(t: int, **more: object) -> Tick:
    """A tick of an odd and complete kind."""
    values = {"outbox:backlog_jobs": t / 7, "outbox:drain_time_seconds": float("inf")}
    return replace(Tick(fixtures.START + t / 1000, t / 1000, 1, 15.0, values), **more)  # type: ignore[arg-type] # fields by name


def filled(directory: Path, count: int = 50) -> list[Tick]:
    """A history with so many ticks, one each 15 s."""
    written = [tick(number * 15_000) for number in range(1, count + 1)]
    with History.writer(directory) as opened, opened.transaction():
        opened.put(1, RUN)
        opened.put(1, Layout(NAMES))
        for each in written:
            opened.add_tick(round(each.elapsed * 1000), each.elapsed, each, 1)
    return written


def read(directory: Path) -> list[Tick]:
    with History.reader(directory) as opened:
        opened.check()
        return list(opened.ticks(-1))


def test_only_writes_of_other_connections_are_changes(tmp_path):
    """Neither a commit of this connection nor a new modification time is one."""
    with History.writer(tmp_path) as ours:
        assert not ours.changed()
        with ours.transaction():
            ours.put(1, RUN)
        assert not ours.changed()
        os.utime(tmp_path / FILE, ns=(0, 0))
        assert not ours.changed()
        with History.client(tmp_path) as client, client.transaction():
            client.put(1, TimelineMark(1.0))
        assert ours.changed()
        assert not ours.changed()


def test_a_file_in_the_place_of_another_one_is_noticed(tmp_path):
    """So is one that is gone; what the history itself writes is no such change."""
    with History.writer(tmp_path) as ours:
        with ours.transaction():
            ours.put(1, RUN)
        assert not ours.is_replaced()
        (tmp_path / FILE).rename(tmp_path / "moved")
        assert ours.is_replaced()
        (tmp_path / FILE).write_bytes((tmp_path / "moved").read_bytes())
        assert ours.is_replaced()
        (tmp_path / "moved").replace(tmp_path / FILE)
        assert not ours.is_replaced()


def test_reading_returns_the_written_values(tmp_path):
    """Exactly: unknown values stay unknown, infinite ones infinite, texts unchanged."""
    odd = tick(
        7,
        problems=(
            CollectorProblem("backlog", Cause.LOCK, stale=True),
            CollectorProblem("application", Cause.APPLICATION, stale=False),
        ),
        firing=("OutboxStalled/page",),
        held=("OutboxHeadBlocked/page",),
        maintenance=True,
        maintenance_reason="roll “back”",
        before=Cause.NOT_WRITTEN,
        step=-3600.25,
        changes=(AlertChange("firing", "OutboxStalled/page", {"job": "x"}, float("inf"), "5 min"),),
    )
    torn = tick(8, maintenance=None)
    filled(tmp_path, 0)
    with History.writer(tmp_path) as opened, opened.transaction():
        for each in (odd, torn):
            opened.add_tick(round(each.elapsed * 1000), 1.0, each, 1)
    assert read(tmp_path) == [odd, torn]


def test_records_are_stored_by_kind_and_number(tmp_path):
    """Written again they are replaced; removed they are gone."""
    watch = fixtures.watch()
    records = (watch, RUN, Layout(NAMES), TimelineMark(1.5), WatchRequest("stop", 1.0, "why"))
    with History.writer(tmp_path) as opened:
        with opened.transaction():
            for record in records:
                opened.put(3, record)
            opened.put(4, replace(watch, number=4, state=WatchState.FAILED))
            opened.put(4, replace(watch, number=4, state=WatchState.PASSED))
        assert [opened.get(type(record), 3) for record in records] == list(records)
        assert [each.state for each in opened.all(Watch).values()] == [WatchState.RUNNING, WatchState.PASSED]
        with opened.transaction():
            opened.drop(Watch, 3)
        assert list(opened.all(Watch)) == [4]


def test_a_judgement_is_stored_completely(tmp_path):
    """With every result, gap and difference in it."""
    judgement = fixtures.judgement_of_a_day()
    with History.writer(tmp_path) as opened:
        with opened.transaction():
            opened.put(1, judgement)
        assert opened.get(type(judgement), 1) == judgement


def test_the_same_tick_is_there_once(tmp_path):
    """However often it is written."""
    (written,) = filled(tmp_path, 1)
    with History.writer(tmp_path) as opened:
        for _ in range(3):
            with opened.transaction():
                opened.add_tick(15_000, 15.0, replace(written, values={}), 1)
        with opened.transaction():
            opened.add_tick(30_000, 30.0, written, 1)
    assert [each.values for each in read(tmp_path)] == [written.values, written.values]


def test_ticks_by_the_time_line(tmp_path):
    """Later than one time and not later than another, counted from wherever one likes; more than one batch."""
    written = filled(tmp_path, 1100)
    with History.reader(tmp_path) as opened:
        assert list(opened.ticks(-1)) == written
        part = list(opened.ticks(150, 300, origin=150))
        assert [each.elapsed for each in part] == [float(15 * number) for number in range(1, 11)]
        last = opened.last()
        assert last is not None
        assert (last.t, last.run) == (1100 * 15_000, 1)


def test_deleting_ticks_keeps_the_others_consistent(tmp_path):
    """The checksums of the remaining rows are valid."""
    filled(tmp_path, 100)
    with History.writer(tmp_path) as opened:
        with opened.transaction():
            opened.forget(-1, 750)
        assert next(each.elapsed for each in opened.ticks(-1)) == 750
        assert len(list(opened.ticks(-1))) == 51


def test_a_transaction_is_all_or_nothing(tmp_path):
    """An error in it undoes it, and the next one goes on where the last good one ended."""
    filled(tmp_path, 2)
    with History.writer(tmp_path) as opened:
        with pytest.raises(ZeroDivisionError):
            interrupted(opened)
        with opened.transaction():
            opened.add_tick(60_000, 60.0, tick(60_000), 1)
    assert [each.elapsed for each in read(tmp_path)] == [15, 30, 60]


def interrupted(opened: History) -> None:
    with opened.transaction():
        opened.add_tick(45_000, 45.0, tick(45_000), 1)
        raise ZeroDivisionError


def test_one_writer_at_a_time(tmp_path):
    """A second exporter is refused until the first has ended; readers are allowed."""
    assert not lock_file.is_locked(tmp_path)
    first = History.writer(tmp_path)
    assert lock_file.is_locked(tmp_path)
    with pytest.raises(HistoryInUse, match="in use by another exporter"):
        History.writer(tmp_path)
    History.reader(tmp_path).close()
    first.close()
    assert not lock_file.is_locked(tmp_path)
    History.writer(tmp_path).close()


def test_readers_do_not_keep_the_writer_from_writing(tmp_path):
    """While one reads all of it again and again, every commit succeeds."""
    filled(tmp_path, 600)
    done = threading.Event()

    def open_reader() -> None:
        while not done.is_set():
            with History.reader(tmp_path) as opened:
                assert len(list(opened.ticks(-1))) >= 600

    readers = [threading.Thread(target=open_reader) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        with History.writer(tmp_path) as opened:
            for number in range(601, 640):
                with opened.transaction():
                    opened.add_tick(number * 15_000, number * 15.0, tick(number * 15_000), 1)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert len(read(tmp_path)) == 639


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, list[Tick], dict[int, Watch]]:
    """A history of some pages, and its content."""
    directory = tmp_path_factory.mktemp("whole")
    filled(directory, 400)
    with History.writer(directory) as opened, opened.transaction():
        opened.put(1, fixtures.watch())
        opened.put(2, replace(fixtures.watch(), number=2, state=WatchState.FAILED))
    with History.reader(directory) as opened:
        return directory, list(opened.ticks(-1)), opened.all(Watch)


@pytest.mark.parametrize("seed", range(150))
def test_damage_at_any_byte_is_detected_or_harmless(seed, whole, tmp_path):
    """Some bytes changed, or some lost at the end: the history is read unchanged, or it is damaged."""
    directory, ticks, watches = whole
    rng = random.Random(seed)
    content = bytearray((directory / FILE).read_bytes())
    if seed % 10 == 0:
        del content[rng.randrange(1, len(content)) :]
    for _ in range(rng.choice((1, 1, 1, 10, 200))):
        content[rng.randrange(len(content))] = rng.randrange(256)
    (tmp_path / FILE).write_bytes(content)
    try:
        with History.reader(tmp_path) as opened:
            said = list(opened.ticks(-1)), opened.all(Watch)
            opened.check()
    except (HistoryDamaged, HistoryTooNew):
        return
    assert said == (ticks, watches)


@pytest.mark.parametrize("field", ["numbers", "words", "at", "t"])
def test_a_value_that_was_changed_is_noticed(tmp_path, field):
    """SQLite itself finds nothing wrong with it."""
    filled(tmp_path, 5)
    change = {
        "numbers": "UPDATE ticks SET numbers = zeroblob(length(numbers)) WHERE t = 45000",
        "words": "UPDATE ticks SET words = '{\"interval\":1}' WHERE t = 45000",
        "at": "UPDATE ticks SET at = at + 1 WHERE t = 45000",
        "t": "UPDATE ticks SET t = 45001 WHERE t = 45000",
    }[field]
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute(change)
    with pytest.raises(HistoryDamaged, match="is wrong"):
        read(tmp_path)


def test_a_tick_taken_out_is_noticed(tmp_path):
    """Each knows the one before it."""
    filled(tmp_path, 5)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("DELETE FROM ticks WHERE t = 45000")
    with pytest.raises(HistoryDamaged, match="the tick before 60000 is missing"):
        read(tmp_path)


FULL = """
import pathlib, resource, sys
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryUnavailable
from tests.alerts.watch.store.test_history import filled, read, tick
directory = pathlib.Path(sys.argv[1])
filled(directory, 5)
size = (directory / "history.sqlite").stat().st_size
with History.writer(directory) as opened:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    failed, number = 0, 5
    while not failed:
        number += 1
        try:
            with opened.transaction():
                opened.add_tick(number * 15_000, number * 15.0, tick(number * 15_000), 1)
        except HistoryUnavailable as error:
            print(error)
            failed = number
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with opened.transaction():
        opened.add_tick(failed * 15_000, failed * 15.0, tick(failed * 15_000), 1)
assert [round(each.elapsed / 15) for each in read(directory)] == list(range(1, failed + 1))
print("whole")
"""


def test_a_full_disk_takes_nothing_back(tmp_path):
    """Committed rows exist, others do not, and writing continues as soon as there is room."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["whole"], done.stderr


SERIES = (("depth", (("job", "a"),)), ("up", ()))


def sample_block(start: int) -> SampleBlock:
    """Two scrapes of two series."""
    times = array("q", [start, start + 15_000])
    return SampleBlock(times, {name: array("d", [1.0, float(start)]) for name in SERIES})


def with_samples(directory: Path, count: int = 3) -> None:
    """A history with so many blocks, half a minute apart; the wall clock is an hour ahead of the time line."""
    with History.writer(directory) as opened, opened.transaction():
        opened.put(1, SeriesList.of(SERIES))
        opened.put(2, SeriesList.of(SERIES))
        for number in range(count):
            start = 3_600_000 + 30_000 * number
            opened.add_samples(start - 3_600_000 + 15_000, sample_block(start), 1, SERIES)


def test_samples_are_read_as_they_were_written(tmp_path):
    """In the order of time, each with its time on the time line; from a time of the wall clock on."""
    with_samples(tmp_path)
    with History.reader(tmp_path) as opened:
        opened.check()
        assert list(opened.samples(-1e9)) == [
            (15.0 + 30 * number, sample_block(3_600_000 + 30_000 * number)) for number in range(3)
        ]
        assert [t for t, _ in opened.samples(3645.0)] == [45.0, 75.0]


def test_old_samples_are_deleted_with_their_lists_of_series(tmp_path):
    """The latest list stays, for the next block."""
    with_samples(tmp_path)
    with History.writer(tmp_path) as opened, opened.transaction():
        opened.forget_samples(45.0)
        assert [t for t, _ in opened.samples(-1e9)] == [45.0, 75.0]
        assert list(opened.all(SeriesList)) == [1, 2]
        opened.forget_samples(100.0)
        assert list(opened.all(SeriesList)) == [2]


@pytest.mark.parametrize("column", ["t", "at", "series", "block"])
def test_a_changed_block_is_damage(tmp_path, column):
    """Nothing is evaluated that was not written."""
    with_samples(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        changed = "x'00'" if column == "block" else f"{column} + 1"
        connection.execute(f"UPDATE samples SET {column} = {changed} WHERE t = 45000")
    with History.reader(tmp_path) as opened:
        with pytest.raises(HistoryDamaged, match="checksum of the samples"):
            opened.check()
        with pytest.raises(HistoryDamaged, match="checksum of the samples"):
            list(opened.samples(-1e9))


def test_a_file_of_an_earlier_build_has_no_samples(tmp_path):
    """It is read as it is; a writer adds the table, and the earlier build still reads the file."""
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("DROP TABLE samples")
    with History.reader(tmp_path) as opened:
        opened.check()
        assert not list(opened.samples(-1e9))
    with_samples(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
