"""`outbox-exporter check-config`: status 0 valid, 1 refused by the database, 2 wrong configuration, 3 unreachable."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from alerts.policy.load import load_policy
from exporter.lab.migrate import Schema
from exporter.lab.ports import free_port
from tests import postgres
from tests.database.roles import allow, monitoring_role, role, run_script
from tests.end_to_end.program import run, write_config
from tests.postgres import Database

TEN_MISTAKES = Path(__file__).parents[1] / "config" / "ten_mistakes.yaml"
RULES = len(load_policy().rules)
# A free port, so that the exporter of another test is not in the way.
OWN_PORT = {"web": {"listen": "127.0.0.1:0"}}
OTHERS = ("web", "state directory", "server")
DATABASE_COLLECTORS = ("backlog", "throughput", "last_hour", "events", "idempotency")


@pytest.fixture
def check(tmp_path):
    """Runs check-config for a DSN, with more arguments and sections."""

    def checked(dsn: str, *arguments: str, **sections: dict[str, Any]):
        config = write_config(tmp_path / "config.yaml", database={"dsn": dsn}, **{**OWN_PORT, **sections})
        return run("--config", str(config), "check-config", *arguments, OUTBOX_EXPORTER_WATCH_STATE_DIR=str(tmp_path))

    return checked


def test_a_valid_configuration(check, embedded_database):
    """The server plans the statements of every collector, as the monitoring role; status 0."""
    with monitoring_role(embedded_database, "grant_migration_access") as monitor:
        checked = check(embedded_database.dsn(monitor))
    lines = checked.stdout.splitlines()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert lines[0] == "ok       configuration"
    assert [re.split(r":| /", line)[0] for line in lines[1:]] == [
        f"ok       {name}" for name in ("alerts", *OTHERS, *DATABASE_COLLECTORS, "tables")
    ]
    assert re.search(r"^ok       events: fsm_events visible, \d+ statements planned$", checked.stdout, re.MULTILINE)
    assert "cheaper" not in checked.stdout


def test_objects_that_the_role_cannot_see_are_noted(check, embedded_database):
    """The shipped role sees neither the migration history nor the clean-up jobs: notes with the script, status 0."""
    with monitoring_role(embedded_database) as monitor:
        checked = check(embedded_database.dsn(monitor))
    notes = [line for line in checked.stdout.splitlines() if line.startswith("note")]
    assert checked.returncode == 0
    assert len(notes) == 2
    assert notes[0].startswith("note     migration: the migration history: role outbox_monitor may not use schema")
    assert notes[1].startswith("note     migration: pg_cron's clean-up jobs: ")
    assert all("`outbox-exporter files show sql/grant_migration_access.sql | psql`" in line for line in notes)


def test_a_watch_that_would_never_start_is_refused(embedded_database):
    """It waits for a migration history that the role cannot see; after the script it may start."""
    with monitoring_role(embedded_database) as monitor:
        config = {
            "OUTBOX_EXPORTER_WATCH_START": "migration",
            "OUTBOX_EXPORTER_DATABASE_DSN": embedded_database.dsn(monitor),
        }
        checked = run("check-config", **config)
        assert checked.returncode == 1
        (broken,) = [line for line in checked.stdout.splitlines() if line.startswith("broken")]
        assert broken.startswith("broken   watch.start: migration: permission: the migration history: ")
        run_script(embedded_database, "grant_migration_access")
        assert run("check-config", **config).returncode == 0


def test_a_missing_index_is_advice(check, embedded):
    """The deployed schema lacks one on fsm_events: the check passes, with advice for lower costs."""
    with postgres.cloned(embedded, Schema.DEPLOYED) as database:
        checked = check(database.dsn())
    assert checked.returncode == 0
    (advice,) = [line for line in checked.stdout.splitlines() if "cheaper" in line]
    assert advice.startswith("ok       events: ")
    assert advice.endswith("; an index on fsm_events (created_at) would make it cheaper")


def test_a_role_that_cannot_see_rows(check, embedded_database):
    """It may select, and would see nothing: refused, with the remedy; status 1."""
    with role(embedded_database) as limited:
        for table in ("job_outbox", "idempotency_keys", "fsm_events"):
            allow(embedded_database, f"GRANT SELECT ON {table} TO {{role}}", limited)
        checked = check(embedded_database.dsn(limited))
    broken = [line for line in checked.stdout.splitlines() if line.startswith("broken")]
    assert checked.returncode == 1
    assert len(broken) == 5
    assert all(": rls: " in line for line in broken)


def test_a_missing_privilege(check, embedded_database):
    """The line names the missing GRANT; the other collectors are ok."""
    with monitoring_role(embedded_database) as monitor:
        embedded_database.execute(sql.SQL("REVOKE ALL ON idempotency_keys FROM {}").format(sql.Identifier(monitor)))
        checked = check(embedded_database.dsn(monitor))
    broken = [line for line in checked.stdout.splitlines() if line.startswith("broken")]
    assert checked.returncode == 1
    assert len(broken) == 1
    assert broken[0].startswith("broken   idempotency: permission: ")
    assert "GRANT SELECT" in broken[0]
    assert checked.stdout.count("ok       ") == 10


def test_a_missing_table(check, embedded_database: Database):
    """The migration was not applied, or the schema differs."""
    embedded_database.execute("DROP TABLE fsm_events")
    checked = check(embedded_database.dsn())
    assert checked.returncode == 1
    assert "broken   events: schema: " in checked.stdout
    assert "fsm_events" in checked.stdout


def test_an_unreachable_database(check):
    """One line, not one for each collector; status 3."""
    port = free_port()
    checked = check(f"postgresql://127.0.0.1:{port}/postgres")
    lines = checked.stdout.splitlines()
    assert checked.returncode == 3
    assert lines[0] == "ok       configuration"
    assert len(lines) == 5
    assert lines[4].startswith(f"unknown  database 127.0.0.1:{port}/postgres: connection: ")


def test_offline(check):
    """Only the configuration and this machine are checked; no connection is made."""
    checked = check(f"postgresql://127.0.0.1:{free_port()}/postgres", "--offline")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[:3] == [
        "ok       configuration",
        f"ok       alerts: {RULES} rules, 0 of them changed",
        "ok       web: can listen on 127.0.0.1:0",
    ]
    assert checked.stdout.splitlines()[3].startswith("ok       state directory ")
    assert len(checked.stdout.splitlines()) == 4


def test_a_broken_web_file_is_reported_as_serve_does(check, tmp_path):
    """Status 2 and every mistake with its line, as `serve` reports it."""
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: a.pem}\nbasic_auth_users: {x: hunter2}\nfoo: 1\n")
    checked = check("", "--offline", web={"config_file": "web.yml", "listen": "127.0.0.1:0"})
    assert checked.returncode == 2
    assert [line.split(": ")[:2] for line in checked.stderr.splitlines()] == [
        [f"{tmp_path}/web.yml:1", "tls_server_config.cert_file"],
        [f"{tmp_path}/web.yml:1", "tls_server_config.key_file"],
        [f"{tmp_path}/web.yml:2", "basic_auth_users.x"],
        [f"{tmp_path}/web.yml:3", "foo"],
    ]
    assert "hunter2" not in checked.stderr


def test_an_address_of_another_machine(check):
    """Status 2, as of `serve`; a port in use is only noted, because it may be the running exporter's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        checked = check("", "--offline", web={"listen": listen})
    assert (checked.returncode, f"web: {listen} is in use now" in checked.stdout) == (0, True)
    checked = check("", "--offline", web={"listen": "192.0.2.1:9721"})
    assert (checked.returncode, "this machine has no such address" in checked.stderr) == (2, True)


def test_a_state_directory_that_cannot_be_written(tmp_path):
    """Status 1 and the reason; `watch status` and `maintenance start` report the same reason."""
    config = write_config(tmp_path / "c.yaml", watch={"state_dir": "/proc/nope"}, web={"listen": "127.0.0.1:0"})
    reason = "the directory /proc/nope cannot be made in /proc: its file system takes none"
    checked = run("--config", str(config), "check-config", "--offline")
    assert checked.returncode == 1
    assert f"broken   state directory /proc/nope: {reason}; give watch.state_dir" in checked.stdout
    for command in (("watch", "status"), ("maintenance", "start", "--for", "1h", "--reason", "deploy")):
        assert reason in run("--config", str(config), *command).stderr


def test_unreachable_application_and_receivers(check, embedded_database):
    """Application and receivers do not answer: status 3, with a reason for each."""
    port = free_port()
    checked = check(
        embedded_database.dsn(),
        application={"url": f"http://127.0.0.1:{port}/trpc", "timeout": "1s"},
        alerting={"alertmanager_url": f"http://127.0.0.1:{port}", "webhook_url": f"http://127.0.0.1:{port}/hook"},
    )
    unknown = [line for line in checked.stdout.splitlines() if line.startswith("unknown")]
    assert checked.returncode == 3
    assert len(unknown) == 6
    assert all("Connection refused" in line for line in unknown)
    assert [re.split(":| http", line)[0] for line in unknown[3:]] == [
        "unknown  application",
        "unknown  receiver alertmanager",
        "unknown  receiver webhook",
    ]


@pytest.mark.parametrize(
    "command", [("check-config",), ("check-config", "--offline"), ("sample",), ("serve",)], ids=" ".join
)
def test_ten_mistakes_are_ten_lines(tmp_path, command):
    """Every command reports all of them with their places; status 2, and no value that may be a password."""
    shutil.copy(TEN_MISTAKES, tmp_path)
    checked = run("--config", str(tmp_path / TEN_MISTAKES.name), *command)
    lines = checked.stderr.splitlines()
    expected = [
        line.removeprefix("# expect: ")
        for line in TEN_MISTAKES.read_text().splitlines()
        if line.startswith("# expect: ")
    ]
    assert (checked.returncode, checked.stdout) == (2, "")
    assert len(expected) == 10
    assert all(line.startswith(f"{tmp_path}/{start}") for line, start in zip(lines, expected, strict=True))
    assert "hunter2" not in checked.stderr


def test_the_file_may_be_named_by_the_environment(tmp_path):
    """By OUTBOX_EXPORTER_CONFIG; --config takes precedence; an empty variable counts as not set."""
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_text("databse: {}\n")
    good.write_text("log: {level: info}\n")
    offline = ("check-config", "--offline")
    assert run(*offline, OUTBOX_EXPORTER_CONFIG=str(bad)).returncode == 2
    assert run("--config", str(good), *offline, OUTBOX_EXPORTER_CONFIG=str(bad)).returncode == 0
    assert run(*offline, OUTBOX_EXPORTER_CONFIG="").returncode == 0


def test_a_variable_with_a_typo_is_a_mistake():
    """Status 2 and the known variable with the nearest name."""
    checked = run("check-config", "--offline", OUTBOX_EXPORTER_SAMPLING_INTERVALL="1m")
    assert checked.returncode == 2
    assert (
        'OUTBOX_EXPORTER_SAMPLING_INTERVALL: unknown variable; did you mean "OUTBOX_EXPORTER_SAMPLING_INTERVAL"?'
        in (checked.stderr)
    )
