"""The watch commands: start, status, wait, stop, report; and their exit statuses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.watch.clock import WatchTime
from alerts.watch.commands import wait
from alerts.watch.runtime.watch_manager import WatchManager
from alerts.watch.store.database_file import FILE
from exporter import cli
from exporter.commands import watch
from tests.alerts.watch.live import Exporter

ExporterRun = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> ExporterRun:
    """Runs a command with these arguments: its exit status, output and error output."""
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "postgresql://monitor:secret@localhost/db")
    monkeypatch.setenv("OUTBOX_EXPORTER_LOG_LEVEL", "error")
    monkeypatch.setattr(watch, "REQUEST_TIMEOUT", 20.0)
    monkeypatch.setattr(wait, "POLL", 0.05)

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(["watch", *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_from_start_to_report(run, tmp_path):
    """A clean watch: begun, undecided, awaited, passed, reported."""
    with Exporter(tmp_path):
        # The exporter beside us writes its log to the same place.
        assert run("start")[:2] == (0, "watch 1 has begun\n")
        status, _, err = run("start")
        assert status == 2
        assert "watch 1 is already running; stop it first\n" in err
        status, out, _ = run("status")
        assert status == 3
        assert "Watch 1: running" in out
        status, out, _ = run("wait")
        assert status == 0, out
        assert "watch 1: PASS" in out
        status, out, err = run("status")
        assert (status, err) == (0, "")
        assert "ok       The backlog never exceeded 1,000 jobs" in out
    status, out, _ = run("status", "--format", "json")
    document = json.loads(out)
    assert (status, document["state"], document["exporter_runs"]) == (0, "passed", False)
    assert document["judgement"]["verdict"] == "PASS"
    for form, mark in (("html", "<!doctype html>"), ("markdown", "# "), ("json", "{")):
        path = tmp_path / form
        status, out, _ = run("report", "--format", form, "--output", str(path))
        assert (status, out) == (0, "")
        text = path.read_text()
        assert text.lower().startswith(mark)
        assert "secret" not in text
        assert run("report", "--format", form, "--number", "1")[0] == 0


def test_wait_ends_with_a_fail_as_soon_as_it_is_certain(run, tmp_path):
    """Not at the planned end, with the reason."""
    with Exporter(tmp_path, duration=600) as exporter:
        assert run("start")[0] == 0
        exporter.shown = {"backlog_jobs": 5000}
        started = time.monotonic()
        status, out, _ = run("wait")
        assert status == 1, out
        assert time.monotonic() - started < 300
        assert "FAIL: The backlog exceeded 1,000 jobs" in out
        assert "watch 1: FAIL" in out
        assert run("status")[0] == 1
        assert run("report", "--format", "json")[0] == 1
        assert run("start") == (0, "watch 2 has begun\n", "")


def test_waiting_for_a_new_watch_ignores_an_old_verdict(run, tmp_path):
    """A pipeline that begins a watch by migrating must not pass by last month's."""
    with Exporter(tmp_path) as exporter:
        run("start")
        assert run("wait")[0] == 0

        def begin(manager: WatchManager, now: WatchTime) -> None:
            manager.begin("migration", now)

        def later() -> None:
            time.sleep(0.5)
            exporter.recorder._write(begin, None)

        thread = threading.Thread(target=later)
        thread.start()
        status, out, _ = run("wait", "--new")
        thread.join()
        assert "watch 2: PASS" in out
        assert status == 0, out


def test_stopped_it_is_inconclusive(run, tmp_path):
    """With the reason in the report; a second stop has nothing to stop."""
    with Exporter(tmp_path, duration=600):
        run("start")
        assert run("stop", "--reason", "wrong database") == (0, "watch 1 was stopped\n", "")
        assert run("stop")[0] == 2
        status, out, _ = run("wait")
        assert status == 3
        assert "wrong database" in out


def test_without_an_exporter_commands_report_it(run, tmp_path, monkeypatch):
    """And proves nothing."""
    monkeypatch.setattr(watch, "REQUEST_TIMEOUT", 0.1)
    for words in (("start",), ("stop",), ("status",), ("report",), ("wait", "--patience", "100ms")):
        status, _, _ = run(*words)
        assert status == 3, words
    status, _, err = run("start")
    assert (status, err) == (3, f"no exporter runs on {tmp_path}: start it first, outbox-exporter serve\n")
    assert not (tmp_path / FILE).exists()


def test_an_exporter_that_stops_ends_the_wait(run, tmp_path):
    """It waits until the timeout; printed lines stay."""
    with Exporter(tmp_path, duration=600):
        run("start")
    status, out, _ = run("wait", "--patience", "200ms")
    assert status == 3
    assert f"no exporter has been running on {tmp_path} for 200ms" in out


def test_an_exporter_that_restarts_is_waited_for(run, tmp_path):
    """The verdict comes all the same."""
    with Exporter(tmp_path):
        run("start")
    second: list[Exporter] = []

    def restart() -> None:
        time.sleep(0.3)
        with Exporter(tmp_path) as exporter:
            second.append(exporter)
            while exporter.recorder.view.watch is None or exporter.recorder.view.watch.closed_at is None:
                time.sleep(0.05)

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        status, out, _ = run("wait")
    finally:
        thread.join()
    assert status == 0, out
    assert "gap since" in out


def test_a_request_without_an_answer_is_withdrawn(run, tmp_path, monkeypatch):
    """The request is withdrawn: it must not be granted hours later."""
    with Exporter(tmp_path, duration=600) as exporter:
        run("status")
        monkeypatch.setattr(exporter, "evaluate", lambda: None)
        time.sleep(0.2)
        monkeypatch.setattr(watch, "REQUEST_TIMEOUT", 0.5)
        status, _, err = run("start")
        assert status == 3
        assert "does not answer" in err
        monkeypatch.undo()
        exporter.evaluate()
        assert exporter.recorder.view.watch is None


def test_no_watch_yet(run, tmp_path):
    """`wait` does not wait for a watch that cannot begin."""
    with Exporter(tmp_path) as exporter:
        while exporter.recorder.view.state is None:
            time.sleep(0.05)
        assert run("status")[:2] == (3, "no watch has begun\n")
        status, out, _ = run("wait")
        assert (status, out) == (3, "no watch has begun: outbox-exporter watch start\n")
        status, _, err = run("report", "--number", "7")
        assert (status, err) == (3, "there is no watch 7\n")


def test_a_damaged_history_is_no_verdict(run, tmp_path):
    """Not readable for others, written by the exporter only."""
    with Exporter(tmp_path) as exporter:
        run("start")
        while exporter.recorder.view.watch is None or exporter.recorder.view.watch.verdict is None:
            time.sleep(0.05)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[100:] = b"x" * (len(content) - 100)
    (tmp_path / FILE).write_bytes(content)
    status, out, err = run("status")
    assert (status, out) == (3, "")
    assert "is damaged" in err
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize(
    "words",
    [(), ("begin",), ("report", "--number", "x"), ("wait", "--patience", "5"), ("report", "--format", "pdf")],
)
def test_wrong_arguments(run, words):
    """Status 2, as everywhere."""
    with pytest.raises(SystemExit, match="2"):
        run(*words)


def test_a_report_that_cannot_be_written(run, tmp_path):
    """The error names the file."""
    with Exporter(Path(tmp_path)):
        run("start")
        status, _, err = run("report", "--output", str(tmp_path / "no" / "where.html"))
    assert status == 2
    assert "--output" in err
