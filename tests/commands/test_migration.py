"""The commands: their output, exit statuses and files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from exporter.cli import function
from exporter.commands.parser import SMOKE_DSN, parser
from exporter.core.errors import ConfigError
from tests.migration.verification import create_monitor
from tests.postgres import Database
from tools.image import ROOT

KEYS_JOB = "cleanup_expired_idempotency_keys"
DOCUMENT = (ROOT / "docs" / "migration.md").read_text()


class Terminal:
    """Runs a command against a database and keeps its output."""

    def __init__(self, dsn: str, state: Path) -> None:
        self.output = ""
        self._variables = {"OUTBOX_EXPORTER_DATABASE_DSN": dsn, "OUTBOX_EXPORTER_WATCH_STATE_DIR": str(state)}

    def run(self, *arguments: str) -> int:
        options = parser().parse_args(arguments)
        with mock.patch.dict(os.environ, self._variables), contextlib.redirect_stdout(io.StringIO()) as printed:
            status = int(function(options.command)(options))
        self.output = printed.getvalue()
        return status

    @property
    def document(self) -> Any:
        return json.loads(self.output)


@pytest.fixture
def terminal(embedded_database: Database, tmp_path: Path) -> Terminal:
    return Terminal(embedded_database.dsn(), tmp_path)


def test_exit_status_of_verify(embedded_database, terminal, tmp_path):
    """0 ok, 1 broken, 3 unknown or unreachable."""
    assert terminal.run("verify") == 0
    assert "OK: 48 checks, 48 ok, 0 broken, 0 unknown" in terminal.output
    assert Terminal(embedded_database.dsn(create_monitor(embedded_database)), tmp_path).run("verify") == 3
    embedded_database.execute("DROP INDEX idx_job_outbox_entity")
    assert terminal.run("verify") == 1
    assert Terminal(embedded_database.dsn(create_monitor(embedded_database)), tmp_path).run("verify") == 1
    assert terminal.run("verify", "--expect", "absent") == 1
    assert Terminal("postgresql://postgres@127.0.0.1:1/x", tmp_path).run("verify") == 3


def test_broken_checks_are_printed_with_their_remedies(embedded_database, terminal):
    """For people: expected, found, and the statement."""
    embedded_database.execute("DROP INDEX idx_job_outbox_entity")
    terminal.run("verify")
    lines = [line.strip() for line in terminal.output.splitlines()]
    place = next(number for number, line in enumerate(lines) if line.startswith("broken"))
    assert re.sub(" +", " ", lines[place]) == "broken idx_job_outbox_entity missing"
    assert lines[place + 1] == "expected: index on public.job_outbox (entity_id)"
    assert lines[place + 2].startswith("fix: CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_job_outbox_entity")


def test_json_has_the_same_contents(embedded_database, terminal):
    """For machines: every check, warnings, diagnoses."""
    embedded_database.execute(f"DROP FUNCTION {KEYS_JOB}")
    assert terminal.run("verify", "--format", "json") == 1
    document = terminal.document
    assert document["answer"] == "broken"
    assert document["counts"] == {"ok": 45, "broken": 3, "unknown": 0}
    broken = [check for check in document["checks"] if check["answer"] == "broken"]
    assert {check["check"] for check in broken} == {
        f"{KEYS_JOB}.{part}" for part in ("signature", "security_definer", "body")
    }
    assert [each["error"] for each in document["diagnoses"]] == ["function does not exist"]
    assert document["schema"] == "public"
    assert embedded_database.name in document["database"]


def test_control_characters_from_the_database_are_not_printed(embedded_database, terminal):
    """Escape sequences in a job's command are shown as question marks."""
    embedded_database.execute("UPDATE cron.job SET command = %s WHERE jobname = %s", ("SELECT 1 \x1b[2J\x07", KEYS_JOB))
    terminal.run("verify")
    assert "SELECT 1 ?[2J?" in terminal.output
    assert "\x1b" not in terminal.output


def test_smoke_uses_its_own_connection_string(embedded_database, terminal, tmp_path, monkeypatch):
    """From a file or a variable, never the monitoring role's."""
    monkeypatch.delenv(SMOKE_DSN, raising=False)
    with pytest.raises(ConfigError, match="--dsn-file"):
        terminal.run("smoke")
    file = tmp_path / "dsn"
    file.write_text(embedded_database.dsn() + "\n")
    assert terminal.run("smoke", "--dsn-file", str(file)) == 0
    monkeypatch.setenv(SMOKE_DSN, embedded_database.dsn())
    assert terminal.run("smoke", "--format", "json") == 0
    assert terminal.document["answer"] == "ok"
    embedded_database.execute("DROP FUNCTION initialize_fsm_with_outbox")
    assert terminal.run("smoke") == 1
    monkeypatch.setenv(SMOKE_DSN, "postgresql://u:hidden-word@127.0.0.1:1/x")
    assert terminal.run("smoke") == 3
    assert "hidden-word" not in terminal.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("smoke", "--set", "grade"), "COLUMN=VALUE"),
        (("smoke", "--dsn-file", "/nowhere"), "cannot be read"),
    ],
)
def test_wrong_usage_is_reported(terminal, monkeypatch, arguments, problem):
    """A ConfigError, which ends the program with status 2."""
    monkeypatch.setenv(SMOKE_DSN, "postgresql://postgres@127.0.0.1:1/x")
    with pytest.raises(ConfigError) as raised:
        terminal.run(*arguments)
    assert problem in raised.value.problems[0]


def test_an_invalid_connection_string_is_not_printed(terminal, monkeypatch):
    """It may be a password in the wrong place."""
    monkeypatch.setenv(SMOKE_DSN, "hidden-word")
    with pytest.raises(ConfigError) as raised:
        terminal.run("smoke")
    assert "hidden-word" not in str(raised.value)


def test_exit_status_of_rollback_check(terminal, tmp_path):
    """0 at rest, 1 without a backup where one should be, 3 out of reach."""
    assert terminal.run("rollback-check") == 0
    assert terminal.run("rollback-check", "--backup-dir", str(tmp_path)) == 1
    (tmp_path / "backup.dump").write_text("x")
    assert terminal.run("rollback-check", "--backup-dir", str(tmp_path), "--max-backup-age", "1h") == 0
    assert Terminal("postgresql://postgres@127.0.0.1:1/x", tmp_path).run("rollback-check", "--format", "json") == 3


WITHOUT_WRITING = """
    import sys

    def refuse(event, arguments):
        if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            raise OSError(30, "Read-only file system", str(arguments[0]))
        if event in ("os.mkdir", "os.remove", "os.rename", "os.truncate"):
            raise OSError(30, "Read-only file system")

    from exporter import cli

    cli.function("exporter.commands.migration:verify")
    sys.addaudithook(refuse)
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["verify", "smoke", "rollback-check"])
def test_nothing_is_written_to_the_file_system(embedded_database, command):
    """A read-only root file system will do."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", textwrap.dedent(WITHOUT_WRITING), command],
        env={
            **os.environ,
            "OUTBOX_EXPORTER_DATABASE_DSN": embedded_database.dsn(),
            SMOKE_DSN: embedded_database.dsn(),
            "TMPDIR": "/nowhere",
            "HOME": "/nowhere",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- the documentation


def test_the_role_of_the_document_suffices(database):
    """Exactly these privileges; without the last one the message names the missing one."""
    (block,) = (text for text in re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL) if "outbox_smoke" in text)
    with database.connect() as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = 'outbox_smoke'").fetchone() is None:
            connection.execute("CREATE ROLE outbox_smoke")
        connection.execute("DROP OWNED BY outbox_smoke; DROP ROLE outbox_smoke")
        connection.execute(block)
    terminal = Terminal(database.dsn(), Path("/nowhere"))
    os.environ[SMOKE_DSN] = database.dsn("outbox_smoke")
    try:
        assert terminal.run("smoke") == 0, terminal.output
        database.execute("REVOKE INSERT ON courses FROM outbox_smoke")
        assert terminal.run("smoke") == 3, terminal.output
        assert "permission denied for table courses" in terminal.output
    finally:
        del os.environ[SMOKE_DSN]
        database.execute("DROP OWNED BY outbox_smoke; DROP ROLE outbox_smoke")


def jobs() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "examples" / "kubernetes-migration.yaml").read_text())
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in documents}


@pytest.mark.parametrize("name", ["outbox-verify", "outbox-smoke"])
def test_the_jobs_run_with_the_same_settings_as_the_exporter(name):
    """Read-only, not root, without privileges or a cluster token; the commands in them exist."""
    spec = jobs()[f"Job/{name}"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    base = yaml.safe_load((ROOT / "examples" / "kubernetes" / "base" / "deployment.yaml").read_text())
    deployed = base["spec"]["template"]["spec"]
    assert pod["securityContext"] == deployed["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == deployed["containers"][0]["securityContext"]
    assert container["image"] == deployed["containers"][0]["image"]
    assert container["env"] == deployed["containers"][0]["env"][:1]  # they do not use the state directory
    assert [volume for volume in pod["volumes"] if volume["name"] != "smoke"] == deployed["volumes"][:2]
    assert pod["restartPolicy"] == "Never"
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]) == ("FailJob", {"operator": "In", "values": [1, 2]})
    assert callable(function(parser().parse_args(container["args"]).command))


def test_the_jobs_mount_existing_files():
    """Every volume is mounted, every secret is that of the exporter or of smoke, and only the owner may read it."""
    known = jobs()
    for name in ("outbox-verify", "outbox-smoke"):
        pod = known[f"Job/{name}"]["spec"]["template"]["spec"]
        mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
        assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
        secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
        assert all(secret["defaultMode"] & 0o007 == 0 for secret in secrets)
        assert {secret["secretName"] for secret in secrets} <= {"outbox-exporter", "outbox-smoke"}
        if name == "outbox-smoke":
            arguments = pod["containers"][0]["args"]
            assert arguments[arguments.index("--dsn-file") + 1] == f"{mounts['smoke']}/dsn"
    assert set(known["Secret/outbox-smoke"]["stringData"]) == {"dsn"}


@pytest.mark.parametrize("command", ["verify", "smoke", "rollback-check"])
def test_other_outboxes_are_refused(command, monkeypatch):
    """In one sentence, before any connection."""
    monkeypatch.setenv("OUTBOX_EXPORTER_OUTBOX_PROFILE", "river")
    options = parser().parse_args([command])
    with pytest.raises(ConfigError) as error:
        function(options.command)(options)
    assert error.value.problems == (f"outbox: {command} is about the default tables, which the migration creates",)
