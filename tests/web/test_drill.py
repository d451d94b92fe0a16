"""The drill on the status page."""

from __future__ import annotations

from exporter.web import drill
from tests.html_reader import PageReader

NEXT = 1_768_903_200.0  # 2026-01-20 10:00 UTC


def text(*receivers: dict[str, object], active: bool = False) -> str:
    status = {"active": active, "next": NEXT, "severity": "page", "receivers": receivers}
    return PageReader(drill.section(status)).text


def receiver(
    succeeded: bool | None, *, at: float | None = None, proved: str = "", problem: str = ""
) -> dict[str, object]:
    return {"receiver": "pagerduty", "succeeded": succeeded, "succeeded_at": at, "proved": proved, "problem": problem}


def test_without_a_schedule_nothing_is_shown():
    """Most exporters have none."""
    assert drill.section(None) == ""


def test_results():
    """In words, with what was proved and when, and the problem."""
    assert "pagerduty: no drill yet" in text(receiver(None))
    reached = text(receiver(True, at=NEXT - 7 * 86400, proved="it accepted the alert"))
    assert "pagerduty: reached; last success 2026-01-13 10:00 UTC: it accepted the alert" in reached
    missed = text(receiver(False, at=NEXT - 14 * 86400, proved="it accepted the alert", problem="HTTP 401"))
    assert "pagerduty: not reached; last success 2026-01-06 10:00 UTC: it accepted the alert; HTTP 401" in missed


def test_times():
    """The next one, or that it takes place now."""
    assert "The weekly drill: next 2026-01-20 10:00 UTC." in text(receiver(None))
    assert "takes place now: no action is needed" in text(receiver(None), active=True)


def test_without_a_receiver():
    """Nothing is proved, and the page says so."""
    assert "No receiver takes alerts of severity page." in text()


def test_hostile_texts_are_escaped():
    """What a receiver answers adds no element."""
    hostile = "<b>x</b>"
    receivers = [receiver(False, problem=hostile)]
    page = drill.section({"active": False, "next": NEXT, "severity": "page", "receivers": receivers})
    assert "<b>" not in page
