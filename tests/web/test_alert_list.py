"""The alerts of the status page: causes first, pending ones apart, muted ones named."""

from __future__ import annotations

from typing import Any

from exporter.web import alert_list
from tests.html_reader import PageReader
from tests.webtools import alert

NOW = 1_000_000.0


def text(*alerts: dict[str, Any]) -> str:
    return PageReader(alert_list.section(alerts, NOW)).text


def test_causes_come_before_what_they_mute_and_pages_before_tickets():
    """Without the watchdog, which always fires, and the drill, which is no incident."""
    seen = text(
        alert(alert="OutboxWatchdog", severity="none", summary="the pipeline works"),
        alert(alert="OutboxDrill", severity="page", summary="a drill"),
        alert(alert="OutboxJobsExhausted", severity="ticket", summary="exhausted", held=True),
        alert(alert="OutboxBacklogHigh", summary="high", muted=True, muted_by="OutboxStalled"),
        alert(),
    )
    order = [seen.index(words) for words in ("2 pages, 1 ticket firing", "none completes", "exhausted", "high")]
    assert order == sorted(order)
    assert "the pipeline works" not in seen
    assert "a drill" not in seen
    assert "muted by OutboxStalled: no notification of its own" in seen
    assert "its signals are unknown now, so it keeps firing" in seen
    assert "for 5 min" in seen


def test_a_ticket_is_left_out_while_its_page_fires():
    """It says the same; a page that is pending is shown beside its ticket."""
    page, ticket = alert(), alert(severity="ticket", muted=True, muted_by="OutboxStalled")
    assert alert_list.firing([ticket, page]) == [page]
    assert "Pending" not in text(page, ticket | {"state": "pending"})
    assert "Pending: 1 page" in text(page | {"state": "pending"}, ticket)


def test_a_ticket_is_left_out_while_its_page_is_pending():
    """Both would have the same text; a firing one stays."""
    high = alert(alert="OutboxBacklogHigh", summary="high", state="pending")
    assert "Pending: 1 page" in text(high, high | {"severity": "ticket"})
    assert "1 ticket firing" in text(high, high | {"severity": "ticket", "state": "firing"})


def test_pending_alerts_follow_with_their_for_duration():
    """They do not count as firing."""
    seen = text(alert(alert="OutboxHeadBlocked", state="pending", since=NOW - 30, summary="blocked", hold_seconds=60.0))
    order = [seen.index(words) for words in ("No alert is firing.", "Pending: 1 page", "blocked")]
    assert order == sorted(order)
    assert "for 30 s; fires after 1 min" in seen


def test_alerts_that_were_not_evaluated_are_unknown():
    """No alert is not the same."""
    assert "unknown: not evaluated yet" in PageReader(alert_list.section(None, NOW)).text
    assert alert_list.firing(None) == []


def test_severities_are_counted_by_name():
    """In the order of their urgency; those without an alert are left out."""
    assert alert_list.counted([alert(severity="ticket"), alert(), alert()]) == "2 pages, 1 ticket"
    assert alert_list.counted([]) == ""


def test_a_rule_that_fires_for_several_collectors_is_one_entry():
    """Since the first of them, with each description once; not together with one that is not muted."""
    failing = [
        alert(alert="OutboxCollectorFailing", severity="ticket", since=NOW - age, description=f"{name} fails")
        for name, age in (("events", 60.0), ("tables", 600.0), ("tables", 30.0))
    ]
    seen = text(*failing, failing[0] | {"muted": True, "muted_by": "OutboxSamplesStale"})
    assert "2 tickets firing" in seen
    assert "for 10 mintables failsevents fails" in seen


def test_a_pending_alert_that_is_held_says_so():
    """It does not fire, although its for-duration is over."""
    assert "its signals are unknown now, so it stays pending" in text(alert(state="pending", held=True))
    assert "stays pending" not in text(alert(state="pending"))


def test_commands_in_a_description_are_code():
    """Everything else is text."""
    section = alert_list.section([alert(description="`outbox-exporter watch report` & <b>")], NOW)
    assert "<code>outbox-exporter watch report</code> &amp; &lt;b&gt;" in section
