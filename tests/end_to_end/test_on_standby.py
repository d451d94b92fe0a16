"""The program on a streaming replica: while it is fresh, and while its replay is paused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.lab.postgres.cluster import Cluster
from tests import webtools
from tests.database import rows
from tests.end_to_end.program import Program, eventually, run, running, write_config
from tests.postgres import Database
from tests.standby import Standby, standby_of

# A minute of the alert policy takes six seconds.
SCALE = 0.1


@pytest.fixture
def standby(embedded: Cluster) -> Iterator[Standby]:
    with standby_of(embedded, {"wal_receiver_timeout": "1s"}) as standby:
        yield standby


@pytest.fixture
def config(embedded_database: Database, standby: Standby, tmp_path: Path) -> Path:
    with embedded_database.connect() as connection:
        rows.write(connection, rows.Content())
    standby.wait_until_caught_up()
    return write_config(
        tmp_path / "config.yaml",
        database={"dsn": Database(standby, embedded_database.name).dsn(), "max_replay_lag": "3s"},
        sampling={"interval": "500ms", "budget_ratio": 1},
        web={"listen": "127.0.0.1:0"},
        watch={"state_dir": str(tmp_path / "state")},
        alerting={"time_scale": SCALE},
    )


@pytest.fixture
def program(config: Path, tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path, "--config", str(config), "serve") as program:
        yield program


def page(program: Program) -> str:
    return webtools.get(program.url()).text


def test_a_standby_with_paused_replay_is_reported(embedded_database, standby, program, config):
    """Fresh: sampled, and its role is shown. Paused: no reading, outbox_up 0, an alert of severity page, status 3."""
    where = f"127.0.0.1:{standby.port}"
    eventually(lambda: program.scrape().all_collectors_succeed)
    fresh = program.scrape()
    assert (fresh.value("outbox_up"), fresh.value("outbox_server_in_recovery")) == (1, 1)
    assert 0 <= fresh.value("outbox_server_replay_lag_seconds") <= 3
    server = program.status()["server"]
    assert (server["role"], server["address"]) == ("standby", where)
    shown = page(program)
    assert "a standby answers" in shown
    assert f"standby {where}" in shown
    assert " behind its sender" in shown
    assert f'server="standby {where}"' in program.log
    begun = run("--config", str(config), "watch", "start")
    assert begun.returncode == 0
    assert "watch 1 has begun; a standby answers, and its data is no evidence" in begun.stdout
    assert "a standby answers, and its data is no evidence" in page(program)

    standby.pause_replay()
    embedded_database.execute(
        "INSERT INTO job_outbox (entity_id, queue_name)"
        " SELECT '00000000-0000-0000-0000-000000000000', 'q' FROM generate_series(1, 50)"
    )
    changed = time.monotonic()
    eventually(lambda: program.scrape().get("outbox_up") == 0)
    assert time.monotonic() - changed < 3 + 2
    eventually(lambda: "outbox_pending_jobs" not in program.scrape())
    stale = program.scrape()
    assert stale.value("outbox_collector_failures_total", collector="backlog", reason="stale") > 0
    assert stale.value("outbox_server_in_recovery") == 1
    assert stale.value("outbox_server_replay_lag_seconds") > 3
    assert not program.is_ready()
    assert "replay is paused: SELECT pg_wal_replay_resume(); or connect to the primary" in page(program)
    eventually(
        lambda: program.scrape().get("outbox_alert_firing", alert="OutboxDatabaseUnreachable", severity="page") == 1,
        seconds=40,
    )
    for command in (("rollback-check",), ("verify",), ("sample",), ("check-config",)):
        assert run("--config", str(config), *command).returncode == 3, command

    standby.resume_replay()
    standby.wait_until_caught_up()
    eventually(lambda: program.scrape().sum("outbox_pending_jobs") == 50)
    assert program.scrape().value("outbox_up") == 1
    stopped = run("--config", str(config), "watch", "stop")
    assert stopped.returncode == 0
    # The report is of the database that was watched, whatever the configuration of its reader names.
    reader = write_config(config.with_name("reader.yaml"), watch={"state_dir": str(config.with_name("state"))})
    report = run("--config", str(reader), "watch", "report", "--format", "json")
    assert report.returncode == 3
    assert "a standby answered" in report.stdout
    assert json.loads(report.stdout)["database"] == f"{where}/{embedded_database.name}"
