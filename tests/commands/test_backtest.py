"""`rules backtest`: over a history on disk, with the thresholds of the configuration."""

from __future__ import annotations

import json
import time
from array import array
from pathlib import Path

import pytest

from alerts.model import SampleBlock
from alerts.watch.store.history import History
from alerts.watch.store.samples import SeriesList
from exporter import cli

LABELS = (("instance", "sidecar"), ("job", "outbox-exporter"))
UP, HEAD = ("outbox_up", LABELS), ("outbox_head_blocked_jobs", LABELS)
SCRAPES = 240


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of the last hour: the database was down for five minutes, and twice many jobs failed."""
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "postgresql://nobody@localhost/nowhere")
    now = round(time.time() * 1000)
    times = array("q", [now - 15_000 * (SCRAPES - number) for number in range(SCRAPES)])
    up = [float(not 40 <= number < 60) for number in range(SCRAPES)]
    head = [60.0 if 100 <= number < 120 else 90.0 if 200 <= number < 220 else 0.0 for number in range(SCRAPES)]
    block = SampleBlock(times, {UP: array("d", up), HEAD: array("d", head)})
    with History.writer(tmp_path) as opened, opened.transaction():
        opened.put(1, SeriesList.of((UP, HEAD)))
        opened.add_samples(SCRAPES * 15_000, block, 1, (UP, HEAD))
    return tmp_path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = cli.main(("rules", "backtest", *arguments))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def pages(document) -> list[tuple[str, float | None]]:
    return [
        (each["alert"], each["end"] and round(each["end"] - each["start"]))
        for each in document["alerts"]
        if each["severity"] == "page" and not each["muted"]
    ]


@pytest.mark.usefixtures("state")
def test_the_alerts_that_would_have_fired(capsys):
    """With their times; the time before the history is unknown."""
    status, out, err = run(capsys, "--since", "2h", "--format", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert pages(found) == [
        ("OutboxDatabaseUnreachable", 4 * 60 + 15 * 60),
        ("OutboxHeadBlocked", 4 * 60 + 10 * 60),
        ("OutboxHeadBlocked", None),
    ]
    assert [each["reason"] for each in found["unknown"]] == ["no samples", "no samples"]
    assert found["known_seconds"] == pytest.approx(239 * 15, abs=1)
    assert "OutboxHeadBlocked: Failing jobs block the head of the outbox" in run(capsys, "--since", "2h")[1]


@pytest.mark.usefixtures("state")
def test_thresholds_of_the_configuration_count(capsys, monkeypatch):
    """Here one that the first of two faults does not reach."""
    overrides = "{OutboxHeadBlocked: {page: {threshold: 80}}}"
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", overrides)
    found = json.loads(run(capsys, "--format", "json")[1])
    assert [name for name, _ in pages(found)] == ["OutboxDatabaseUnreachable", "OutboxHeadBlocked"]


@pytest.mark.usefixtures("state")
def test_proposed_thresholds_are_replayed(capsys):
    """Two pages in this hour are 337 a week: the weaker fault is left out."""
    found = json.loads(run(capsys, "--format", "json", "--pages-per-week", "340")[1])
    (proposal,) = found["proposals"]["thresholds"]
    assert (proposal["alert"], proposal["proposed"]) == ("OutboxHeadBlocked", 61)
    assert (proposal["pages"], proposal["pages_with_proposal"]) == (2, 1)
    assert 336 < found["proposals"]["pages_per_week_with_proposals"] < 340


def test_without_history_nothing_is_known(tmp_path, capsys, monkeypatch, state):
    """Status 3: there is no file, or it has no samples of that time."""
    with History.writer(state) as opened, opened.transaction():
        opened.forget_samples(1e9)
    status, out, err = run(capsys)
    assert (status, out) == (3, "")
    assert "has no samples of the last 7d" in err
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path / "missing"))
    status, out, err = run(capsys)
    assert (status, out) == (3, "")
    assert "no exporter has written to it yet" in err


@pytest.mark.parametrize("arguments", [("--since", "soon"), ("--pages-per-week", "-1"), ("--format", "prometheus")])
def test_wrong_options(capsys, arguments):
    """Status 2, as everywhere."""
    with pytest.raises(SystemExit) as ended:
        run(capsys, *arguments)
    assert ended.value.code == 2
