"""Declared maintenance: what it means at which time, kept through crashes, and what is noticed meanwhile."""

from __future__ import annotations

import itertools
import logging
import random
import subprocess
import sys
import threading
import time

import pytest
from psycopg import sql

from exporter.collectors.maintenance import MaintenanceCollector
from exporter.database import queries
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorOutcome, Reading
from exporter.migration.maintenance import (
    FILE,
    KEPT,
    MaintenanceFile,
    MaintenanceFileError,
    MaintenancePhase,
    MaintenanceWindow,
    active,
)
from tests.migration.verification import exporter_client

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


def test_a_declaration_is_kept_and_ended(tmp_path):
    """A second ledger of the same directory sees what the first wrote."""
    maintenance_file, other = MaintenanceFile(tmp_path / "state"), MaintenanceFile(tmp_path / "state")
    assert maintenance_file.read() == ()
    assert maintenance_file.end(NOW) is None
    assert maintenance_file.start(NOW, HOUR, "roll back the code") == other.current()
    assert other.end(NOW + 60) == MaintenanceWindow(NOW, NOW + HOUR, "roll back the code", NOW + 60)
    assert maintenance_file.current() is None
    assert other.end(NOW + 61) is None


def test_declared_again_it_is_prolonged(tmp_path):
    """While it lasts, its start stays."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    maintenance_file.start(NOW + 60, 2 * HOUR, "two")
    assert maintenance_file.read() == (MaintenanceWindow(NOW, NOW + 60 + 2 * HOUR, "two"),)


def test_declared_again_after_an_overrun_it_is_a_new_one(tmp_path):
    """The hours between are not excused afterwards."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    maintenance_file.start(NOW + 2 * HOUR, HOUR, "two")
    first, second = maintenance_file.read()
    assert (first.ended_at, second.started_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert active(maintenance_file.read(), NOW + 1.5 * HOUR) is None


def test_a_clock_set_back_ends_nothing_before_it_began(tmp_path):
    """The end is never before the start."""
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(NOW, HOUR, "one")
    ended = maintenance_file.end(NOW - HOUR)
    assert ended is not None
    assert ended.ended_at == NOW


def test_old_declarations_are_dropped(tmp_path):
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
def test_a_damaged_or_newer_file_is_unknown_not_calm(tmp_path, text):
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


def test_a_state_directory_that_cannot_be_is_said(tmp_path):
    """A file where the directory should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(MaintenanceFileError, match="cannot be written"):
        MaintenanceFile(tmp_path / "state").start(NOW, 1, "x")


TOGGLE = """
import sys, pathlib
from exporter.migration.maintenance import Ledger
ledger, now = Ledger(pathlib.Path(sys.argv[1])), 0.0
print("ready", flush=True)
while True:
    ledger.start(now, 10, "reason " * 200)
    ledger.end(now + 1)
    now += 2
"""


def test_killed_at_any_moment_the_file_is_whole(tmp_path):
    """SIGKILL in the middle of writing, again and again: always readable, never shorter than before."""
    chance, seen = random.Random(1), 0
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", TOGGLE, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.001, 0.05))
            process.kill()
        declared = MaintenanceFile(tmp_path).read()
        assert len(declared) >= min(seen, KEPT)
        seen = len(declared)
    assert seen
    MaintenanceFile(tmp_path).start(NOW, 1, "the lock of a dead process is gone")


def test_two_writers_lose_nothing(tmp_path):
    """Every declaration of both is there."""
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


# --- the collector


def values(outcome: CollectorOutcome) -> dict[str, float]:
    return {each.metric.name: each.value for each in outcome.readings if isinstance(each, Reading)}


ACTIVE, END = catalogue.MAINTENANCE_ACTIVE.name, catalogue.MAINTENANCE_DECLARED_END.name


def test_without_a_declaration_the_database_is_not_asked(tmp_path, embedded_database):
    """0, although the database cannot be reached."""
    with exporter_client(embedded_database) as client:
        client.close()
        assert values(MaintenanceCollector(client, MaintenanceFile(tmp_path)).collect()) == {ACTIVE: 0}


def test_active_overrun_ended(tmp_path, database, caplog):
    """1 while it lasts; past its declared end 0, said once; without its end no series."""
    caplog.set_level(logging.INFO)
    now = time.time()
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(now, HOUR, "roll back")
    clock = iter([now + 1, now + HOUR - 1, now + HOUR + 1, now + HOUR + 2, now + HOUR + 3])
    with exporter_client(database) as client:
        collector = MaintenanceCollector(client, maintenance_file, lambda: next(clock))
        assert values(collector.collect()) == {ACTIVE: 1, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 1, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 0, END: now + HOUR}
        assert values(collector.collect()) == {ACTIVE: 0, END: now + HOUR}
        maintenance_file.end(now + HOUR + 2)
        assert values(collector.collect()) == {ACTIVE: 0}
    said = [record.getMessage() for record in caplog.records]
    assert said == ["maintenance declared", "maintenance overruns", "maintenance ended"]


def test_a_processor_that_runs_again_is_noticed(tmp_path, database, caplog):
    """A completion well after the declaration is said once; one that was under way is not."""
    caplog.set_level(logging.WARNING)
    now = time.time()
    maintenance_file = MaintenanceFile(tmp_path)
    maintenance_file.start(now - HOUR, 2 * HOUR, "roll back")
    database.execute(
        "INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');"
        "INSERT INTO organizations (id, name) VALUES ('00000000-0000-0000-0000-00000000000b', 'o');"
        "INSERT INTO courses (id, title, slug, user_id, organization_id) VALUES "
        "('00000000-0000-0000-0000-00000000000c', 't', 's', '00000000-0000-0000-0000-00000000000a', "
        "'00000000-0000-0000-0000-00000000000b');"
        "INSERT INTO job_outbox (entity_id, queue_name, processed_at) VALUES "
        "('00000000-0000-0000-0000-00000000000c', 'q', NOW() - INTERVAL '59 minutes')"
    )
    with exporter_client(database) as client:
        collector = MaintenanceCollector(client, maintenance_file)
        collector.collect()
        assert not caplog.records
        database.execute("UPDATE job_outbox SET processed_at = NOW()")
        for _ in range(3):
            assert values(collector.collect())[ACTIVE] == 1
    assert [record.getMessage() for record in caplog.records] == ["processor runs during maintenance"]


def test_maintenance_is_known_although_the_database_is_not(tmp_path, database):
    """A rolled back database has no tables: the declaration holds all the same, the failure is counted."""
    MaintenanceFile(tmp_path).start(time.time(), HOUR, "roll back")
    database.execute("DROP TABLE job_outbox")
    with exporter_client(database) as client:
        outcome = MaintenanceCollector(client, MaintenanceFile(tmp_path)).collect()
    assert values(outcome)[ACTIVE] == 1
    assert [failure.reason for failure in outcome.failures] == ["schema"]


def test_what_is_asked_reads_one_index_entry(embedded_database):
    """The newest completion is the last entry of an index that exists."""
    database = embedded_database
    database.execute(
        "INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');"
        "INSERT INTO organizations (id, name) VALUES ('00000000-0000-0000-0000-00000000000b', 'o');"
        "INSERT INTO courses (id, title, slug, user_id, organization_id) VALUES "
        "('00000000-0000-0000-0000-00000000000c', 't', 's', '00000000-0000-0000-0000-00000000000a', "
        "'00000000-0000-0000-0000-00000000000b');"
        "INSERT INTO job_outbox (entity_id, queue_name, processed_at) "
        "SELECT '00000000-0000-0000-0000-00000000000c', 'q', NOW() - n * INTERVAL '1 second' "
        "FROM generate_series(1, 20000) AS n; ANALYZE job_outbox"
    )
    query = queries.load("migration/completed_since").compose("public")
    explained = database.value(
        sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + query, {"since": 0, "latest": time.time() + 600}
    )
    plan = explained[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 10
