"""Reloading the configuration by SIGHUP and by POST /-/reload, with valid and invalid files."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import webtools
from tests.end_to_end.program import Program, eventually, running, write_config
from tests.postgres import Database

RELOADED = "outbox_exporter_config_last_reload_successful"
INTERVAL = "outbox_collector_interval_seconds"


@dataclass(frozen=True, slots=True)
class Reloadable:
    """A program and its configuration file."""

    program: Program
    path: Path
    dsn: str

    def configure(self, interval: str, **web: Any) -> None:
        """Writes another configuration; interval `often` is invalid."""
        write_config(
            self.path,
            database={"dsn": self.dsn},
            sampling={"interval": interval, "budget_ratio": 1},
            web={"listen": "127.0.0.1:0", "enable_reload": True, **web},
        )

    def interval(self) -> float:
        """The sampling interval in use, seconds."""
        return self.program.scrape().value(INTERVAL, collector="backlog")

    def post(self) -> tuple[int, str]:
        """Reloads over HTTP; answers with status and text."""
        answer = webtools.ask("POST", f"{self.program.url()}/-/reload")
        return answer.status_code, answer.text


@pytest.fixture
def reloadable(embedded_database: Database, tmp_path: Path) -> Iterator[Reloadable]:
    path = tmp_path / "config.yaml"
    program = Reloadable(None, path, embedded_database.dsn())  # type: ignore[arg-type]  # it needs the file first
    program.configure("300ms")
    with running(tmp_path, "--config", str(path), "serve") as started:
        eventually(started.is_ready)
        yield Reloadable(started, path, embedded_database.dsn())
        assert started.end() < 5
        assert started.process.returncode == 0


def test_hangup_takes_a_good_configuration(reloadable):
    """It is in use soon, on the same port."""
    url = reloadable.program.url()
    reloadable.configure("400ms")
    reloadable.program.process.send_signal(signal.SIGHUP)
    eventually(lambda: reloadable.interval() == pytest.approx(0.4))
    eventually(reloadable.program.is_ready)
    assert reloadable.program.url() == url
    assert reloadable.program.scrape().value(RELOADED) == 1
    assert 'event="configuration reloaded"' in reloadable.program.log


def test_hangup_refuses_a_bad_configuration(reloadable):
    """The old one stays in use; a gauge and one log line for each mistake report it until the file is fixed."""
    reloadable.configure("often", listne="127.0.0.1:1")
    reloadable.program.process.send_signal(signal.SIGHUP)
    eventually(lambda: reloadable.program.scrape().value(RELOADED) == 0)
    refusals = [line for line in reloadable.program.log.splitlines() if "configuration not reloaded" in line]
    assert len(refusals) == 2
    assert any("sampling.interval: expected a duration" in line for line in refusals)
    assert any("web.listne: unknown key" in line for line in refusals)
    assert reloadable.interval() == pytest.approx(0.3)
    assert reloadable.program.status()["config_reload_successful"] is False
    runs = reloadable.program.scrape().sum("outbox_collector_runs_total")
    eventually(lambda: reloadable.program.scrape().sum("outbox_collector_runs_total") > runs + 5)
    assert reloadable.program.is_ready()
    reloadable.configure("300ms")
    reloadable.program.process.send_signal(signal.SIGHUP)
    eventually(lambda: reloadable.program.scrape().value(RELOADED) == 1)


def test_reloading_over_http(reloadable):
    """200 on success; 500 with the place of each mistake on failure, and the gauge is 0."""
    reloadable.configure("400ms")
    assert reloadable.post() == (200, "reloaded\n")
    assert reloadable.interval() == pytest.approx(0.4)
    reloadable.configure("often")
    status, text = reloadable.post()
    assert status == 500
    assert f"{reloadable.path}:5: sampling.interval: expected a duration" in text
    assert reloadable.program.scrape().value(RELOADED) == 0
    reloadable.path.unlink()
    status, text = reloadable.post()
    assert status == 500
    assert f"{reloadable.path}: cannot be read: No such file or directory" in text
    assert reloadable.interval() == pytest.approx(0.4)


def test_a_change_of_the_web_section_asks_for_a_restart(reloadable):
    """The listener is not restarted; the log has the need for a restart."""
    reloadable.configure("300ms", listen="127.0.0.1:1")
    assert reloadable.post()[0] == 200
    assert "changes of the section web take effect after a restart" in reloadable.program.log


def test_reloading_often_leaks_nothing(reloadable, embedded_database):
    """After twenty reloads there is one session and no additional thread."""
    threads = Path(f"/proc/{reloadable.program.process.pid}/task")
    before = len(list(threads.iterdir()))
    for _ in range(20):
        assert reloadable.post()[0] == 200
    eventually(reloadable.program.is_ready)
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'outbox-exporter'"
    )
    eventually(lambda: embedded_database.value(sessions) == 1)
    eventually(lambda: len(list(threads.iterdir())) <= before + 1)


def test_reloading_over_http_is_off_unless_wanted(embedded_database, tmp_path):
    """403 by default, with the key that enables it; SIGHUP works nevertheless."""
    config = write_config(
        tmp_path / "config.yaml", database={"dsn": embedded_database.dsn()}, web={"listen": "127.0.0.1:0"}
    )
    with running(tmp_path, "--config", str(config), "serve") as program:
        answer = webtools.ask("POST", f"{program.url()}/-/reload")
        assert answer.status_code == 403
        assert "web.enable_reload" in answer.text
        program.process.send_signal(signal.SIGHUP)
        eventually(lambda: "configuration reloaded" in program.log)
        program.end()
