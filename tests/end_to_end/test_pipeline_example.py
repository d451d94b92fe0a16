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
# The role of the DSN in each Secret.
USERS = {"outbox-exporter": MONITOR, "outbox-smoke": SMOKE_ROLE}


def objects() -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of the pipeline, and what its Jobs use of the overlay, by kind and name."""
    overlay = EXAMPLES / "kubernetes" / "overlay"
    texts = [path.read_text("utf-8") for path in (EXAMPLES / "kubernetes-migration.yaml", overlay / "secret.yaml")]
    found = [each for text in texts for each in yaml.safe_load_all(text)]
    (generated,) = yaml.safe_load((overlay / "kustomization.yaml").read_text("utf-8"))["configMapGenerator"]
    data = {name: (overlay / name).read_text("utf-8") for name in generated["files"]}
    config = {"kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data}
    return {(each["kind"], each["metadata"]["name"]): each for each in (*found, config)}


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
    """Runs a Job with its command, variables and mounts below `tmp_path`, and the test's database in each DSN."""
    shipped = objects()

    def run_job(database: Database, name: str) -> subprocess.CompletedProcess[str]:
        pod = shipped["Job", f"outbox-{name}"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            assert mount["readOnly"] is True
            for file, text in files(volumes[mount["name"]], database):
                _write(tmp_path, f"{mount['mountPath']}/{file}", text.replace(": /", f": {tmp_path}/"))
        variables: dict[str, Any] = {each["name"]: _moved(tmp_path, each["value"]) for each in container["env"]}
        return run(*(_moved(tmp_path, each) for each in container["args"]), **variables)

    def files(volume: dict[str, Any], database: Database) -> Iterator[tuple[str, str]]:
        if "configMap" in volume:
            yield from shipped["ConfigMap", volume["configMap"]["name"]]["data"].items()
        else:
            secret = volume["secret"]["secretName"]
            for file, dsn in shipped["Secret", secret]["stringData"].items():
                assert f"//{USERS[secret]}:CHANGE-ME@" in dsn
                yield file, database.dsn(USERS[secret])

    return run_job


def _moved(root: Path, text: str) -> str:
    """An absolute path of a container, below `root`; any other text as it is."""
    return f"{root}{text}" if text.startswith("/") else text


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
