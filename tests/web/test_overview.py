"""The head of the status page: each part by its own state, in words."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.web import overview
from tests import webtools
from tests.html_reader import PageReader
from tests.webtools import alert, collector, watch

APPLICATION = {"healthy": True, "endpoints": {"getFSM": True, "getOutbox": True}, "checks": {"outbox_alive": True}}
MIGRATION = {"checked_at": 999_880.0, "ok": 41.0, "unknown": 7.0, "broken": [], "unseen": []}
STANDBY = {"role": "standby", "address": "10.0.0.8:5432", "replay_lag_seconds": 3.25}


def text(**changes: Any) -> str:
    return PageReader(overview.cards(webtools.status() | changes)).text


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({}, ("no alert is firing", "good")),
        ({"up": False}, ("no sample of the database succeeds", "bad")),
        ({"up": False, "collectors": []}, ("the database was not sampled yet", "soft")),
        ({"alerts": None}, ("alerts are not evaluated yet", "soft")),
        ({"alerts": [alert(severity="ticket")]}, ("1 alert firing", "warn")),
        ({"alerts": [alert(), alert(alert="OutboxJobsExhausted", severity="ticket")]}, ("2 alerts firing", "bad")),
        ({"alerts": [alert()], "up": False}, ("1 alert firing, no sample of the database succeeds", "bad")),
        ({"collectors": [collector(success=False)] * 2}, ("2 collectors fail", "warn")),
        ({"alerts": [alert(severity="none"), alert(state="pending")]}, ("no alert is firing", "good")),
        ({"alerts": [alert(severity="info")]}, ("no page or ticket is firing", "good")),
        ({"alerts": [alert(severity="info"), alert(severity="ticket")]}, ("1 alert firing", "warn")),
    ],
)
def test_the_headline_is_never_green_above_a_firing_alert(changes, headline):
    """Nor does it say of the exporter what is the database's, or of the database what is not known."""
    assert overview.headline(webtools.status() | changes) == headline


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ("Databaseanswers", "localhost:5432/postgres", "primary 10.0.0.7:5432")),
        ({"up": False}, ("Databaseno sample succeeds", "see the problems below")),
        ({"up": False, "collectors": [collector(runs=0)]}, ("Databasenot sampled yet",)),
        ({"server": None}, ("Databaseanswers",)),
        ({"server": STANDBY}, ("a standby answers", "standby 10.0.0.8:5432", "at most 3.2 s behind its sender")),
        ({"server": STANDBY | {"replay_lag_seconds": None}}, ("its replication lag is unknown",)),
        ({"application": None}, ("not watched",)),
        ({"application": APPLICATION}, ("Applicationhealthy", "2 of 2 endpoints answer")),
        ({"application": APPLICATION | {"healthy": None}}, ("health unknown",)),
        ({"application": APPLICATION | {"healthy": False, "checks": {"queue_depth_ok": False}}},
         ("says it is not healthy", "failed: queue_depth_ok")),
        ({"application": {"healthy": None, "endpoints": {"getFSM": False}, "checks": {}}},
         ("Applicationdoes not answer", "0 of 1 endpoints answer")),
        ({"application": {"healthy": None, "endpoints": {}, "checks": {}}}, ("Applicationunknown",)),
        ({"migration": None}, ("Migrationunknown",)),
        ({"migration": MIGRATION}, ("Migrationintact", "41 checks ok, 0 broken, 7 unknown", "checked 2 min ago")),
        ({"migration": MIGRATION | {"broken": ["rls"]}}, ("Migrationbroken", "1 broken")),
        ({"watch": None}, ("Watchunknown",)),
        ({}, ("Watchnot started",)),
        ({"watch": watch()}, ("Watchno problem so far", "12 h left", "coverage 99.8 %")),
        ({"watch": watch(reasons=["Jobs were stuck."])}, ("Watchproblems so far",)),
        ({"watch": watch(verdict="FAIL", headline="FAIL", ends=999_000.0)}, ("WatchFAIL", "ended 1970-01-12")),
        ({}, ("Exportersamples are fresh", "1 collector")),
        ({"collectors": [collector(fresh=False)]}, ("Exportersamples are missing", "stale: backlog")),
        ({"collectors": [collector(success=None)]}, ("Exportersamples are missing", "not run yet: backlog")),
        ({"collectors": [collector(success=False), collector(name="events")]},
         ("1 collector fails", "failing: backlog")),
    ],
)  # fmt: skip
def test_each_part_says_its_state_in_words(changes, words):
    """With its age, its address or the names of what fails; a colour only repeats it."""
    seen = text(**changes)
    assert [word for word in words if word not in seen] == []
