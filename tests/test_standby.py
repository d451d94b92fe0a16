"""The streaming replicas that tests use, on every PostgreSQL."""

from __future__ import annotations

import time

from tests.postgres import Database
from tests.standby import Standby, standby_of

_COUNT = "SELECT count(*) FROM idempotency_keys"
_ADD = "INSERT INTO idempotency_keys (key) VALUES (gen_random_uuid())"


def test_a_standby_follows_its_primary(database: Database, standby: Standby) -> None:
    """It has the committed rows after it has caught up, and is in recovery."""
    replica = Database(standby, database.name)
    database.execute(_ADD)
    standby.wait_until_caught_up()
    assert replica.value(_COUNT) == 1
    assert replica.value("SELECT pg_is_in_recovery()") is True
    assert database.value("SELECT count(*) FROM pg_replication_slots") == 1


def test_paused_replay_shows_old_rows_until_it_is_resumed(database: Database, standby: Standby) -> None:
    """While replay is paused, new rows are not visible."""
    replica = Database(standby, database.name)
    standby.pause_replay()
    database.execute(_ADD)
    time.sleep(0.5)
    assert replica.value(_COUNT) == 0
    standby.resume_replay()
    standby.wait_until_caught_up()
    assert replica.value(_COUNT) == 1


def test_an_interrupted_stream_delivers_nothing_until_it_is_restored(database: Database, standby: Standby) -> None:
    """With the connection open or closed: no row arrives until the stream is restored."""
    replica = Database(standby, database.name)
    for number, silently in enumerate((True, False)):
        standby.interrupt_stream(silently=silently)
        database.execute(_ADD)
        time.sleep(0.5)
        assert replica.value(_COUNT) == number
        standby.restore_stream()
        standby.wait_until_caught_up()
        assert replica.value(_COUNT) == number + 1


def test_a_promoted_standby_is_a_primary(database: Database, standby: Standby) -> None:
    """It accepts writes."""
    standby.promote()
    Database(standby, database.name).execute(_ADD)
    assert database.value(_COUNT) == 0


def test_a_standby_streams_from_a_standby(database: Database, standby: Standby) -> None:
    """Cascading replication, here with an initial setting; nothing is left on either upstream server."""
    with standby_of(standby.primary, {"recovery_min_apply_delay": "1s"}, upstream=standby) as second:
        database.execute(_ADD)
        second.wait_until_caught_up()
        assert Database(second, database.name).value(_COUNT) == 1
        assert Database(second, database.name).value("SHOW recovery_min_apply_delay") == "1s"
    assert Database(standby, database.name).value("SELECT count(*) FROM pg_replication_slots") == 0
