"""Samples of real streaming replicas: the primary's values within the limit, or a failure with the reason."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from exporter.core.errors import Reason
from exporter.core.types import Seconds
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorFailure, Reading
from exporter.metrics.snapshot import CollectorState, database_up, latest_server
from exporter.sampling.run import run_once
from tests import postgres
from tests.database import rows
from tests.database.roles import monitoring_role
from tests.database.sampling import everything, refusals, sampler
from tests.end_to_end.program import eventually
from tests.postgres import Database
from tests.standby import Standby, standby_of

COLLECTORS = {"backlog", "throughput", "last_hour", "events", "idempotency"}
JOB = """
    INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)
    SELECT '00000000-0000-0000-0000-000000000000', 'q', now(), {processed} FROM generate_series(1, {count})
"""
# The receiver requests a reply when nothing has come from an idle primary after half of this.
TALKATIVE = {"wal_receiver_timeout": "1s"}


@pytest.fixture
def writing_standby(cluster: Cluster) -> Iterator[Standby]:
    """A standby whose receiver gets a message from its sender twice a second."""
    with standby_of(cluster, TALKATIVE) as standby:
        yield standby


@pytest.fixture
def watched(database: Database) -> Database:
    """A database with courses, and nothing in its outbox."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
    return database


def add_jobs(database: Database, count: int, processed: str = "NULL") -> None:
    database.execute(JOB.format(count=count, processed=processed))


def on(standby: Standby, database: Database) -> Database:
    """The database of that name on the standby."""
    return Database(standby, database.name)


@contextmanager
def running(dsn: str, limit: float) -> Iterator[Callable[[], tuple[CollectorState, ...]]]:
    """An exporter with that max_replay_lag; each call samples with all collectors and returns their states."""
    with sampler(dsn, max_replay_lag=Seconds(limit)) as sampling:

        def sample() -> tuple[CollectorState, ...]:
            for entry in sampling._entries:
                sampling.store.record(run_once(entry.collector), entry.interval)
            return tuple(state for state in sampling.store.states() if state.name in COLLECTORS)

        yield sample


def values(states: tuple[CollectorState, ...], metric: catalogue.Metric) -> dict[tuple[str, ...], float]:
    return {
        reading.labels: reading.value
        for state in states
        if state.success
        for reading in state.readings
        if isinstance(reading, Reading) and reading.metric is metric
    }


def backlog(states: tuple[CollectorState, ...]) -> float | None:
    """The pending jobs; None when they are unknown."""
    found = values(states, catalogue.PENDING_JOBS)
    return sum(found.values()) if found else None


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_fresh_standby_shows_the_rows_of_the_primary(watched, standby):
    """Every gauge of every collector, and which server it was."""
    add_jobs(watched, 7)
    add_jobs(watched, 3, "now()")
    standby.wait_until_caught_up()
    assert everything(on(standby, watched).dsn()) == everything(watched.dsn())
    with running(on(standby, watched).dsn(), 60) as sample:
        states = sample()
        server = latest_server(states, time.monotonic())
        assert server is not None
        assert (server.role, server.address) == ("standby", f"127.0.0.1:{standby.port}")
        assert server.lag is not None
        assert 0 <= server.lag < 30
    with running(watched.dsn(), 60) as sample:
        server = latest_server(sample(), time.monotonic())
        assert server is not None
        assert (server.role, server.address, server.lag) == ("primary", f"127.0.0.1:{watched.cluster.port}", None)


def test_a_paused_standby_is_not_read_as_an_empty_outbox(watched, standby):
    """An hour of quiet, a pause, then fifty jobs on the primary: a first sample there has no reading."""
    standby.wait_until_caught_up()
    standby.pause_replay()
    time.sleep(1.1)
    add_jobs(watched, 50)
    found = refusals(on(standby, watched).dsn(), max_replay_lag=Seconds(1))
    assert set(found) == COLLECTORS
    assert {failure.reason for failure in found.values()} == {Reason.STALE}
    (message,) = {failure.message for failure in found.values()}
    assert message == (
        f"standby 127.0.0.1:{standby.port} answers, and it is not proved that its replay is within "
        "database.max_replay_lag (1s): replay is paused: SELECT pg_wal_replay_resume(); or connect to the primary "
        "(with several hosts in the DSN: target_session_attrs=primary)"
    )
    standby.resume_replay()
    standby.wait_until_caught_up()
    assert sum(value for (name, _), value in everything(on(standby, watched).dsn()).items()
               if name == "outbox_pending_jobs") == 50  # fmt: skip


@pytest.mark.parametrize("pending", [0, 50])
def test_a_pause_after_a_sample_is_reported_within_the_limit(watched, writing_standby, pending):
    """Jobs come in, or are processed, behind a paused replay: the old number is shown for the limit at most."""
    add_jobs(watched, pending)
    writing_standby.wait_until_caught_up()
    limit = 1.5
    with running(on(writing_standby, watched).dsn(), limit) as sample:
        assert until(lambda: backlog(sample()) == pending)
        writing_standby.pause_replay()
        if pending:
            watched.execute("UPDATE job_outbox SET processed_at = now()")
        else:
            add_jobs(watched, 50)
        changed = time.monotonic()
        shown = 0.0
        while time.monotonic() < changed + 2 * limit:
            began = time.monotonic()
            states = sample()
            if backlog(states) is not None:
                assert backlog(states) == pending
                shown = began - changed
            time.sleep(0.1)
        assert shown <= limit
        assert {state.problems[0].reason for state in states} == {Reason.STALE}
        assert not database_up(states, time.monotonic())
        server = latest_server(states, time.monotonic())
        assert server is not None
        assert server.lag is not None
        assert server.lag > limit
        writing_standby.resume_replay()
        writing_standby.wait_until_caught_up()
        assert until(lambda: backlog(sample()) == (0 if pending else 50))


def test_a_delayed_standby_is_as_old_as_its_lag(watched, cluster):
    """Jobs of two seconds' delay: the lag covers it, and a limit below it fails with the setting's name."""
    with standby_of(cluster, {"recovery_min_apply_delay": "2s", **TALKATIVE}) as standby:
        replica = on(standby, watched).dsn()
        with running(replica, 60) as sample, running(replica, 1) as impatient:
            assert until(lambda: backlog(sample()) == 0)
            for expected in (1, 2, 3):
                add_jobs(watched, 1)
                time.sleep(0.4)
                states = sample()
                shown = backlog(states)
                assert shown is not None
                assert shown < expected
                server = latest_server(states, time.monotonic())
                assert server is not None
                assert server.lag is not None
                # Everything that is older than the lag is there.
                old_enough = watched.value(
                    "SELECT count(*) FROM job_outbox WHERE created_at < now() - %s * interval '1 s'",
                    (server.lag + 0.5,),
                )
                assert shown >= old_enough
            failed = impatient()
            assert {state.problems[0].reason for state in failed} == {Reason.STALE}
            assert "recovery_min_apply_delay is 2s: raise database.max_replay_lag" in failed[0].problems[0].message


@pytest.mark.parametrize("silently", [True, False])
def test_a_standby_without_messages_is_stale_after_the_limit(watched, cluster, silently):
    """With the connection ended, and with one that is open and dead; it is sampled again when messages arrive again."""
    with (
        standby_of(cluster, {} if silently else TALKATIVE) as standby,
        running(on(standby, watched).dsn(), 2) as sample,
    ):
        add_jobs(watched, 1)
        standby.wait_until_caught_up()
        assert backlog(sample()) == 1
        standby.interrupt_stream(silently=silently)
        add_jobs(watched, 5)
        time.sleep(2.1)
        states = sample()
        assert backlog(states) is None
        assert {state.problems[0].reason for state in states} == {Reason.STALE}
        expected = "has received no message from its sender lately" if silently else "no WAL receiver is connected"
        assert expected in states[0].problems[0].message
        standby.restore_stream()
        standby.wait_until_caught_up()
        add_jobs(watched, 1)  # messages that were held until now were sent too long ago to prove anything
        assert until(lambda: backlog(sample()) == 7)


def test_a_standby_of_an_idle_primary_is_not_stale(watched, writing_standby):
    """Nothing is written for three times the limit: the receiver requests a reply, which has no news."""
    with running(on(writing_standby, watched).dsn(), 1.5) as sample:
        add_jobs(watched, 4)
        writing_standby.wait_until_caught_up()
        for _ in range(6):  # until the server's own vacuum has left the primary alone for so long
            replayed = on(writing_standby, watched).value("SELECT pg_last_xact_replay_timestamp()")
            ends = time.monotonic() + 4.5
            while time.monotonic() < ends:
                assert backlog(sample()) == 4
                time.sleep(0.1)
            if on(writing_standby, watched).value("SELECT pg_last_xact_replay_timestamp()") == replayed:
                return
        pytest.fail("the primary was never quiet")


def refused_backlog(dsn: str) -> dict[str, CollectorFailure]:
    """The refusals where the latest proof is older than 1.5 s; none while the primary writes."""
    found = refusals(dsn, max_replay_lag=Seconds(1.5))
    return found if "backlog" in found else {}


def test_the_shipped_role_needs_a_grant_on_an_idle_standby(watched, cluster):
    """It may not see the receiver's messages; the statement of the error fixes that, and nothing less does."""
    with monitoring_role(watched) as role, standby_of(cluster, TALKATIVE) as standby:
        add_jobs(watched, 4)
        standby.wait_until_caught_up()
        dsn = on(standby, watched).dsn(role)
        assert not refusals(dsn)  # the last transaction is proof enough
        found = eventually(lambda: refused_backlog(dsn), seconds=30)
        assert {failure.reason for failure in found.values()} == {Reason.STALE}
        grant = re.search(r"replayed lately: (.*), on the primary", found["backlog"].message)
        assert grant is not None
        try:
            watched.execute(grant[1])
            standby.wait_until_caught_up()
            time.sleep(2)
            assert not refusals(dsn, max_replay_lag=Seconds(1.5))
        finally:
            watched.execute(f"REVOKE pg_read_all_stats FROM {role}")
            watched.execute(f"ALTER ROLE {role} NOINHERIT")


def test_a_server_without_a_receiver_is_stale(cluster):
    """WAL from an archive alone: there is no evidence of the primary's position."""
    standby = Standby(cluster, {"primary_conninfo": "", "restore_command": "false"})
    with postgres.started(standby):
        found = refusals(standby.dsn())
    assert {failure.reason for failure in found.values()} == {Reason.STALE}
    assert "no WAL receiver is connected" in found["backlog"].message


def test_a_replay_that_waits_for_a_query_is_behind(watched, writing_standby):
    """A snapshot on the standby needs rows that the primary has vacuumed away: the replay waits for it."""
    add_jobs(watched, 20)
    writing_standby.wait_until_caught_up()
    replica = on(writing_standby, watched)
    with running(replica.dsn(), 1) as sample, replica.connect(autocommit=False) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM job_outbox")
        assert backlog(sample()) == 20
        watched.execute("DELETE FROM job_outbox")
        watched.execute("VACUUM job_outbox")
        time.sleep(1.5)
        states = sample()
        assert backlog(states) is None
        assert "WAL is received and not yet replayed" in states[0].problems[0].message
        reader.rollback()
        writing_standby.wait_until_caught_up()
        assert until(lambda: backlog(sample()) == 0)


def test_a_standby_of_a_standby_is_sampled(watched, standby, cluster):
    """Its lag is that behind its sender."""
    with standby_of(cluster, upstream=standby) as second:
        add_jobs(watched, 2)
        second.wait_until_caught_up()
        with running(on(second, watched).dsn(), 60) as sample:
            assert backlog(sample()) == 2


@pytest.fixture
def pair(cluster: Cluster) -> Iterator[tuple[Cluster, Standby]]:
    """A primary of its own, which a test may kill, with its standby."""
    with postgres.started(Cluster(cluster.installation, {"shared_preload_libraries": ""})) as primary:
        postgres.create_templates(primary)
        with standby_of(primary, TALKATIVE) as standby:
            yield primary, standby


def both(primary: Cluster, standby: Standby, name: str) -> str:
    """One DSN for both servers, the primary first, whichever answers."""
    ports = f"{primary.port},{standby.port}"
    return f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname={name} connect_timeout=2"


def counted(states: tuple[CollectorState, ...]) -> float:
    (value,) = values(states, catalogue.PROCESSED_JOBS).values()
    return value


def test_a_fail_over_is_noticed_and_counts_no_job_twice(pair):
    """From the primary to its standby, which then is the primary: the next sample shows it by itself."""
    primary, standby = pair
    with postgres.cloned(primary) as database, running(both(primary, standby, database.name), 60) as sample:
        with database.connect() as connection:
            rows.write(connection, rows.Content())
        add_jobs(database, 5, "now()")
        assert counted(sample()) == 0  # there before we looked
        add_jobs(database, 7, "now()")
        standby.wait_until_caught_up()
        standby.pause_replay()
        add_jobs(database, 11, "now()")  # received, and not to be seen on the standby yet
        assert counted(sample()) == 18
        until(
            lambda: on(standby, database).value("SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") is True
        )
        primary.stop("immediate")
        try:
            sample()  # the connection broke
            states = sample()
            server = latest_server(states, time.monotonic())
            assert server is not None
            assert server.role == "standby"
            assert counted(states) == 18
            standby.resume_replay()
            standby.promote()
            add_jobs(on(standby, database), 2, "now()")
            states = sample()
            server = latest_server(states, time.monotonic())
            assert server is not None
            assert (server.role, server.lag) == ("primary", None)
            assert counted(states) == 20
        finally:
            with suppress(Exception):
                standby.stop("immediate")
            primary.start()


def test_a_promotion_between_two_samples_of_one_connection(watched, cluster):
    """The same session is on a standby first and on a primary then; no sample fails, and no number jumps."""
    with standby_of(cluster) as standby, running(on(standby, watched).dsn(), 60) as sample:
        add_jobs(watched, 3)
        standby.wait_until_caught_up()
        roles: list[Any] = []
        promoted = False
        for _ in range(40):
            states = sample()
            assert all(state.success for state in states), [state.problems for state in states]
            assert backlog(states) == 3
            server = latest_server(states, time.monotonic())
            roles.append(server.role if server else None)
            if not promoted:
                promoted = True
                with on(standby, watched).connect() as connection:
                    connection.execute("SELECT pg_promote(false)")
        assert roles[0] == "standby"
        assert roles[-1] == "primary"
        assert roles == sorted(roles, reverse=True)


def test_a_dsn_for_both_servers_finds_the_primary(watched, standby):
    """By target_session_attrs=primary, in either order; read-write finds none for the shipped role, with the reason."""
    with monitoring_role(watched) as role:
        standby.wait_until_caught_up()
        for ports in ((watched.cluster.port, standby.port), (standby.port, watched.cluster.port)):
            hosts = f"host=127.0.0.1,127.0.0.1 port={ports[0]},{ports[1]} user={role} dbname={watched.name}"
            with running(f"{hosts} target_session_attrs=primary", 60) as sample:
                server = latest_server(sample(), time.monotonic())
                assert server is not None
                assert server.address == f"127.0.0.1:{watched.cluster.port}"
            found = refusals(f"{hosts} target_session_attrs=read-write")
            assert {failure.reason for failure in found.values()} == {Reason.CONNECTION}
            assert "session is read-only" in found["backlog"].message
            assert found["backlog"].message.endswith(
                "; a role made for reading is read-only on the primary, too: target_session_attrs=primary finds that"
            )
