"""Faults: each has its effect, and nothing of it remains."""

from collections.abc import Iterator

import psycopg
import pytest
import requests

from exporter.lab.faults import FAULTS
from exporter.lab.lab import Lab
from tests.lab.observe import LIVELY, PENDING, ask, value
from tests.lab.waiting import wait_for, wait_until_steady


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
    # The next test needs a healthy lab.
    wait_for(lambda: value(lab, PENDING) < 60)


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
def test_a_stalled_processor_is_alive_and_processes_nothing(fault):
    """The backlog grows, nothing is processed, and the application reports alive."""
    # A poll may be under way, and rest for a second between two attempts.
    processed = wait_until_steady(lambda: value(fault, "SELECT max(processed_at) FROM job_outbox"), moment=1.2)
    backlog = value(fault, PENDING)
    wait_for(lambda: value(fault, PENDING) > backlog + 10)
    assert value(fault, "SELECT max(processed_at) FROM job_outbox") == processed
    assert ask(fault, "healthCheck")["outboxAlive"] is True


@pytest.mark.parametrize("fault", ["processor-crashed"], indirect=True)
def test_a_crashed_processor_is_not_alive(fault):
    """The backlog grows and the application reports it; afterwards the processor runs again."""
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
    assert ask(fault, "healthCheck")["healthy"] is True  # by its own report


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
def test_a_stopped_application_refuses_while_the_outbox_is_processed(fault):
    """The server is down, jobs are processed all the same."""
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
def test_without_a_clean_up_keys_are_older_than_26_hours(fault):
    """The cron jobs are inactive, and old expired keys stay."""
    assert value(fault, "SELECT count(*) FROM cron.job WHERE active") == 0
    assert value(fault, "SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '26 hours'") == 500


def test_after_the_faults_the_lab_is_healthy_again(lab):
    """Cron jobs are active, old keys are gone, queues accept jobs."""
    assert value(lab, "SELECT count(*) FROM cron.job WHERE active") == 2
    assert value(lab, "SELECT count(*) FROM idempotency_keys WHERE expires_at < NOW() - INTERVAL '26 hours'") == 0
    wait_for(lambda: value(lab, "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL AND attempts > 3") == 0)
    wait_for(lambda: ask(lab, "healthCheck")["healthy"] is True)
