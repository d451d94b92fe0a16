"""What `check-config` makes of its findings, and that finding them reads no row."""

from __future__ import annotations

import pytest

from exporter.app import check_config
from exporter.app.check_config import ConfigFinding
from exporter.collectors import horizon
from exporter.config.settings import WatchSettings
from exporter.core.errors import Locked, PermissionDenied, RowsHidden, SchemaMismatch, TooSlow, Unreachable
from exporter.lab.ports import free_port
from exporter.sampling.sampler import Sampler
from tests.database.sampling import configuration, no_listener, states
from tests.lab.waiting import wait_for

GOOD = ConfigFinding("events")
GONE = ConfigFinding("database h:1/d", Unreachable("refused"))


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], 0),
        ([GOOD, GOOD], 0),
        ([GOOD, ConfigFinding("migration", note="not visible")], 0),
        ([GONE], 3),
        ([GOOD, GONE], 3),
        ([GOOD, ConfigFinding("backlog", Locked("lock timeout"))], 3),
        ([GOOD, ConfigFinding("backlog", RowsHidden("hidden"))], 1),
        ([ConfigFinding("backlog", PermissionDenied("GRANT")), GONE], 1),
        ([ConfigFinding("backlog", SchemaMismatch("no such table"))], 1),
        ([ConfigFinding("backlog", TooSlow("planning took too long"))], 1),
    ],
)
def test_the_verdict(findings, verdict):
    """A refusal is bad; a database that cannot be asked proves nothing; one refusal outweighs silence afterwards."""
    assert check_config.verdict(findings) == verdict


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (GOOD, "ok       events"),
        (GONE, "unknown  database h:1/d: connection: refused"),
        (ConfigFinding("backlog", RowsHidden("rows are hidden")), "broken   backlog: rls: rows are hidden"),
        (ConfigFinding("migration", note="not visible"), "note     migration: not visible"),
    ],
)
def test_a_finding_is_a_line(finding, line):
    """Its state first, in a column."""
    assert str(finding) == line


def test_an_unreachable_database_is_one_finding():
    """The other collectors would report the same."""
    found = check_config.database(Sampler(configuration(f"host=127.0.0.1 port={free_port()}"), no_listener))
    assert len(found) == 1
    assert isinstance(found[0].error, Unreachable)


def test_it_reads_no_row(embedded_database):
    """Statements are planned, not run: a million rows would cost as little as one."""
    scans = (
        "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::int FROM pg_stat_user_tables"
        " WHERE relname IN ('job_outbox', 'idempotency_keys', 'fsm_events')"
    )
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outbox-exporter'"
    before = embedded_database.value(scans)
    found = check_config.database(Sampler(configuration(embedded_database.dsn()), no_listener))
    assert [finding.error for finding in found] == [None] * 7
    # A session reports what it scanned when it ends.
    wait_for(lambda: embedded_database.value(sessions) == 0)
    assert embedded_database.value(scans) == before
    assert all(state.success for state in states(embedded_database.dsn()))
    wait_for(lambda: embedded_database.value(scans) > before)


def test_the_holder_of_the_vacuum_horizon_is_noted(embedded_database, monkeypatch):
    """When it is old; as is why the rows of a table are unknown, which nobody has counted yet."""
    monkeypatch.setattr(horizon, "OLD_SECONDS", 0.0)
    with embedded_database.connect(autocommit=False, application_name="forgotten") as session:
        session.execute("SELECT pg_current_xact_id()")
        pid = session.info.backend_pid
        embedded_database.execute("INSERT INTO idempotency_keys (key, result, expires_at) VALUES ('k', '{}', now())")
        found = check_config.database(Sampler(configuration(embedded_database.dsn()), no_listener))
    notes = [str(finding) for finding in found if finding.note]
    unknown, held = notes
    assert unknown.startswith("note     tables: dead and live rows of idempotency_keys are unknown until ")
    assert held.startswith("note     vacuum horizon: held back since ")
    assert f"by session with pid {pid} (application forgotten, role postgres, " in held


def test_a_state_directory_that_is_not_configured(tmp_path, monkeypatch):
    """The default may be read-only, as in a container: it is skipped with a message; a configured one is refused."""
    (tmp_path / "state").touch()
    monkeypatch.chdir(tmp_path)
    found = check_config.state_directory(WatchSettings())
    assert (found.error, check_config.verdict([found])) == (None, 0)
    assert str(found).startswith(f"note     state directory {tmp_path}/state: ")
    assert "nothing is kept over a restart" in str(found)
    named = check_config.state_directory(WatchSettings(state_dir=tmp_path / "state"))
    assert check_config.verdict([named]) == 1
    assert str(named).startswith(f"broken   state directory {tmp_path}/state: {tmp_path}/state is not a directory")
