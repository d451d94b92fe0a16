"""The vacuum horizon on real servers: who holds it is found and named, whatever innocent sessions show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg
import pytest

from exporter.app import check_config
from exporter.collectors.horizon import HorizonHolder
from exporter.collectors.tables import TablesCollector, read_holders
from exporter.core.errors import Locked
from exporter.core.types import Seconds
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics.readings import CollectorOutcome
from exporter.sampling.sampler import Sampler
from tests.collectors.fake_database import values
from tests.database import rows
from tests.database.roles import monitoring_role
from tests.database.sampling import configuration, database_client, no_listener
from tests.end_to_end.program import eventually
from tests.migration.partitioned import PARTITIONED
from tests.postgres import Database
from tests.standby import standby_of

PINNED = ("outbox_vacuum_horizon_pinned", "job_outbox")
HELD = "outbox_vacuum_horizon_held_timestamp_seconds"
DEAD, LIVE = ("outbox_table_dead_rows", "job_outbox"), ("outbox_table_live_rows", "job_outbox")
SIZE = ("outbox_table_size_bytes", "job_outbox")
VACUUMED = ("outbox_table_last_vacuum_timestamp_seconds", "job_outbox")


@pytest.fixture
def busy(database: Database) -> Database:
    """An outbox with 300 jobs, in which no worker of autovacuum interferes."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
        connection.execute(
            "INSERT INTO job_outbox (entity_id, queue_name)"
            " SELECT (SELECT id FROM courses LIMIT 1), 'q' FROM generate_series(1, 300)"
        )
        connection.execute("ALTER TABLE job_outbox SET (autovacuum_enabled = off)")
    return database


def churn(database: Database, *, vacuums: int = 0) -> None:
    """A burst: 100 jobs are updated, which makes as many dead rows, and VACUUM runs."""
    with database.connect() as connection:
        connection.execute(
            "UPDATE job_outbox SET attempts = attempts"
            " WHERE outbox_id IN (SELECT outbox_id FROM job_outbox ORDER BY outbox_id LIMIT 100)"
        )
        connection.execute("SELECT pg_stat_force_next_flush()")
        for _ in range(vacuums):
            connection.execute("VACUUM job_outbox")


@contextmanager
def collectors(database: Database) -> Iterator[list[TablesCollector]]:
    """One as the monitoring role, one as a role that may see everything of other sessions."""
    with monitoring_role(database) as role, ExitStack() as stack:
        clients = [stack.enter_context(database_client(database.dsn(user))) for user in (role, "postgres")]
        yield [TablesCollector(client) for client in clients]


def outcomes(database: Database, sampled: list[TablesCollector]) -> list[CollectorOutcome]:
    """A burst and two runs of VACUUM, seen by each collector before and after."""
    churn(database, vacuums=1)
    for collector in sampled:
        collector.collect()
    churn(database, vacuums=2)
    return [collector.collect() for collector in sampled]


def holder_texts(found: list[CollectorOutcome], kind: str) -> list[str]:
    """The notices of outcomes in which the horizon is pinned by a holder of this kind."""
    for outcome in found:
        assert values(outcome.readings)[PINNED] == 1
        assert (HELD, kind) in values(outcome.readings)
    return [notice.text for outcome in found for notice in outcome.notices]


def begin(database: Database, statement: str, **options: Any) -> psycopg.Connection:
    """A session that executes one statement in a transaction and forgets it."""
    connection = database.connect(autocommit=False, **options)
    connection.execute(statement.encode())
    return connection


WRITE = "UPDATE courses SET title = title"
LOOK = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM courses"


@pytest.mark.parametrize("statement", [WRITE, LOOK], ids=["wrote", "only looked"])
def test_an_idle_transaction_is_found(busy, statement):
    """By process and application for every role, by its state for those who may see that; until it ends."""
    with collectors(busy) as sampled:
        with begin(busy, statement, application_name="forgotten") as session:
            found = outcomes(busy, sampled)
            pid = session.info.backend_pid
        plain, full = holder_texts(found, "session")
        assert f"session with pid {pid} (application forgotten, role postgres, database {busy.name}) has" in plain
        assert f"database {busy.name}, idle in transaction) has held back the vacuum horizon since" in full
        assert "or longer" in plain
        assert "or longer" not in full
        for collector in sampled:
            outcome = collector.collect()
            assert values(outcome.readings)[PINNED] == 0
            assert values(outcome.readings)[DEAD] >= 200
            assert outcome.notices == ()


def test_a_prepared_transaction_is_found(busy):
    """It has no session; those whose snapshots show its transaction are not named, nor is its own name."""
    with collectors(busy) as sampled:
        with begin(busy, WRITE) as session:
            session.execute("PREPARE TRANSACTION 'the secret of its manager'")
        try:
            with begin(busy, LOOK, application_name="innocent"):
                xid = busy.value("SELECT transaction::text FROM pg_prepared_xacts")
                shown = "SELECT backend_xmin::text FROM pg_stat_activity WHERE application_name = 'innocent'"
                assert busy.value(shown) == xid
                found = outcomes(busy, sampled)
        finally:
            busy.execute("ROLLBACK PREPARED 'the secret of its manager'")
    for text in holder_texts(found, "prepared_transaction"):
        assert f"VACUUM runs: prepared transaction {xid} (role postgres, database {busy.name}) has held" in text
        assert "innocent" not in text
        assert "secret" not in text


def test_a_replication_slot_is_found(cluster: Cluster, busy: Database):
    """A standby that has stopped: its slot keeps what its last query needed, whoever asks."""
    feedback = {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
    xmin = "SELECT xmin::text FROM pg_replication_slots"
    with collectors(busy) as sampled, standby_of(cluster, feedback) as standby:
        with closing(begin(Database(standby, busy.name), LOOK)):
            eventually(lambda: busy.value(xmin))
            standby.stop("immediate")
        found = outcomes(busy, sampled)
        slot = busy.value("SELECT slot_name FROM pg_replication_slots")
        for text in holder_texts(found, "replication_slot"):
            assert f"VACUUM runs: replication slot {slot} has held back the vacuum horizon since" in text


def test_an_ordinary_burst_pins_nothing(busy):
    """Many dead rows and VACUUM all the time, with sessions at work whose transactions are short."""
    with collectors(busy) as sampled:
        for _ in range(4):
            with begin(busy, WRITE), begin(busy, LOOK):
                churn(busy, vacuums=2)
                found = [values(collector.collect().readings) for collector in sampled]
            assert all(each.get(PINNED, 0) == 0 for each in found)
            assert all(HELD not in name for each in found for name in each)
        assert all(each[PINNED] == 0 for each in found)


def holders(database: Database) -> list[HorizonHolder]:
    with database_client(database.dsn()) as client, client.sample() as session:
        return read_holders(session)


def test_a_session_of_another_database_counts_by_its_transaction_alone(busy):
    """Its snapshot keeps no row here; its transaction shows in the snapshots of this database."""
    other = Database(busy.cluster, "postgres")
    look = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"
    with begin(other, look, application_name="looks"):
        assert "looks" not in [each.name for each in holders(busy)]
    with begin(other, "SELECT pg_current_xact_id()", application_name="writes"), begin(busy, LOOK):
        (oldest, *_) = holders(busy)
        assert (oldest.kind, oldest.name, oldest.database) == ("session", "writes", "postgres")


def test_vacuum_itself_is_not_named(busy):
    """It shows a snapshot while it runs, which the server ignores."""
    with busy.connect(application_name="cleaner") as session:
        session.execute("SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; SET statement_timeout = '10s'")

        def vacuum() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                session.execute("VACUUM (DISABLE_PAGE_SKIPPING) job_outbox")

        thread = threading.Thread(target=vacuum)
        thread.start()
        shown = "SELECT count(backend_xmin) FROM pg_stat_activity JOIN pg_stat_progress_vacuum USING (pid)"
        eventually(lambda: busy.value(shown) == 1)
        found = holders(busy)
        session.cancel()
        thread.join()
    assert "cleaner" not in [each.name for each in found]


def test_statistics_are_absent_until_somebody_has_counted(busy):
    """And again after a reset, when the server's counts begin at 0; an empty table has no rows, counted or not."""
    with collectors(busy) as (plain, _):

        def known() -> dict[tuple[str, ...], float]:
            return {name: value for name, value in values(plain.collect().readings).items() if name[1] == "job_outbox"}

        assert set(known()) == {SIZE}
        busy.execute("ANALYZE job_outbox")
        assert (known()[LIVE], known()[DEAD], VACUUMED in known()) == (300, 0, False)
        churn(busy, vacuums=1)
        assert (known()[LIVE], known()[DEAD]) == (300, 0)
        assert known()[VACUUMED] == pytest.approx(busy.value("SELECT extract(epoch FROM now())::float8"), abs=60)
        assert known()[SIZE] == busy.value("SELECT pg_total_relation_size('job_outbox')")
        busy.execute("SELECT pg_stat_reset()")
        assert set(known()) == {SIZE}
        busy.execute("TRUNCATE job_outbox")
        assert (known()[LIVE], known()[DEAD], known()[PINNED]) == (0, 0, 0)


def test_where_sessions_are_hidden_the_horizon_is_unknown(busy):
    """A server whose owner denied PUBLIC the view: everything else is known, and no sample fails."""
    busy.execute("VACUUM ANALYZE job_outbox")
    busy.execute("REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
    with monitoring_role(busy) as role, database_client(busy.dsn(role)) as client:
        outcome = TablesCollector(client).collect()
        assert outcome.failures == ()
        assert {SIZE, LIVE, DEAD, VACUUMED} <= set(values(outcome.readings))
        assert not any("horizon" in name[0] for name in values(outcome.readings))
        found = check_config.database(Sampler(configuration(busy.dsn(role)), no_listener))
    (note,) = [str(finding) for finding in found if finding.what == "vacuum horizon"]
    assert note.startswith("note     vacuum horizon: ")
    assert note.endswith("; whether it is pinned is unknown")


def test_without_track_counts_only_sizes_are_known(busy):
    """What was counted before is frozen."""
    busy.execute("VACUUM ANALYZE job_outbox")
    busy.execute(f"ALTER DATABASE {busy.name} SET track_counts = off")
    with collectors(busy) as (plain, _):
        assert {name[0] for name in values(plain.collect().readings)} == {"outbox_table_size_bytes"}


def test_a_standby_knows_sizes_alone(cluster, busy):
    """Its statistics are its own, and VACUUM does not run there."""
    busy.execute("VACUUM ANALYZE job_outbox")
    with standby_of(cluster) as standby, database_client(Database(standby, busy.name).dsn()) as client:
        churn(busy)  # proves that the standby is not behind
        standby.wait_until_caught_up()
        found = values(TablesCollector(client).collect().readings)
    assert {name[0] for name in found} == {"outbox_table_size_bytes"}
    assert found[SIZE] == busy.value("SELECT pg_total_relation_size('job_outbox')")


def test_partitions_add_up(busy):
    """And one of them that is pinned pins the table."""
    busy.execute(PARTITIONED)
    busy.execute("INSERT INTO job_outbox (entity_id, queue_name) SELECT id, 'q' FROM courses, generate_series(1, 100)")
    busy.execute("VACUUM ANALYZE job_outbox")
    with collectors(busy) as sampled, begin(busy, WRITE):
        found = outcomes(busy, sampled)
    sizes = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('job_outbox')"
    for readings in (values(outcome.readings) for outcome in found):
        assert readings[LIVE] == busy.value("SELECT count(*) FROM job_outbox")
        assert readings[DEAD] == 200
        assert readings[SIZE] == busy.value(sizes)
        assert readings[PINNED] == 1


def test_a_lock_ends_the_sample_and_blocks_nobody(busy):
    """Sizes wait for the lock no longer than lock_timeout, in which the exporter holds nothing that others wait for."""
    with (
        database_client(busy.dsn(), lock_timeout=Seconds(0.1)) as client,
        begin(busy, "LOCK TABLE job_outbox"),
        pytest.raises(Locked),
    ):
        TablesCollector(client).collect()
