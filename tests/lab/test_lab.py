"""The lab: its signals change, and nothing of it remains."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster, ClusterError
from tests.lab.observe import LIVELY, PENDING, ask, value
from tests.lab.waiting import is_gone, processes_of, wait_for

SIGNALS = """
    SELECT
      (SELECT count(*) FROM job_outbox WHERE processed_at IS NULL),
      (SELECT avg(extract(epoch FROM processed_at - created_at)) FROM job_outbox
       WHERE processed_at IS NOT NULL AND created_at >= NOW() - INTERVAL '1 hour'),
      (SELECT count(*) FROM fsm_events WHERE created_by = 'API' AND created_at >= NOW() - INTERVAL '1 hour'),
      (SELECT count(*) FROM fsm_events WHERE created_by = 'QUEUE' AND created_at >= NOW() - INTERVAL '1 hour'),
      (SELECT count(*) FROM fsm_events WHERE created_by = 'WORKER' AND created_at >= NOW() - INTERVAL '1 hour'),
      (SELECT count(*) FROM idempotency_keys),
      (SELECT sum(attempts) FROM job_outbox)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(LIVELY) as lab:
        yield lab


def test_all_five_signals_change(lab):
    """Backlog, processing time, events of each source, cache size and failures all change within seconds."""
    first = lab.execute(SIGNALS)[0]
    seen: list[tuple[Any, ...]] = []

    def have_moved() -> bool:
        seen.append(lab.execute(SIGNALS)[0])
        return all(any(then[n] != first[n] for then in seen) for n in range(len(first)))

    wait_for(have_moved)


def test_the_application_reports_the_labs_own_traffic(lab):
    """Its counters follow the traffic."""
    before = ask(lab, "getFSM")["succeeded"], ask(lab, "getOutbox")["processed"]
    wait_for(lambda: ask(lab, "getFSM")["succeeded"] > before[0] and ask(lab, "getOutbox")["processed"] > before[1])
    assert ask(lab, "healthCheck")["healthy"] is True


def test_a_scaled_lab_waits_in_proportion():
    """Retries that take the deployed processor 1 + 2 + 4 + 8 s are over in a twentieth of that."""
    with Lab(LabPlan(rate=0, with_history=False, time_scale=0.05)) as lab:
        lab.queues.dropped_attempts = 4
        lab.execute("INSERT INTO job_outbox (entity_id, queue_name) SELECT id, 'some-queue' FROM courses LIMIT 1")
        wait_for(lambda: value(lab, PENDING) == 0, seconds=10)


def test_an_unknown_fault_is_a_key_error(lab):
    """And a fault that is not there can be stopped."""
    with pytest.raises(KeyError):
        lab.start_fault("no-such-fault")
    lab.stop_fault("database-lock")


def test_the_lab_continues_after_a_crash_of_its_database(lab):
    """Traffic and processor connect again."""
    lab.cluster.restart("immediate")
    processed = value(lab, "SELECT max(processed_at) FROM job_outbox")
    wait_for(lambda: value(lab, "SELECT max(processed_at) FROM job_outbox") > processed)


@pytest.mark.parametrize("name", [None, *FAULTS])
def test_the_lab_leaves_nothing_behind(name):
    """No process, no directory, no thread, with any fault."""
    before = set(threading.enumerate())
    lab = Lab(LabPlan(rate=20.0, fault=name))
    lab.start()
    directory, pid = lab.cluster.directory, lab.cluster.pid
    time.sleep(0.3)
    started = time.monotonic()
    lab.stop()
    took = time.monotonic() - started
    assert is_gone(directory, pid or 0)
    assert processes_of(directory) == []
    assert [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()] == []
    assert took < 5


def test_a_killed_lab_leaves_nothing_behind():
    """Even after SIGKILL, because of the clean-up process."""
    program = (
        "import time\nfrom exporter.lab.lab import Lab\n"
        "with Lab() as lab:\n    print(lab.cluster.directory, lab.cluster.pid, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        directory, pid = owner.stdout.readline().split()
        owner.kill()
    wait_for(lambda: is_gone(Path(directory), int(pid)))


def test_a_hook_sees_the_migrated_database_before_any_traffic():
    """The place to create a monitoring role; its failure ends the lab."""
    seen = []

    def prepare(lab: Lab) -> None:
        seen.append(value(lab, "SELECT count(*) FROM courses"))
        lab.execute("CREATE ROLE outbox_monitor LOGIN")

    with Lab(LabPlan(schema=Schema.DEPLOYED, rate=0, with_history=False), prepare) as lab:
        assert seen == [0]
        psycopg.connect(lab.cluster.dsn("outbox_monitor")).close()
        assert value(lab, "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'idx%'") == 7
        assert value(lab, "SELECT count(*) FROM job_outbox") == 0


def test_a_failing_start_leaves_nothing_behind():
    """The cluster of a lab whose hook fails is gone."""
    lab = Lab(prepare=lambda _: 1 / 0)  # type: ignore[arg-type]  # it never returns
    with pytest.raises(ZeroDivisionError):
        lab.start()
    with pytest.raises(ClusterError):
        _ = lab.cluster.directory


def test_the_lab_runs_on_debians_server_too(debian):
    """Any cluster will do."""
    with Lab(LabPlan(rate=20.0), cluster=Cluster.debian()) as lab:
        assert lab.cluster.major == debian.major
        wait_for(lambda: value(lab, PENDING) > 0)
