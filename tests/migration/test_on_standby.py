"""On a standby, which proves nothing about its primary, each command reports so and exits with 3."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from exporter.app import check_config
from exporter.commands.parser import SMOKE_DSN
from exporter.lab.postgres.cluster import Cluster
from exporter.sampling.sampler import Sampler
from tests.commands.test_migration import Terminal
from tests.database import rows
from tests.database.roles import monitoring_role
from tests.database.sampling import configuration, no_listener
from tests.postgres import Database
from tests.standby import Standby, standby_of

CONNECT = "connect to the primary (with several hosts in the DSN: target_session_attrs=primary)"


@pytest.fixture
def replica(database: Database, standby: Standby) -> Database:
    """A migrated database on a standby that is fresh."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
    standby.wait_until_caught_up()
    return Database(standby, database.name)


def answers(terminal: Terminal) -> dict[str, tuple[str, str, str]]:
    """Result, finding and remedy, by check."""
    return {each["check"]: (each["answer"], each["found"], each["remedy"]) for each in terminal.document["checks"]}


@pytest.mark.parametrize("expect", ["applied", "absent"])
def test_verify_is_unknown(replica, tmp_path, expect):
    """Unknown: a fresh standby does not show whether the migration is still applied on the primary."""
    terminal = Terminal(replica.dsn(), tmp_path)
    assert terminal.run("verify", "--expect", expect, "--format", "json") == 3
    where = f"standby 127.0.0.1:{replica.cluster.port}"
    found = f"stale: {where} answers, and a standby proves nothing about the primary"
    assert answers(terminal) == {"database": ("unknown", found, CONNECT)}


def test_rollback_check_is_unknown(replica, tmp_path):
    """All four prerequisites, also where the standby shows an outbox at rest."""
    terminal = Terminal(replica.dsn(), tmp_path)
    assert terminal.run("rollback-check", "--format", "json") == 3
    found = answers(terminal)
    assert set(found) == {"pending", "generations", "losses", "dependents"}
    assert {(answer, remedy) for answer, _, remedy in found.values()} == {("unknown", CONNECT)}
    assert all("proves nothing about the primary" in text for _, text, _ in found.values())


def test_rollback_check_is_unknown_behind_a_paused_replay(database, standby, tmp_path):
    """Nothing is pending on the standby, fifty jobs are on the primary."""
    with database.connect() as connection:
        rows.write(connection, rows.Content())
    standby.wait_until_caught_up()
    standby.pause_replay()
    database.execute(
        "INSERT INTO job_outbox (entity_id, queue_name)"
        " SELECT '00000000-0000-0000-0000-000000000000', 'q' FROM generate_series(1, 50)"
    )
    terminal = Terminal(Database(standby, database.name).dsn(), tmp_path)
    assert terminal.run("rollback-check") == 3
    assert "UNKNOWN: 4 checks, 0 ok, 0 broken, 4 unknown" in terminal.output


def test_smoke_is_unknown(replica, tmp_path, monkeypatch):
    """Nothing can be tried where nothing can be written, and the reason is named."""
    monkeypatch.setitem(os.environ, SMOKE_DSN, replica.dsn())
    terminal = Terminal(replica.dsn(), tmp_path)
    assert terminal.run("smoke", "--format", "json") == 3
    found = answers(terminal)
    assert found["transaction"][:2] == ("unknown", f"a standby answers: nothing can be tried here; {CONNECT}")
    assert {answer for answer, _, _ in found.values()} == {"unknown"}


def test_smoke_by_a_role_that_reads_is_no_standby(database, tmp_path, monkeypatch):
    """The shipped role on the primary: the session is read-only, and the server is not to blame."""
    with monitoring_role(database) as role:
        monkeypatch.setitem(os.environ, SMOKE_DSN, database.dsn(role))
        terminal = Terminal(database.dsn(), tmp_path)
        assert terminal.run("smoke", "--format", "json") == 3
    expected = "this session is read-only (a role made for reading?): nothing can be tried here"
    assert answers(terminal)["transaction"][1] == expected


def checked(dsn: str, **database: object) -> tuple[list[str], int]:
    """The lines of check-config about the database, and its exit status."""
    findings = check_config.database(Sampler(configuration(dsn, **database), no_listener))
    return [str(finding) for finding in findings], check_config.verdict(findings)


def test_check_config_names_the_server(database, replica):
    """It comes first; a fresh standby is enough for sampling, and the commands that need the primary are named."""
    lines, status = checked(database.dsn())
    assert (lines[0], status) == (f"ok       server: primary 127.0.0.1:{database.cluster.port} answers", 0)
    lines, status = checked(replica.dsn())
    assert status == 0
    assert lines[0].startswith(f"ok       server: standby 127.0.0.1:{replica.cluster.port} answers, at most ")
    assert lines[0].endswith(" behind its sender; verify, smoke, rollback-check and the watch need the primary")


@pytest.fixture
def paused(cluster: Cluster) -> Iterator[Standby]:
    with standby_of(cluster) as standby:
        standby.pause_replay()
        yield standby


def test_check_config_refuses_a_stale_standby(database, paused):
    """One line with the reason and the remedy; there is no result, so the status is 3."""
    database.execute("INSERT INTO idempotency_keys (key) VALUES ('k')")
    replica = paused.dsn()
    lines, status = checked(replica, max_replay_lag=0.001)
    assert status == 3
    (line,) = lines
    assert line.startswith(
        f"unknown  database 127.0.0.1:{paused.port}/postgres: stale: standby 127.0.0.1:{paused.port}"
    )
    assert "replay is paused: SELECT pg_wal_replay_resume(); or connect to the primary" in line
