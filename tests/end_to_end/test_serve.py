"""`outbox-exporter serve` during failures: it ends in time, waits for its database, and drops expired readings."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import webtools
from tests.collectors import hostile
from tests.end_to_end.program import COLLECTORS, Program, eventually, run, running, write_config
from tests.postgres import Database
from tests.proxy import Mode, Proxy

# A signal ends the program within five seconds, also while a server or client hangs.
SHUTDOWN_LIMIT = 5.0
INTERVAL = 0.5
# Three intervals and an allowance for a busy machine, seconds; tests/metrics/test_snapshot.py has the exact limit.
READING_LIFETIME = 3 * INTERVAL + 10

Serve = Callable[..., AbstractContextManager[Program]]
PENDING = "outbox_pending_jobs"
# Prefixes of metrics that are not read from rows: of the exporter, of the catalogue, of declared maintenance.
NOT_FROM_ROWS = (
    "outbox_up",
    "outbox_collector_",
    "outbox_exporter_",
    "outbox_label_",
    "outbox_migration_",
    "outbox_maintenance_",
)


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Runs the program for a DSN; `sections` are added to its configuration."""

    @contextmanager
    def started(dsn: str, **sections: dict[str, Any]) -> Iterator[Program]:
        config = write_config(
            tmp_path / "config.yaml",
            **{
                **sections,
                "database": {"dsn": dsn, **sections.get("database", {})},
                "sampling": {"interval": f"{INTERVAL * 1000:.0f}ms", "budget_ratio": 1, **sections.get("sampling", {})},
                "web": {"listen": "127.0.0.1:0", **sections.get("web", {})},
            },
        )
        with running(tmp_path, "--config", str(config), "serve") as program:
            program.url()
            yield program

    return started


@pytest.fixture
def proxy(embedded_database: Database) -> Iterator[Proxy]:
    """A proxy between the exporter and its database."""
    with Proxy(embedded_database.cluster.port) as proxy:
        yield proxy


def through(proxy: Proxy, database: Database, *options: str) -> str:
    """The DSN of the database by way of the proxy."""
    parts = (f"host=127.0.0.1 port={proxy.port} dbname={database.name} user=postgres", *options)
    return " ".join(parts)


def exporter_sessions(database: Database, condition: str = "true") -> int:
    """The number of the exporter's sessions at the server that meet the condition."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outbox-exporter' AND datname = %s AND "
    return int(database.value(query + condition, (database.name,)))


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Holds an ACCESS EXCLUSIVE lock on job_outbox."""
    with database.connect(autocommit=False) as connection:
        connection.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


LONG_TIMEOUTS = {"statement_timeout": "1m", "lock_timeout": "50s"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_a_query_hangs(embedded_database, serve, number):
    """Within five seconds, with status 0; the server cancels the statement."""
    with locked(embedded_database), serve(embedded_database.dsn(), database=LONG_TIMEOUTS) as program:
        eventually(lambda: exporter_sessions(embedded_database, "wait_event_type = 'Lock'"))
        assert program.end(number) < SHUTDOWN_LIMIT
        assert program.process.returncode == 0
        eventually(lambda: not exporter_sessions(embedded_database), seconds=5)
    assert "event=stopped" in program.log


@pytest.mark.parametrize("mode", [Mode.PASS, Mode.SWALLOW], ids=["in a sample", "connecting"])
def test_it_ends_while_the_server_does_not_answer(embedded_database, proxy, serve, mode):
    """Within five seconds, while the server answers neither the statement nor the connection attempt."""
    proxy.set_mode(mode)
    dsn = through(proxy, embedded_database)
    with serve(dsn, database={**LONG_TIMEOUTS, "connect_timeout": "30s"}) as program:
        if mode is Mode.PASS:
            eventually(program.is_ready)
            proxy.set_mode(Mode.SWALLOW)
            runs = program.scrape().sum("outbox_collector_runs_total")
            eventually(lambda: program.scrape().sum("outbox_collector_skipped_total") > 0)
            assert program.scrape().sum("outbox_collector_runs_total") <= runs + 5
        else:
            eventually(lambda: proxy.connections)
        assert program.end() < SHUTDOWN_LIMIT
        assert program.process.returncode == 0
    proxy.drop_connections()
    eventually(lambda: not exporter_sessions(embedded_database), seconds=5)


def test_it_ends_while_the_application_hangs(embedded_database, serve):
    """Four unanswered requests are aborted."""
    silent = dict.fromkeys(("getOutbox", "healthCheck", "getFSM", "getFallbacks"), hostile.silence)
    with hostile.application(silent) as application:
        options = {"url": f"{application.origin}/trpc", "timeout": "1m"}
        with serve(embedded_database.dsn(), application=options, sampling={"interval": "1m"}) as program:
            eventually(lambda: len(application.requests) == 4)
            eventually(program.is_ready)
            assert program.end() < SHUTDOWN_LIMIT
            assert program.process.returncode == 0


@pytest.mark.parametrize("new_one_connects", [False, True], ids=["the old one goes", "the new one connects"])
def test_it_ends_in_the_middle_of_a_reload(embedded_database, proxy, serve, new_one_connects):
    """SIGHUP and then SIGTERM, with requests to reload at the same time, while the server is silent."""
    with serve(through(proxy, embedded_database), database=LONG_TIMEOUTS, web={"enable_reload": True}) as program:
        eventually(program.is_ready)
        proxy.set_mode(Mode.SWALLOW)
        eventually(lambda: program.scrape().sum("outbox_collector_skipped_total") > 0)
        url = f"{program.url()}/-/reload"
        clients = [threading.Thread(target=_post, args=(url,)) for _ in range(3)]
        for thread in clients:
            thread.start()
        program.process.send_signal(signal.SIGHUP)
        time.sleep(0.6)  # closing the old session takes a second
        if new_one_connects:
            eventually(lambda: 'event="configuration reloaded"' in program.log)
        assert program.end() < SHUTDOWN_LIMIT
        for thread in clients:
            thread.join()
        assert program.process.returncode == 0
        assert "Traceback" not in program.log


def _post(url: str) -> None:
    try:
        webtools.ask("POST", url)
    except OSError:
        return  # the program has ended, as it was logged to


def test_sigterm_right_after_sighup_ends_it_at_once(embedded_database, serve):
    """The kernel may deliver the second of two signals to any thread; the main thread has to react nevertheless."""
    with serve(embedded_database.dsn()) as program:
        eventually(program.is_ready)
        program.process.send_signal(signal.SIGHUP)
        assert program.end() < 2
        assert program.process.returncode == 0


def test_many_signals_end_it_once(embedded_database, serve):
    """Repeated signals do not disturb the shutdown; the status stays 0."""
    with locked(embedded_database), serve(embedded_database.dsn(), database=LONG_TIMEOUTS) as program:
        eventually(lambda: exporter_sessions(embedded_database, "wait_event_type = 'Lock'"))
        for number in itertools.cycle((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
            program.process.send_signal(number)
            time.sleep(0.002)
            if program.process.poll() is not None:
                break
        assert program.process.returncode == 0
        assert program.log.count("event=stopped") == 1


def logged(program: Program, event: str, collector: str) -> int:
    """The number of log lines with that event and collector."""
    lines = program.log.splitlines()
    return sum(f'event="{event}" collector={collector} ' in line for line in lines)


def test_started_before_its_database(embedded_database, proxy, serve):
    """Healthy but not ready, with the reason; readings appear within seconds of the database's start."""
    proxy.set_mode(Mode.REFUSE)
    with serve(through(proxy, embedded_database)) as program:
        assert webtools.get(f"{program.url()}/-/healthy").status_code == 200
        eventually(lambda: program.scrape().value("outbox_collector_runs_total", collector="idempotency") > 2)
        ready = webtools.get(f"{program.url()}/-/ready")
        assert (ready.status_code, ready.text[:9]) == (503, "not ready")
        now = program.scrape()
        assert now.value("outbox_up") == 0
        assert now.value("outbox_collector_failures_total", collector="backlog", reason="connection") > 0
        assert now.sum("outbox_collector_failures_total") == now.sum(
            "outbox_collector_failures_total", reason="connection"
        )
        assert PENDING not in now
        assert now.get("outbox_collector_last_success_timestamp_seconds", collector="backlog") is None
        # Each collector logs its failure once, however long it lasts.
        assert all(logged(program, "sample failed", collector) == 1 for collector in COLLECTORS)
        proxy.set_mode(Mode.PASS)
        eventually(lambda: program.scrape().series.keys() >= {PENDING, "outbox_idempotency_keys"}, seconds=5)
        assert program.scrape().value("outbox_up") == 1
        eventually(program.is_ready, seconds=5)
        eventually(
            lambda: all(logged(program, "sampling again", collector) == 1 for collector in COLLECTORS), seconds=5
        )


def test_readings_expire_without_the_database(embedded_database, proxy, serve):
    """They expire three intervals after the last sample; scrapes succeed; the readings return with the database."""
    with serve(through(proxy, embedded_database)) as program:
        eventually(program.is_ready)
        eventually(lambda: program.scrape().all_collectors_succeed)
        before = program.scrape().series.keys()
        of_rows = {name for name in before if name.startswith("outbox_") and not name.startswith(NOT_FROM_ROWS)}
        assert len(of_rows) > 10
        proxy.set_mode(Mode.REFUSE)
        proxy.drop_connections()
        eventually(lambda: program.scrape().value("outbox_up") == 0, seconds=READING_LIFETIME)
        # Each collector has its own time-to-live: they were sampled one after the other.
        eventually(lambda: not of_rows & program.scrape().series.keys(), seconds=READING_LIFETIME)
        eventually(lambda: not program.is_ready(), seconds=READING_LIFETIME)
        gone = program.scrape()
        assert {name for name in before if name.startswith("outbox_collector_")} <= gone.series.keys()
        # The time of the last success stays.
        assert gone.value("outbox_collector_last_success_timestamp_seconds", collector="backlog") > time.time() - 60
        assert program.status()["signals"]["backlog"] is None
        proxy.set_mode(Mode.PASS)
        eventually(lambda: program.scrape().series.keys() >= of_rows, seconds=5)
        eventually(program.is_ready, seconds=5)


def test_a_fresh_reading_outlives_a_lock_of_its_table_and_no_longer(embedded_database, serve):
    """The series of the locked table expire; the others stay, and the exporter stays ready."""
    with serve(embedded_database.dsn(), database={"lock_timeout": "200ms"}) as program:
        eventually(lambda: program.scrape().all_collectors_succeed)
        with locked(embedded_database):
            started = time.monotonic()
            eventually(lambda: PENDING not in program.scrape(), seconds=READING_LIFETIME)
            assert time.monotonic() - started > INTERVAL
            now = program.scrape()
            assert now.value("outbox_up") == 1
            assert "outbox_last_hour_fsm_events" in now
            assert program.is_ready()
            assert exporter_sessions(embedded_database) == 1
        eventually(lambda: PENDING in program.scrape(), seconds=INTERVAL + 5)


def test_a_port_in_use_is_reported_at_once(embedded_database, serve, tmp_path):
    """Status 2 and one line with the address and the reason; no connection to the database is made."""
    with serve(embedded_database.dsn()) as first:
        listen = first.url().removeprefix("http://")
        config = write_config(
            tmp_path / "second.yaml", database={"dsn": "host=127.0.0.1 port=1"}, web={"listen": listen}
        )
        second = run("--config", str(config), "serve")
    logged = f"web.listen: cannot listen on {listen}: Address already in use; another program listens there\n"
    assert (second.returncode, second.stdout, second.stderr) == (2, "", logged)


def test_a_session_ended_by_the_server(embedded_database, serve):
    """After pg_terminate_backend at most one sample fails; the exporter opens a new session."""
    with serve(embedded_database.dsn()) as program:
        eventually(program.is_ready)
        embedded_database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'outbox-exporter'"
        )
        runs = "outbox_collector_runs_total"
        before = program.scrape().value(runs, collector="backlog")
        eventually(lambda: program.scrape().value(runs, collector="backlog") > before + 1)
        eventually(lambda: program.scrape().all_collectors_succeed, seconds=5)
        assert exporter_sessions(embedded_database) == 1
        assert "Traceback" not in program.log


def test_every_collector_runs_when_a_watch_has_begun_and_before_it_ends(serve, tmp_path, embedded_database):
    """Also those with a long interval: the migration is sampled every twenty seconds here."""
    watched = {"duration": "6s", "state_dir": str(tmp_path / "state")}
    with serve(embedded_database.dsn(), watch=watched, sampling={"interval": "1s"}) as program:
        eventually(program.is_ready)
        config = str(tmp_path / "config.yaml")

        def runs() -> int:
            found = {each["name"]: each["runs"] for each in program.status()["collectors"]}
            return int(found["migration"])

        eventually(lambda: runs() == 1)
        assert run("--config", config, "watch", "start").returncode == 0
        eventually(lambda: runs() == 2, seconds=4)
        run("--config", config, "watch", "wait")
        assert runs() == 3
        program.end()


@pytest.mark.parametrize("zone", ["EST5EDT,M3.2.0,M11.1.0", "Europe/Berlin", "<+0330>-3:30", "Nowhere/Land"])
def test_the_time_zone_of_the_machine_is_not_used(tmp_path, embedded_database, zone):
    """Zones that libc and PostgreSQL accept but Python's zoneinfo does not, or for which an image has no data."""
    config = write_config(
        tmp_path / "config.yaml", database={"dsn": embedded_database.dsn()}, web={"listen": "127.0.0.1:0"}
    )
    with running(tmp_path, "--config", str(config), "serve", TZ=zone, PYTHONTZPATH="") as program:
        eventually(lambda: program.scrape().all_collectors_succeed)
        assert program.end() < SHUTDOWN_LIMIT
