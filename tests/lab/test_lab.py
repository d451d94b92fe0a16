"""The whole lab: signals move, faults do what they say, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from exporter.lab.application.dialects import ApplicationDialect, Envelope
from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab, LabPlan
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster, ClusterError
from tests.lab.waiting import is_gone, processes_of, wait_for, wait_until_steady

LIVELY = LabPlan(rate=20.0, max_poll_interval=1.0, dialect=ApplicationDialect.DOCUMENTED, envelope=Envelope.BARE)
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
PENDING = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL"


def ask(lab: Lab, procedure: str) -> Any:
    return requests.get(f"{lab.application_url}/metrics.{procedure}", timeout=5).json()


def value(lab: Lab, query: str) -> Any:
    return lab.execute(query)[0][0]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(LIVELY) as lab:
        yield lab


@pytest.fixture
def fault(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Lab]:
    """The lab with the fault named by the test's parameter; it ends with the test."""
    lab.start_fault(request.param)
    yield lab
    lab.stop_fault(request.param)
    # Let the next test begin in a healthy world.
    wait_for(lambda: value(lab, PENDING) < 60)


def test_all_five_signals_move(lab):
    """Backlog, processing time, events of each source, cache size and failures all change within seconds."""
    first = lab.execute(SIGNALS)[0]
    seen: list[tuple[Any, ...]] = []

    def have_moved() -> bool:
        seen.append(lab.execute(SIGNALS)[0])
        return all(any(then[n] != first[n] for then in seen) for n in range(len(first)))

    wait_for(have_moved)


def test_the_application_reports_the_labs_own_traffic(lab):
    """Its counters follow what happens."""
    before = ask(lab, "getFSM")["succeeded"], ask(lab, "getOutbox")["processed"]
    wait_for(lambda: ask(lab, "getFSM")["succeeded"] > before[0] and ask(lab, "getOutbox")["processed"] > before[1])
    assert ask(lab, "healthCheck")["healthy"] is True


def test_every_fault_is_described():
    """Names as the contract has them, one line each."""
    assert set(FAULTS) == {
        "processor-stalled",
        "processor-crashed",
        "poison-rows",
        "slow-processing",
        "failing-initialisations",
        "application-down",
        "database-lock",
        "cleanup-dead",
    }
    assert all(fault.description and "\n" not in fault.description for fault in FAULTS.values())


@pytest.mark.parametrize("fault", ["processor-stalled"], indirect=True)
def test_a_stalled_processor_is_alive_and_moves_nothing(fault):
    """The backlog grows, nothing is processed, and the application says alive."""
    # A poll may be under way, and rest for a second between two attempts.
    processed = wait_until_steady(lambda: value(fault, "SELECT max(processed_at) FROM job_outbox"), moment=1.2)
    backlog = value(fault, PENDING)
    wait_for(lambda: value(fault, PENDING) > backlog + 10)
    assert value(fault, "SELECT max(processed_at) FROM job_outbox") == processed
    assert ask(fault, "healthCheck")["outboxAlive"] is True


@pytest.mark.parametrize("fault", ["processor-crashed"], indirect=True)
def test_a_crashed_processor_is_not_alive(fault):
    """The backlog grows and the application says so; afterwards the processor is back."""
    backlog = value(fault, PENDING)
    wait_for(lambda: value(fault, PENDING) > backlog + 10)
    assert ask(fault, "healthCheck") == {"healthy": False, "outboxAlive": False, "lastProcessedOk": True}


@pytest.mark.parametrize("fault", ["poison-rows"], indirect=True)
def test_poison_rows_block_the_head(fault):
    """A hundred of the oldest hundred fail, attempts climb past five, and nothing behind them moves."""
    wait_for(
        lambda: value(fault, "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL AND attempts >= 5") >= 100
    )
    head = (
        "SELECT count(*) FROM (SELECT attempts FROM job_outbox WHERE processed_at IS NULL"
        " ORDER BY created_at LIMIT 100) AS head WHERE attempts > 0"
    )
    assert value(fault, head) == 100
    processed = value(fault, "SELECT max(processed_at) FROM job_outbox")
    wait_for(lambda: value(fault, PENDING) > 150)
    assert value(fault, "SELECT max(processed_at) FROM job_outbox") == processed
    assert ask(fault, "healthCheck")["healthy"] is True  # alive and busy, by its own word


@pytest.mark.parametrize("fault", ["failing-initialisations"], indirect=True)
def test_failing_initialisations_are_counted_by_the_application(fault):
    """The rate since then is far above the critical 5 %, and fallbacks are activated."""
    before = ask(fault, "getFSM")
    wait_for(lambda: ask(fault, "getFSM")["initiated"] > before["initiated"] + 40)
    after = ask(fault, "getFSM")
    share = (after["failed"] - before["failed"]) / (after["initiated"] - before["initiated"])
    assert share > 0.05
    assert ask(fault, "getFallbacks")["layer2Activations"] > 0


@pytest.mark.parametrize("fault", ["slow-processing"], indirect=True)
def test_slow_processing_is_retried_and_slow(fault):
    """Batches wait for their queue: retries are counted, and the backlog grows although jobs succeed."""
    retries = fault.telemetry.figures().processing.retries
    wait_for(lambda: fault.telemetry.figures().processing.retries > retries)
    wait_for(lambda: value(fault, PENDING) > 40)


@pytest.mark.parametrize("fault", ["application-down"], indirect=True)
def test_a_down_application_refuses_while_the_outbox_goes_on(fault):
    """Nobody listens, jobs are processed all the same."""
    with pytest.raises(requests.ConnectionError):
        ask(fault, "getFSM")
    processed = value(fault, "SELECT max(processed_at) FROM job_outbox")
    wait_for(lambda: value(fault, "SELECT max(processed_at) FROM job_outbox") > processed)


def test_a_down_application_restarts_at_zero(lab):
    """Its counters begin again, as an in-memory application's do."""
    wait_for(lambda: ask(lab, "getFSM")["succeeded"] > 40)
    lab.start_fault("application-down")
    lab.stop_fault("application-down")
    assert ask(lab, "getFSM")["succeeded"] < 40


@pytest.mark.parametrize("fault", ["database-lock"], indirect=True)
def test_a_locked_outbox_blocks_readers_of_it_alone(fault):
    """A count of job_outbox runs into its lock timeout; the other tables answer."""
    with psycopg.connect(fault.dsn) as connection:
        connection.execute("SET LOCAL lock_timeout = '100ms'")
        connection.execute("SELECT count(*) FROM fsm_events")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(PENDING)


@pytest.mark.parametrize("fault", ["cleanup-dead"], indirect=True)
def test_a_dead_clean_up_leaves_keys_of_more_than_26_hours(fault):
    """The cron jobs are inactive, and old expired keys stay."""
    assert value(fault, "SELECT count(*) FROM cron.job WHERE active") == 0
    assert value(fault, "SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '26 hours'") == 500


def test_after_the_faults_the_world_is_healthy_again(lab):
    """Nothing is left of any: cron active, old keys gone, queues open, jobs flowing."""
    assert value(lab, "SELECT count(*) FROM cron.job WHERE active") == 2
    assert value(lab, "SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '26 hours'") == 0
    wait_for(lambda: value(lab, "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL AND attempts > 3") == 0)
    wait_for(lambda: ask(lab, "healthCheck")["healthy"] is True)


def test_a_scaled_world_waits_as_much_less():
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


def test_the_lab_outlives_a_crash_of_its_database(lab):
    """After an immediate restart traffic and processor carry on by themselves."""
    lab.cluster.restart("immediate")
    processed = value(lab, "SELECT max(processed_at) FROM job_outbox")
    wait_for(lambda: value(lab, "SELECT max(processed_at) FROM job_outbox") > processed)


@pytest.mark.parametrize("name", [None, *FAULTS])
def test_the_lab_leaves_nothing_behind(name):
    """No process, no directory, no thread, within moments, whatever was wrong."""
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
    """SIGKILL included: the guardian cleans."""
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


def test_the_lab_lives_on_debians_server_too(debian):
    """Any cluster will do."""
    with Lab(LabPlan(rate=20.0), cluster=Cluster.debian()) as lab:
        assert lab.cluster.major == debian.major
        wait_for(lambda: value(lab, PENDING) > 0)
