"""The policy's file as entries, before anything is made of them."""

from __future__ import annotations

from alerts.model import Outlet, Severity
from alerts.policy.file import PolicyDocument, read
from exporter.config import yaml_file
from exporter.config.settings import Amount
from exporter.core.problems import Place, Problems
from exporter.core.types import Seconds
from tests.alerts.policies import SMALL


def read_text(text: str) -> tuple[PolicyDocument, Problems]:
    problems = Problems()
    return read(yaml_file.load(text, "p.yaml", problems), problems), problems


def test_entries_are_unchanged():
    """Texts with their places; numbers and durations are distinguished; missing keys are empty."""
    document, problems = read_text(SMALL)
    assert not problems
    assert document.interval == Seconds(15)
    first, second = document.recordings
    assert (first.record.text, first.unit, first.meaning) == ("outbox:a", "jobs", "A.")
    assert first.expr.text == "max(a[$w] offset $back)"
    assert first.expr.place == Place("p.yaml", 4, "signals[0].expr")
    assert {each.name.text: each.amount for each in first.parameters} == {
        "w": Amount(300, is_time=True),
        "back": Amount(3600, is_time=True),
    }
    assert second.parameters == ()
    gone, slow = document.entries
    assert (gone.signal, gone.collectors, gone.muted_by, gone.keep_firing_for) == (None, (), (), Seconds(0))
    assert gone.unit
    assert gone.unit.text == "boolean"
    assert gone.hides == ("backlog",)
    assert (gone.outlets, slow.outlets) == (frozenset({Outlet.PROMETHEUS}), frozenset(Outlet))
    ticket, page = slow.levels
    assert (ticket.severity, ticket.threshold, ticket.hold_duration) == (
        Severity.TICKET,
        Amount(120, is_time=True),
        Seconds(180),
    )
    assert ticket.condition
    assert (ticket.condition.text, page.condition) == ("z == $most", None)


def test_an_empty_file_lacks_its_interval():
    """And has nothing else to complain of."""
    document, problems = read_text("")
    assert problems.lines() == ("p.yaml:1: interval: missing",)
    assert document == PolicyDocument(Seconds(0), (), ())


def test_an_alert_without_anything_lacks_everything():
    """Every key that has to be there is named."""
    _, problems = read_text("interval: 15s\nalerts:\n  - {signal: x}\n")
    assert [line.split(".")[-1] for line in problems.lines()] == [
        f"{key}: missing" for key in ("severities", "alert", "group", "summary", "description", "expr")
    ]


def test_a_file_that_is_no_mapping_is_refused():
    """A text where an entry belongs."""
    _, problems = read_text("interval: 15s\nalerts: [word]\n")
    assert problems.lines() == ("p.yaml:2: alerts[0]: expected keys and values",)
