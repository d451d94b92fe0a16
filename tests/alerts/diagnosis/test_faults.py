"""Every fault of the lab and of the fault matrix is diagnosed: on a real PostgreSQL, by the command itself.

The rules' durations are scaled, so that a stall takes seconds. The role is that of the set-up scripts.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.diagnosis.tree import load
from exporter.app.run import App
from exporter.cli import main
from exporter.commands import configuration
from exporter.commands.parser import parse
from exporter.lab.faults import FAULTS, RETIRED_QUEUE
from exporter.lab.lab import Lab, LabPlan
from exporter.lab.ports import LOOPBACK, free_port
from tests.alerts.notify.local import receiving
from tests.end_to_end.program import eventually, scrape, write_config
from tests.matrix.faults import FAULTS_BY_LAB
from tests.standby import standby_of

pytestmark = pytest.mark.timeout(300)

SCALE = 1 / 40  # a stall of five minutes takes 7.5 s
ROLE = "outbox_monitor"
INDEX = "CREATE INDEX idx_job_outbox_unprocessed ON public.job_outbox (created_at) WHERE processed_at IS NULL"
DROP_POLICIES = "; ".join(
    f"DROP POLICY outbox_monitor_read ON {table}" for table in ("job_outbox", "idempotency_keys", "fsm_events")
)
RETIRED = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL AND queue_name = 'retired-queue'"
A_SECOND_AGO = "SELECT 1 FROM job_outbox WHERE processed_at < now() - interval '1 s' LIMIT 1"
ONE_JOB = "INSERT INTO job_outbox (entity_id, queue_name) SELECT id, %s FROM courses ORDER BY created_at LIMIT 1"


# By fault of the matrix: the cause at which the diagnosis of each alert ends that has to arrive.
DIAGNOSES: dict[str, dict[str, str]] = {
    "processor stalled": {"OutboxStalled": "processor-hangs"},
    "processor crashed": {"OutboxStalled": "processor-not-running"},
    "one exhausted job": {"OutboxHeadBlocked": "queue-refuses-jobs", "OutboxJobsExhausted": "queue-refuses-jobs"},
    "120 exhausted jobs": {"OutboxHeadBlocked": "queue-refuses-jobs"},
    "slow processing": {"OutboxProcessingSlow": "backend-slow"},
    "clean-up stopped": {"OutboxCleanupOverdue": "keys-clean-up-inactive"},
    "index dropped": {"OutboxMigrationBroken": "index-of-migration-missing"},
    "burst that drains by itself": {},
    "failing initialisations": {"OutboxFsmFailureRateHigh": "initialisations-refused"},
    "application down": {"OutboxAppUnreachable": "application-down"},
    "database down": {"OutboxDatabaseUnreachable": "database-refuses-connections"},
    "table locked": {"OutboxSamplesStale": "table-locked"},
    "row-level security hides the rows": {"OutboxBlind": "rows-hidden"},
    "exporter killed": {"OutboxExporterDown": "exporter-not-running"},
    "Prometheus cannot reach the exporter": {"OutboxExporterDown": "scrape-path-interrupted"},
    "no traffic for an hour": {},
}


def script(name: str) -> str:
    return resources.files("exporter").joinpath("sql", "setup", f"{name}.sql").read_text("utf-8")


def create_role(lab: Lab) -> None:
    for name in ("monitoring_role", "grant_migration_access"):
        lab.execute(script(name))


@dataclass(frozen=True)
class World:
    """A lab, and the configuration of the exporter that monitors it."""

    lab: Lab
    config: Path
    capture: Callable[[], tuple[str, str]]

    def diagnose(self, alert: str) -> tuple[int, Any]:
        """The exit status and the document of the command."""
        status, printed = self._run("diagnose", alert, "--format", "json")
        return status, json.loads(printed)

    def text(self, alert: str) -> str:
        """The output for people."""
        return self._run("diagnose", alert)[1]

    def _run(self, *arguments: str) -> tuple[int, str]:
        self.capture()
        status = main(["--config", str(self.config), *arguments])
        return status, self.capture()[0]

    def ends_as_expected(self, name: str) -> Any:
        """Waits until each alert of a fault of the matrix is diagnosed; the document of the last one."""
        documents = [self.ends_at(alert, cause) for alert, cause in DIAGNOSES[name].items()]
        return documents[-1]

    def ends_at(self, alert: str, cause: str | None) -> Any:
        """Waits until the diagnosis ends at this cause, and returns its document. Exit status 1, or 0 for none."""

        def ended() -> Any:
            status, document = self.diagnose(alert)
            return document if (status, document["cause"]) == (1 if cause else 0, cause) else None

        deadline = time.monotonic() + 25
        while not (document := ended()):
            assert time.monotonic() < deadline, self.diagnose(alert)
            time.sleep(0.3)
        return document


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    plan = LabPlan(rate=10.0, max_poll_interval=1.0, with_history=False, time_scale=0.2)
    with Lab(plan, prepare=create_role) as lab:
        lab.queues.unready_share = 0.0
        eventually(lambda: lab.execute(A_SECOND_AGO))  # before its first batch, the application reports no times
        yield lab


@pytest.fixture
def world(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    config = write_config(
        tmp_path / "config.yaml",
        database={"dsn": lab.cluster.dsn(user=ROLE, dbname="postgres"), "lock_timeout": "100ms"},
        application={"url": lab.application_url, "timeout": "1s"},
        sampling={"interval": "1s", "budget_ratio": 1},
        alerting={"time_scale": SCALE},
        watch={"state_dir": str(tmp_path / "state")},
        web={"listen": f"{LOOPBACK}:{free_port()}"},
    )
    return World(lab, config, capsys.readouterr)


@contextmanager
def fault(world: World, name: str) -> Iterator[None]:
    world.lab.start_fault(name)
    try:
        yield
    finally:
        world.lab.stop_fault(name)


def said(document: Any, question: str) -> str:
    """The sentence of one piece of evidence."""
    (text,) = (each["text"] for each in document["evidence"] if each["question"] == question)
    return str(text)


def fix(document: Any, question: str) -> str:
    """The remedy of one piece of evidence."""
    (text,) = (each["remedy"] for each in document["evidence"] if each["question"] == question)
    return str(text)


def test_every_fault_is_diagnosed():
    """Each alert of each fault of the matrix has a cause here, and each fault of the lab is injected here."""
    matrix = {fault.name: fault.expected for _, faults in FAULTS_BY_LAB.values() for fault in faults}
    assert {name: set(causes) for name, causes in DIAGNOSES.items()} == {
        name: {rule.alert for rule in expected} for name, expected in matrix.items()
    }
    injected = set(re.findall(r'"([a-z]+-[a-z-]+)"', Path(__file__).read_text("utf-8")))
    assert set(FAULTS) <= injected


def test_a_healthy_outbox(world):
    """Nothing wrong is found for any alert about the outbox and the application; a burst that drains is none."""
    about_the_exporter = {"OutboxExporterDown", "OutboxWatchdog", "OutboxConfigReloadFailed", "OutboxJobsUnaccounted"}
    for alert in sorted(load().alerts.keys() - about_the_exporter):
        if "Watch" not in alert:
            status, document = world.diagnose(alert)
            assert (alert, status, document["answer"], document["cause"]) == (alert, 0, "nothing", None), document
    assert world.text("OutboxStalled").startswith("OutboxStalled: nothing wrong was found\n")
    status, document = world.diagnose("OutboxJobsUnaccounted")  # counted by an exporter, and none runs here
    assert (status, document["answer"]) == (3, "unknown")


def test_failing_initialisations(world):
    """The kind of the application's reasons is named, none of their texts with ids."""
    with fault(world, "failing-initialisations"):
        document = world.ends_as_expected("failing initialisations")
        assert "are about input that the function refuses" in said(document, "initialisations")
        world.ends_at("OutboxFallbacksFrequent", "initialisations-refused")


def test_table_locked(world):
    """The session is named from the catalogues, though the role may not see what it does."""
    with fault(world, "database-lock"):
        document = world.ends_as_expected("table locked")
        assert '("lab-lock") locks job_outbox exclusively' in said(document, "locks")
        assert fix(document, "locks").startswith("GRANT pg_read_all_stats TO outbox_monitor")
        assert world.ends_at("OutboxStalled", "table-locked")["step"]["runbook"] == "OutboxSamplesStale"
        lines = world.text("OutboxSamplesStale").splitlines()
        assert lines[0] == "OutboxSamplesStale: Another session locks a table of the outbox"
        assert lines[1].startswith("branch table-locked, ")
        assert any("pg_terminate_backend" in line for line in lines)
        assert len(lines) <= 25


def test_poison_rows(world):
    """The queue of the failing jobs is named; why they fail is known with one more privilege."""
    with fault(world, "poison-rows"):
        world.ends_as_expected("120 exhausted jobs")
        all_of_them = f"by queue: {RETIRED_QUEUE} 100; 100 of the oldest 100 pending jobs"
        document = eventually(
            lambda: found if all_of_them in said(found := world.diagnose("OutboxHeadBlocked")[1], "failing") else None
        )
        assert said(document, "errors") == "this role may not read last_error"
        world.lab.execute(f"GRANT SELECT (last_error) ON public.job_outbox TO {ROLE}")
        document = world.ends_at("OutboxJobsExhausted", "queue-refuses-jobs")
        assert said(document, "errors").startswith("the latest errors are about a queue or worker that does not exist")
        world.lab.execute(f"REVOKE SELECT (last_error) ON public.job_outbox FROM {ROLE}")
    eventually(lambda: world.lab.execute(RETIRED)[0][0] == 0)
    world.ends_at("OutboxHeadBlocked", None)


def test_one_exhausted_job(world):
    """One is enough for the tickets that it opens."""
    world.lab.queues.refused.add(RETIRED_QUEUE)
    try:
        world.lab.execute(ONE_JOB, (RETIRED_QUEUE,))
        document = world.ends_as_expected("one exhausted job")
        assert f"by queue: {RETIRED_QUEUE} 1; 1 of the oldest 100 pending jobs" in said(document, "failing")
    finally:
        world.lab.queues.refused.discard(RETIRED_QUEUE)
    world.ends_at("OutboxJobsExhausted", None)


@pytest.mark.parametrize("name", ["processor-stalled", "processor-crashed"])
def test_processing_stops(world, name):
    """The application's flag tells a processor that hangs from one that has ended."""
    with fault(world, name):
        document = world.ends_as_expected(name.replace("-", " "))
        assert re.search(
            "jobs pending, the oldest for .*; none (ever )?processed.*, none attempted", said(document, "progress")
        )
    world.ends_at("OutboxStalled", None)


def test_slow_processing(world):
    """The queue's backend drops connections, so that batches are retried; or it is slow, without retries."""
    world.lab.queues.latency, usual = 3.0, world.lab.queues.latency
    world.ends_as_expected("slow processing")
    world.lab.queues.latency = usual
    with fault(world, "slow-processing"):
        document = world.ends_at("OutboxProcessingSlow", "backend-loses-connections")
        assert "retries since its start" in said(document, "batches")


def test_clean_up_stopped(world):
    """With the privileges of grant_migration_access.sql the inactive job is named, without only what is left."""
    with fault(world, "cleanup-dead"):
        document = world.ends_as_expected("clean-up stopped")
        assert said(document, "keys_clean_up") == "job cleanup_expired_idempotency_keys of pg_cron is inactive"
        world.lab.execute("DROP POLICY outbox_monitor_read ON cron.job")
        document = world.ends_at("OutboxCleanupOverdue", "keys-not-removed")
        assert "pg_cron shows a role its own jobs only" in said(document, "keys_clean_up")
        world.lab.execute(script("grant_migration_access"))


def test_index_dropped(world):
    """The index is named."""
    world.lab.execute("DROP INDEX idx_job_outbox_unprocessed")
    try:
        document = world.ends_as_expected("index dropped")
        assert "idx_job_outbox_unprocessed: missing" in said(document, "migration")
        assert fix(document, "migration").startswith("CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_job_outbox_")
    finally:
        world.lab.execute(INDEX)


def test_application_down(world):
    """The database is asked as well."""
    with fault(world, "application-down"):
        document = world.ends_as_expected("application down")
        assert "Connection refused" in said(document, "application")
        assert "primary 127.0.0.1" in said(document, "connection")


def test_database_down(world):
    """The application is asked all the same."""
    world.lab.cluster.stop("fast")
    try:
        world.ends_at("OutboxStalled", "database-refuses-connections")
        document = world.ends_as_expected("database down")
        assert "Connection refused" in said(document, "connection")
        assert "endpoints of the application answer" in said(document, "application")
    finally:
        world.lab.cluster.start()


def test_rows_hidden_and_grant_missing(world):
    """The sentence ends with the statement that lets the role see the rows."""
    world.lab.execute(DROP_POLICIES)
    try:
        document = world.ends_as_expected("row-level security hides the rows")
        assert "CREATE POLICY outbox_monitor_read ON public.job_outbox" in fix(document, "collectors")
        world.lab.execute(script("monitoring_role"))
        world.lab.execute(f"REVOKE SELECT (expires_at) ON public.idempotency_keys FROM {ROLE}")
        document = world.ends_at("OutboxBlind", "grant-missing")
        assert fix(document, "collectors") == f"GRANT SELECT (expires_at) ON public.idempotency_keys TO {ROLE}"
    finally:
        world.lab.execute(script("monitoring_role"))


def test_login_refused(world):
    """By the server's own words."""
    world.lab.execute(f"ALTER ROLE {ROLE} NOLOGIN")
    try:
        document = world.ends_at("OutboxDatabaseUnreachable", "login-refused")
        assert "is not permitted to log in" in said(document, "connection")
    finally:
        world.lab.execute(f"ALTER ROLE {ROLE} LOGIN")


def test_a_standby_that_is_behind(world, tmp_path):
    """It answers, and its rows are too old to say anything."""
    with standby_of(world.lab.cluster) as standby:
        standby.interrupt_stream()
        config = write_config(
            tmp_path / "standby.yaml",
            database={"dsn": standby.dsn(user=ROLE, dbname="postgres"), "max_replay_lag": "100ms"},
            watch={"state_dir": str(tmp_path / "state")},
        )
        document = replace(world, config=config).ends_at("OutboxDatabaseUnreachable", "standby-behind")
    assert said(document, "connection").count("stale: ") == 1


def test_idle_transaction_before_a_migration(world):
    """The session that a migration waits for is found, not the migration for which the others wait."""
    migration = "SET application_name = 'migration'; BEGIN; LOCK TABLE courses; ROLLBACK"
    waiting = threading.Thread(target=lambda: world.lab.execute(migration))
    with psycopg.connect(world.lab.dsn, application_name="forgotten") as idle:
        idle.execute("SELECT count(*) FROM courses")
        waiting.start()
        document = world.ends_at("OutboxFsmFailureRateHigh", "sessions-blocked")
        idle.rollback()
    waiting.join()
    assert '("forgotten") blocks other sessions' in said(document, "locks")


def test_exporter_killed_and_not_scraped(world):
    """Nothing listens; or the exporter answers here, and was not scraped for longer than the alert needs."""
    world.ends_as_expected("exporter killed")
    options = parse(["--config", str(world.config), "serve"])
    app = App(lambda: configuration.load(options))
    app.start()
    try:
        scrape(app.url)
        document = world.ends_at("OutboxExporterDown", None)
        assert "its last scrape was" in said(document, "exporter")
        world.ends_as_expected("Prometheus cannot reach the exporter")
    finally:
        app.stop()


def test_evidence_goes_with_the_page(world, lab, tmp_path):
    """The webhook gets the cause in the annotation `evidence`."""
    with receiving() as pager:
        config = write_config(
            tmp_path / "paging.yaml",
            database={"dsn": lab.cluster.dsn(user=ROLE, dbname="postgres"), "lock_timeout": "50ms"},
            sampling={"interval": "500ms", "budget_ratio": 1},
            alerting={"time_scale": 1 / 150, "webhook_url": f"{pager.url}/hook"},
            watch={"state_dir": str(tmp_path / "paging")},
            web={"listen": f"{LOOPBACK}:0"},
        )
        options = parse(["--config", str(config), "serve"])
        app = App(lambda: configuration.load(options))
        app.start()
        try:
            eventually(lambda: app.ready()[0])
            with fault(world, "database-lock"):
                page = eventually(
                    lambda: [each for each in pager.bodies() if "OutboxSamplesStale" in json.dumps(each)], seconds=30
                )[0]
        finally:
            app.stop()
    evidence = page["alerts"][0]["annotations"]["evidence"]
    assert evidence.startswith("Another session locks a table of the outbox: session ")
    assert '("lab-lock") locks job_outbox exclusively' in evidence
