"""Maintenance windows: phases, and storage that survives crashes."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
import time

import pytest

from exporter.migration.maintenance import (
    FILE,
    KEPT,
    MaintenanceFile,
    MaintenanceFileError,
    MaintenancePhase,
    MaintenanceWindow,
    active,
)

HOUR = 3600.0
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("at", "open_", "ended"),
    [
        (-1, MaintenancePhase.BEFORE, MaintenancePhase.BEFORE),
        (0, MaintenancePhase.ACTIVE, MaintenancePhase.ACTIVE),
        (59, MaintenancePhase.ACTIVE, MaintenancePhase.ACTIVE),
        (60, MaintenancePhase.ACTIVE, MaintenancePhase.ENDED),
        (99, MaintenancePhase.ACTIVE, MaintenancePhase.ENDED),
        (100, MaintenancePhase.OVERRUN, MaintenancePhase.ENDED),
        (1e9, MaintenancePhase.OVERRUN, MaintenancePhase.ENDED),
    ],
)
def test_phases(at, open_, ended):
    """Active from the declaration to its end, whichever end comes first; not ended in time it overruns."""
    assert MaintenanceWindow(NOW, NOW + 100, "why").phase(NOW + at) is open_
    assert MaintenanceWindow(NOW, NOW + 100, "why", NOW + 60).phase(NOW + at) is ended


def test_ended_after_an_overrun():
    """Between the declared end and the real one it overran."""
    late = MaintenanceWindow(NOW, NOW + 100, "why", NOW + 200)
    assert [late.phase(NOW + at) for at in (99, 100, 199, 200)] == [
        MaintenancePhase.ACTIVE,
        MaintenancePhase.OVERRUN,
        MaintenancePhase.OVERRUN,
        MaintenancePhase.ENDED,
    ]
    assert active([late], NOW + 99) is late
    assert active([late], NOW + 150) is None


def test_a_window_is_stored_and_ended(tmp_path):
    """A second object for the same directory reads what the first wrote."""
    maintenance_file, other = MaintenanceFile(tmp_path / "state"), MaintenanceFile(tmp_path / "state")
    assert maintenance_file.read() == ()
    assert maintenance_file.end(NOW) is None
    assert maintenance_file.start(NOW, HOUR, "roll back the code") == other.current()
    assert other.end(NOW + 60) == MaintenanceWindow(NOW, NOW + HOUR, "roll back the code", NOW + 60)
    assert maintenance_file.current() is None
    assert other.end(NOW + 61) is None


def test_a_second_start_extends_the_window(tmp_path):
    """While it lasts, its start stays."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    maintenance_file.start(NOW + 60, 2 * HOUR, "two")
    assert maintenance_file.read() == (MaintenanceWindow(NOW, NOW + 60 + 2 * HOUR, "two"),)


def test_a_start_after_an_overrun_opens_a_new_window(tmp_path):
    """The hours between are not excused afterwards."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    maintenance_file.start(NOW + 2 * HOUR, HOUR, "two")
    first, second = maintenance_file.read()
    assert (first.ended_at, second.started_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert active(maintenance_file.read(), NOW + 1.5 * HOUR) is None


def test_a_window_never_ends_before_it_began(tmp_path):
    """The end is never before the start."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    ended = maintenance_file.end(NOW - HOUR)
    assert ended is not None
    assert ended.ended_at == NOW


def test_old_windows_are_dropped(tmp_path):
    """The file stays small."""
    maintenance_file = MaintenanceFile(tmp_path)
    for number in range(KEPT + 5):
        maintenance_file.start(NOW + number, HOUR, str(number))
        maintenance_file.end(NOW + number)
    assert len(maintenance_file.read()) == KEPT


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2, "maintenance": []}', '{"format": 1, "maintenance": [{"started_at": 1}]}', "null"],
)
def test_a_damaged_or_newer_file_is_an_error(tmp_path, text):
    """Neither read as "no maintenance" nor overwritten."""
    (tmp_path / FILE).write_text(text)
    maintenance_file = MaintenanceFile(tmp_path)
    for act in (
        maintenance_file.read,
        maintenance_file.current,
        lambda: maintenance_file.start(NOW, 1, "x"),
        lambda: maintenance_file.end(NOW),
    ):
        with pytest.raises(MaintenanceFileError, match=FILE):
            act()
    assert (tmp_path / FILE).read_text() == text


def test_a_state_directory_that_cannot_be_created_is_an_error(tmp_path):
    """A file where the directory should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(MaintenanceFileError, match="cannot be written"):
        MaintenanceFile(tmp_path / "state").start(NOW, 1, "x")


TOGGLE = """
import sys, pathlib
from exporter.migration.maintenance import MaintenanceFile
ledger, now = MaintenanceFile(pathlib.Path(sys.argv[1])), 0.0
print("ready", flush=True)
while True:
    ledger.start(now, 10, "reason " * 200)
    ledger.end(now + 1)
    now += 2
"""


def test_the_file_is_complete_after_a_kill_at_any_moment(tmp_path):
    """After SIGKILL it can be read and has no fewer windows than before."""
    rng, seen = random.Random(1), 0
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", TOGGLE, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.001, 0.05))
            process.kill()
        declared = MaintenanceFile(tmp_path).read()
        assert len(declared) >= min(seen, KEPT)
        seen = len(declared)
    assert seen
    MaintenanceFile(tmp_path).start(NOW, 1, "the lock of a killed process is released")


def test_two_concurrent_writers_lose_no_window(tmp_path):
    """Every window was ended, and no temporary file is left."""
    numbers = itertools.count()

    def declare() -> None:
        for _ in range(20):
            number = next(numbers)
            maintenance_file = MaintenanceFile(tmp_path)
            maintenance_file.start(NOW, HOUR, str(number))
            maintenance_file.end(NOW)

    threads = [threading.Thread(target=declare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    declared = MaintenanceFile(tmp_path).read()
    assert all(each.ended_at is not None for each in declared)
    assert not list(tmp_path.glob(".*"))
