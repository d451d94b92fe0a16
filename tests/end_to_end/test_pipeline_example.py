"""examples/kubernetes-migration.yaml: its commands and configuration, with the roles of the documentation."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.lab.migrate import Schema
from tests import postgres
from tests.database.roles import MONITOR, monitoring_role, run_script
from tests.end_to_end.program import eventually, run, running, write_config
from tests.postgres import Database

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ACCESS = "grant_migration_access"
SMOKE_ROLE = "outbox_smoke"


def objects(*files: str) -> Iterator[dict[str, Any]]:
    """The objects of the example's files."""
    for file in files:
        yield from yaml.safe_load_all((EXAMPLES / file).read_text("utf-8"))


def job(name: str) -> dict[str, Any]:
    """The container of this Job."""
    jobs = (each for each in objects("kubernetes-migration.yaml") if each["metadata"]["name"] == f"outbox-{name}")
    (container,) = next(each for each in jobs if each["kind"] == "Job")["spec"]["template"]["spec"]["containers"]
    assert container["name"] == name
    return dict(container)


@contextmanager
def smoke_role(database: Database) -> Iterator[None]:
    """The role of docs/migration.md, created by the statements of that page."""
    text = (ROOT / "docs" / "migration.md").read_text("utf-8")
    (statements,) = re.findall(r"```sql\n(CREATE ROLE outbox_smoke.*?)```", text, re.DOTALL)
    database.execute(statements.encode())
    try:
        yield
    finally:
        database.execute(f"DROP OWNED BY {SMOKE_ROLE}; DROP ROLE {SMOKE_ROLE}".encode())


@pytest.fixture
def mounted(tmp_path):
    """Runs the command of a Job with the example's mounts and the DSNs of the test's database."""

    def run_job(database: Database, name: str) -> subprocess.CompletedProcess[str]:
        container = job(name)
        users = {"outbox-exporter": MONITOR, "outbox-smoke": SMOKE_ROLE}
        for each in objects("kubernetes.yaml", "kubernetes-migration.yaml"):
            if each["kind"] == "Secret":
                user = users[each["metadata"]["name"]]
                assert f"//{user}:" in each["stringData"]["dsn"]
                _write(tmp_path, f"/run/secrets/{each['metadata']['name']}/dsn", database.dsn(user))
            if each["kind"] == "ConfigMap":
                text = each["data"]["config.yaml"].replace(": /", f": {tmp_path}/")
                _write(tmp_path, "/etc/outbox-exporter/config.yaml", text)
        (variable,) = container["env"]
        arguments = [each.replace("/run/", f"{tmp_path}/run/") for each in container["args"]]
        assert variable["name"] == "OUTBOX_EXPORTER_CONFIG"
        return run(*arguments, OUTBOX_EXPORTER_CONFIG=f"{tmp_path}{variable['value']}")

    return run_job


def _write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


@pytest.fixture(params=["embedded", "debian, pg_cron itself"])
def migrated(request) -> Iterator[Database]:
    """A database of the deployed variant, with a substitute for pg_cron and with the real one."""
    if request.param == "embedded":
        with postgres.cloned(request.getfixturevalue("embedded"), Schema.DEPLOYED) as database:
            yield database
    else:
        yield request.getfixturevalue("cron_database")


def test_both_jobs_complete(migrated, mounted):
    """Both commands end with 0, and nothing is broken or unknown."""
    with monitoring_role(migrated, ACCESS), smoke_role(migrated):
        for name in ("verify", "smoke"):
            done = mounted(migrated, name)
            assert done.returncode == 0, done.stdout + done.stderr
            counts = json.loads(done.stdout)["counts"]
            assert (counts["broken"], counts["unknown"]) == (0, 0)


def test_without_the_access_script_verify_names_the_invisible_objects(migrated, mounted):
    """Status 3 with the name of the script: only migration history and clean-up jobs are unknown."""
    with monitoring_role(migrated):
        done = mounted(migrated, "verify")
    report = json.loads(done.stdout)
    unknown = [check for check in report["checks"] if check["answer"] == "unknown"]
    assert done.returncode == 3
    assert {check["check"].split(".")[0] for check in unknown} == {"register", "cron"}
    assert all(ACCESS in check["remedy"] or check["remedy"].startswith("GRANT") for check in unknown)


def test_a_job_that_is_missing_is_broken_and_not_hidden(migrated, mounted):
    """The policy shows every job of that name, so that a missing job is known to be missing."""
    migrated.execute("SELECT cron.unschedule('cleanup_expired_idempotency_keys')")
    with monitoring_role(migrated, ACCESS):
        assert mounted(migrated, "verify").returncode == 1


def test_the_watch_begins_with_the_migration_under_the_shipped_role(embedded_database, tmp_path):
    """With the access script it starts by itself; without it, the invisible objects and the script are named."""
    config = write_config(
        tmp_path / "config.yaml",
        database={"dsn": embedded_database.dsn(MONITOR)},
        sampling={"interval": "1s"},
        watch={"start": "migration", "state_dir": str(tmp_path / "state")},
        web={"listen": "127.0.0.1:0"},
    )
    with monitoring_role(embedded_database):
        with running(tmp_path, "--config", str(config), "serve") as program:
            eventually(lambda: "is not visible" in (program.status()["watch"] or {}).get("summary", ""), seconds=40)
            message = eventually(lambda: _message(run("--config", str(config), "watch", "status")), seconds=40)
            assert ACCESS in message
            assert program.status()["migration"]["unseen"] == ["register", "cron"]
        run_script(embedded_database, ACCESS)
        with running(tmp_path, "--config", str(config), "serve") as program:
            eventually(lambda: (program.status()["watch"] or {}).get("state") == "running", seconds=40)
            assert program.status()["migration"]["unseen"] == []
            assert "no watch begins" not in run("--config", str(config), "watch", "status").stderr


def _message(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr if "no watch begins automatically" in done.stderr else ""
