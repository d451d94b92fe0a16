"""The state of a watch as text."""

from __future__ import annotations

from dataclasses import replace

from alerts.watch.commands import progress
from alerts.watch.model.watch import WatchState
from tests.alerts.watch import fixtures
from tests.alerts.watch.commands.progress_lines import lines_at, upto
from tests.alerts.watch.fixtures import HOUR, during, showing, without


def test_changes_are_reported_once():
    """A check that fails, a gap, an alert that comes and goes."""
    history = during(fixtures.ticks(), HOUR, 2 * HOUR, showing(backlog_jobs=2000))
    fires = lambda tick: replace(tick, firing=("OutboxBacklogHigh/page",))  # noqa: E731
    history = during(without(history, 3 * HOUR, 3.05 * HOUR), 4 * HOUR, 4.04 * HOUR, fires)
    news = lines_at(history, 0.5 * HOUR, 1.2 * HOUR, 1.5 * HOUR, 3.5 * HOUR, 4.02 * HOUR, 4.5 * HOUR)
    assert news[0] == news[2] == []
    assert len(news[1]) == 1
    assert news[1][0].startswith("FAIL: The backlog exceeded 1,000 jobs for ")
    assert news[3] == ["gap since 13:00:00 UTC: exporter down"]
    assert news[4] == ["firing: OutboxBacklogHigh/page"]
    assert news[5] == ["resolved: OutboxBacklogHigh/page after 2 min"]


def test_the_line():
    """Time, coverage, checks, breaches."""
    history = during(fixtures.ticks(), HOUR, 1.05 * HOUR, showing(backlog_jobs=2000))
    text = progress.line(fixtures.watch(), upto(history, 12 * HOUR))
    assert text == (
        "watch 1, 50 % done, 12 h left, coverage 100 %, 19 of 19 checks pass, "
        "2 of them after a breach within their budget"
    )


def test_the_table_has_every_part():
    """Checks, gaps, alerts, maintenance, each on its line."""
    judgement = fixtures.judgement_of_a_day()
    text = progress.table(replace(fixtures.watch(), state=WatchState.FAILED, decided_at=fixtures.START), judgement)
    first = judgement.results[0]
    own = replace(first, check=replace(first.check, own=True, advisory=True))
    assert "(own, advisory): " in progress.table(fixtures.watch(), replace(judgement, results=(own,)))
    for part in (
        "Watch 1: FAIL",
        "decided   2025-11-18 10:00:00 UTC",
        "FAIL     The backlog exceeded 1,000 jobs",
        "  16:00:00 to 17:01:00 UTC, 1 h 1 min: exporter down",
        "table locked (backlog, events, idempotency, last_hour, throughput)",
        "alerts:\n  22:01:00 UTC, A/page, for 1 min",
        "declared maintenance:\n  20:01:00 UTC, 1 h: x",
    ):
        assert part in text, text
