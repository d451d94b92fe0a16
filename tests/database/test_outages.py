"""The database goes away, in every way that it can: nothing hangs, nothing leaks, values come back by themselves."""

import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from exporter.config.settings import Config, DatabaseSettings, SamplingSettings
from exporter.core.errors import Reason, SampleError, Unreachable
from exporter.core.types import Ratio, Seconds, Secret
from exporter.database import CLIENT_GRACE, DatabaseClient, Session
from exporter.database.visibility import Table
from exporter.lab import migrate
from exporter.lab.ports import free_port
from exporter.lab.postgres.cluster import Cluster
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.activity import OURS, TIMEOUT, Page, all_succeeded, until
from tests.database.sampling import database_client, hanging, no_listener
from tests.postgres import Database
from tests.proxy import Mode, Proxy

OUTBOX = Table("job_outbox", ("created_at",))
INTERVAL = 0.2
# The longest duration of a sample: connecting, or its statements and the termination of a dead session.
LIMITS = {"connect_timeout": 1.0, "statement_timeout": 0.5}
LONGEST = 1.0 + CLIENT_GRACE + 0.5 + CLIENT_GRACE + 1.0
SLACK = 1.0
# Closing takes two seconds at most; the whole program has five.
IN_TIME = 4.0
FAILING = 250  # in each of two ways


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pytest keeps every record: hundreds of failures would look like a leak. The program mutes these two as well."""
    for name in ("psycopg.pool", "apscheduler.scheduler"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    """A server of these tests' own, to be stopped and started."""
    with Cluster.embedded() as cluster:
        database = Database(cluster, "postgres")
        with database.connect() as connection:
            migrate.apply(connection)
        yield database


@pytest.fixture
def proxy(server: Database) -> Iterator[Proxy]:
    """In front of it, so that the connection can be cut."""
    server.cluster.start()
    with Proxy(server.cluster.port) as proxy:
        yield proxy


def through(proxy: Proxy) -> str:
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"


@contextmanager
def running(dsn: str, rows_per_second: int = 1_000_000) -> Iterator[tuple[Sampler, Page]]:
    """Sampling at work, five times a second; fewer rows per second let informational collectors run less often."""
    config = Config(
        database=DatabaseSettings(
            dsn=Secret(dsn), connect_timeout=Seconds(1), statement_timeout=Seconds(0.5), lock_timeout=Seconds(0.1)
        ),
        sampling=SamplingSettings(interval=Seconds(INTERVAL), budget_ratio=Ratio(1.0), rows_per_second=rows_per_second),
    )
    sampling = Sampler(config, no_listener)
    sampling.start()
    try:
        yield sampling, Page(sampling)
    finally:
        started = time.monotonic()
        sampling.stop()
        assert time.monotonic() - started <= IN_TIME + SLACK


def failing(database_client: DatabaseClient) -> SampleError:
    """A sample that must fail, in time."""
    started = time.monotonic()
    with pytest.raises(SampleError) as error, database_client.sample(OUTBOX):
        pass
    assert time.monotonic() - started <= LONGEST + SLACK
    return error.value


def works(database_client: DatabaseClient) -> bool:
    try:
        with database_client.sample(OUTBOX):
            return True
    except Unreachable:
        return False


def reasons_of(page: Page) -> set[str]:
    return {reason for _, reason in page.failures()}


# ---------------------------------------------------------------- restart and absence


def test_an_immediate_restart(server):
    """As after a crash: down is reported, for reason connection and no other, and all values return by themselves."""
    with running(server.dsn()) as (sampling, page):
        until(lambda: all_succeeded(sampling))
        assert page.up()
        server.cluster.stop("immediate")
        until(lambda: not page.up())
        until(lambda: not page.has("outbox_pending_jobs"))
        until(page.ten_scrapes_during_a_run)
        server.cluster.start()
        until(lambda: all_succeeded(sampling))
        assert page.up()
        assert page.has("outbox_pending_jobs")
        assert reasons_of(page) == {"connection"}


def test_a_restart_between_two_samples_fails_none(server):
    """The connection that died in its sleep is noticed before it is used."""
    with database_client(server.dsn(), **LIMITS) as opened:
        assert works(opened)
        server.cluster.restart("immediate")
        until(lambda: works(opened))
        server.cluster.restart("fast")
        until(lambda: works(opened))


def test_the_exporter_starts_before_the_database(server):
    """It waits without fuss, and samples when the database is there."""
    server.cluster.stop()
    try:
        with running(server.dsn()) as (sampling, page):
            until(lambda: all(state.runs >= 2 for state in sampling.store.states()))
            assert not page.up()
            assert reasons_of(page) == {"connection"}
            server.cluster.start()
            until(lambda: all_succeeded(sampling))
            assert page.up()
    finally:
        server.cluster.start()


def test_a_database_that_is_created_later(server):
    """The server is there, the database not yet: reason connection, with the server's message."""
    later = Database(server.cluster, "later")
    with running(later.dsn()) as (sampling, page):
        until(lambda: all(state.runs >= 2 for state in sampling.store.states()))
        (problem,) = sampling.store.states()[0].problems
        assert 'database "later" does not exist' in problem.message
        server.execute("CREATE DATABASE later")
        with later.connect() as connection:
            migrate.apply(connection)
        until(lambda: all_succeeded(sampling))
        assert page.up()
    server.execute("DROP DATABASE later WITH (FORCE)")


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.SWALLOW], ids=["refused", "silent"])
def test_everything_vanishes_with_the_database(server, proxy, mode):
    """Collectors that run every few minutes included: nothing of it is shown three sampling intervals later.

    And all of it is shown again with the next sample that succeeds, as long as it is not due.
    """
    with server.connect() as connection:
        rows.write(connection, rows.quiet())
    with running(through(proxy), rows_per_second=1) as (sampling, page):
        until(lambda: all_succeeded(sampling))
        slow = {state.name for state in sampling.store.states() if state.interval >= 10 * 3 * INTERVAL}
        assert slow >= {"last_hour", "events"}
        before = set(of_rows(page))
        assert len(before) > 25
        proxy.set_mode(mode)
        proxy.drop_connections()
        until(lambda: not page.up())
        assert until(lambda: not of_rows(page), timeout=TIMEOUT) <= 3 * INTERVAL + LONGEST + SLACK
        runs = {state.name: state.runs for state in sampling.store.states()}
        proxy.set_mode(Mode.PASS)
        until(lambda: set(of_rows(page)) >= before)
        assert {state.name: state.runs for state in sampling.store.states() if state.name in slow} == {
            name: runs[name] for name in slow
        }


def of_rows(page: Page) -> list[str]:
    """The series from the database: not those of the collectors themselves, nor those from a file."""
    own = (
        "outbox_up",
        "outbox_maintenance_active",
        "outbox_collector_",
        "outbox_exporter_",
        "outbox_label_values_dropped_total",
    )
    return [series for series in page.scrape() if not series.startswith(own)]


# ---------------------------------------------------------------- silence


def test_a_connection_that_is_swallowed(proxy):
    """No byte comes back, no error either: every sample ends in time, and the first after the silence works."""
    with database_client(through(proxy), **LIMITS) as opened:
        assert works(opened)
        proxy.set_mode(Mode.SWALLOW)
        for _ in range(4):
            assert failing(opened).reason is Reason.CONNECTION
        proxy.set_mode(Mode.PASS)
        until(lambda: works(opened), timeout=LONGEST)


def test_silence_in_the_middle_of_a_sample(proxy):
    """The client gives the socket up when the server does not even refuse."""
    with database_client(through(proxy), **LIMITS) as opened:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="no answer from the server in time"):
            disturbed(opened, lambda _: proxy.set_mode(Mode.SWALLOW))
        assert time.monotonic() - started <= LONGEST + SLACK
        proxy.set_mode(Mode.PASS)
        until(lambda: works(opened), timeout=LONGEST)


def test_a_connection_that_breaks_during_a_sample(proxy):
    """Reason connection at once; the next sample connects anew."""
    with database_client(through(proxy), **LIMITS) as opened:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            disturbed(opened, lambda _: proxy.drop_connections())
        assert time.monotonic() - started < 1
        assert works(opened)


def disturbed(opened: DatabaseClient, disturb: Callable[[Session], None]) -> None:
    """A sample in which something happens between two statements."""
    with opened.sample(OUTBOX) as session:
        disturb(session)
        session.plan("backlog")


def test_sampling_continues_after_a_hang(proxy):
    """A whole outage: down is reported, series vanish, scrapes answer at once, and everything returns by itself."""
    with running(through(proxy)) as (sampling, page):
        until(lambda: all_succeeded(sampling))
        proxy.set_mode(Mode.SWALLOW)
        until(lambda: not page.up())
        until(lambda: not page.has("outbox_pending_jobs"))
        until(lambda: reasons_of(page) == {"connection"})
        until(page.ten_scrapes_during_a_run)
        proxy.set_mode(Mode.PASS)
        until(lambda: all_succeeded(sampling))
        assert page.up()


def test_a_backend_that_hangs(server):
    """Stopped by the kernel, for example: the server's own timeout cannot fire, so ours does."""
    stopped: list[int] = []

    def stop(session: Session) -> None:
        stopped.append(session._connection.info.backend_pid)
        os.kill(stopped[0], signal.SIGSTOP)

    with database_client(server.dsn(), **LIMITS) as opened:
        try:
            with pytest.raises(Unreachable):
                disturbed(opened, stop)
            until(lambda: works(opened), timeout=LONGEST)
        finally:
            os.kill(stopped[0], signal.SIGCONT)
        until(lambda: server.value(OURS) == 1)


# ---------------------------------------------------------------- leaks


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.CLOSE])
def test_hundreds_of_failing_samples_leak_nothing(proxy, mode):
    """Threads, sockets and memory are as before, and the next good sample works."""
    with database_client(through(proxy), **LIMITS) as opened:
        assert works(opened)
        proxy.set_mode(mode)
        proxy.drop_connections()
        fail(opened, FAILING // 5)
        before = Usage(proxy)
        fail(opened, FAILING - FAILING // 5)
        after = Usage(proxy)
        assert after.threads <= before.threads
        assert after.sockets <= 1
        assert after.memory - before.memory < 2_000_000
        assert waits(opened) <= 1
        proxy.set_mode(Mode.PASS)
        until(lambda: works(opened), timeout=LONGEST)


def test_silence_leaks_nothing(proxy):
    """The same where every attempt ends by our own deadline: attempts pile up nowhere."""
    with database_client(through(proxy), **LIMITS) as opened:
        assert works(opened)
        proxy.set_mode(Mode.SWALLOW)
        fail(opened, 1)
        before = Usage(proxy)
        for _ in range(7):
            fail(opened, 1)
            assert Usage(proxy).sockets <= 1
            time.sleep(0.3)
        assert Usage(proxy).threads <= before.threads
        assert waits(opened) <= 1
        proxy.set_mode(Mode.PASS)
        until(lambda: works(opened), timeout=LONGEST)


def fail(opened: DatabaseClient, times: int) -> None:
    for _ in range(times):
        assert failing(opened).reason is Reason.CONNECTION


def waits(opened: DatabaseClient) -> int:
    """How many waits for a connection the pool has in its queue."""
    return opened._pool.get_stats().get("requests_waiting", 0)


class Usage:
    """The process's open resources; sockets are those to the proxy, whose own are in this process too."""

    def __init__(self, proxy: Proxy) -> None:
        gc.collect()
        process = psutil.Process()
        self.threads = process.num_threads()
        self.sockets = sum(bool(c.raddr) and c.raddr.port == proxy.port for c in process.net_connections())
        self.memory = process.memory_info().rss


# ---------------------------------------------------------------- stopping


SLEEPING = OURS + " AND state = 'active' AND query LIKE '%pg_sleep%'"


def test_closing_breaks_off_a_hanging_query(server):
    """In time, and the statement ends on the server too."""
    opened = DatabaseClient(DatabaseSettings(dsn=Secret(server.dsn()), statement_timeout=Seconds(60)))
    opened.open()
    thread, errors = hanging(opened)
    until(lambda: server.value(SLEEPING) == 1)
    started = time.monotonic()
    opened.close()
    thread.join(IN_TIME)
    assert time.monotonic() - started < IN_TIME
    assert not thread.is_alive()
    assert [error.reason for error in errors] == [Reason.CONNECTION]
    until(lambda: server.value(OURS) == 0, timeout=5)


def test_closing_in_silence(server, proxy):
    """The server cannot be notified; the session ends all the same."""
    opened = DatabaseClient(DatabaseSettings(dsn=Secret(through(proxy)), statement_timeout=Seconds(60)))
    opened.open()
    thread, _ = hanging(opened)
    until(lambda: server.value(SLEEPING) == 1)
    proxy.set_mode(Mode.SWALLOW)
    started = time.monotonic()
    opened.close()
    thread.join(IN_TIME)
    assert time.monotonic() - started < IN_TIME
    assert not thread.is_alive()
    proxy.drop_connections()


def test_closing_while_connecting_in_silence(proxy):
    """Not even a connection attempt holds it up."""
    proxy.set_mode(Mode.SWALLOW)
    opened = DatabaseClient(DatabaseSettings(dsn=Secret(through(proxy)), connect_timeout=Seconds(5)))
    opened.open()
    thread, errors = hanging(opened)
    until(lambda: proxy.connections)
    started = time.monotonic()
    opened.close()
    thread.join(IN_TIME)
    assert time.monotonic() - started < IN_TIME
    assert not thread.is_alive()
    assert len(errors) == 1


def test_a_closed_client_stays_closed(server):
    """Sampling after closing is refused at once, and closing twice is fine."""
    opened = DatabaseClient(DatabaseSettings(dsn=Secret(server.dsn())))
    opened.open()
    with opened.sample() as session:
        pid = session._connection.info.backend_pid
    opened.close()
    opened.close()
    assert isinstance(failing(opened), Unreachable)
    until(lambda: server.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)) == 0, timeout=5)


def test_no_server_listens():
    """A port without a server: connection refused."""
    with database_client(f"postgresql://x:hunter2@127.0.0.1:{free_port()}/x", **LIMITS) as opened:
        error = failing(opened)
    assert error.reason is Reason.CONNECTION
    assert "Connection refused" in str(error)
    assert "hunter2" not in str(error)
