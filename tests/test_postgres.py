"""The database fixtures, and the checks for missing programs."""

from __future__ import annotations

import psycopg
import pytest

from tests import postgres, requirements

MIGRATED = "SELECT count(*) FROM pg_tables WHERE tablename IN ('job_outbox', 'idempotency_keys', 'fsm_events')"


def test_a_database_is_migrated_and_empty(database):
    """On both servers a clone has the three tables and no row."""
    assert database.value(MIGRATED) == 3
    assert database.value("SELECT count(*) FROM job_outbox") == 0


def test_the_deployed_variant_lacks_one_index(deployed_database):
    """The deployed schema has no index on fsm_events (created_at)."""
    assert deployed_database.value("SELECT to_regclass('idx_fsm_events_created')") is None


def test_two_clones_share_nothing(embedded):
    """A row in one database is not in the other; both are gone afterwards although sessions are open."""
    with postgres.cloned(embedded) as one, postgres.cloned(embedded) as two:
        one.execute("INSERT INTO organizations (name) VALUES ('x')")
        assert two.value("SELECT count(*) FROM organizations") == 0
        left_open = one.connect()
    with left_open, pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    with psycopg.connect(embedded.dsn()) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname = %s", (one.name,)).fetchone() is None


@pytest.mark.parametrize("run", [1, 2])
def test_the_cron_database_has_the_real_extension_and_is_fresh_each_time(cron_database, run):
    """pg_cron has the two jobs, and rows of an earlier test are gone."""
    assert cron_database.value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'") == 1
    assert cron_database.value("SELECT count(*) FROM cron.job") == 2
    assert cron_database.value("SELECT count(*) FROM organizations") == 0
    cron_database.execute("INSERT INTO organizations (name) VALUES (%s)", (str(run),))


def test_a_missing_program_skips_outside_ci(monkeypatch):
    """Outside CI the reason names the package to install."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(pytest.skip.Exception, match="no-such-program is missing: apt-get install"):
        requirements.require_program("no-such-program")


def test_a_missing_program_fails_in_ci(monkeypatch):
    """With CI=true the same is a failure."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        requirements.require_program("no-such-program")
