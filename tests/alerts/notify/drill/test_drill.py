"""The drill over the weeks: its gauge, its results, restarts, failures."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model import Severity
from alerts.notify.drill.drill import Drill
from alerts.notify.message.format import fingerprint
from alerts.notify.message.incidents import DeliveredState, Update
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.post import HttpResponse, Message, NoResponse
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret, WeeklyTime, Zone
from tests.alerts.notify.samples import ROUTING_KEY, incident

SCHEDULE = WeeklyTime(1, 10, 0, Zone("UTC"))
TUESDAY = dt.datetime(2026, 1, 13, 10, tzinfo=dt.UTC).timestamp()
DAY, WEEK = 86400.0, 7 * 86400.0
PAGERDUTY = PagerDuty(Secret(ROUTING_KEY))
ALERTMANAGER = Alertmanager("alertmanager", "http://a:9093")


class Clock:
    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def drill(directory: Path, clock: Clock, *receivers, severity=Severity.PAGE) -> Drill:
    return Drill(SCHEDULE, severity, receivers or (PAGERDUTY,), directory, clock)


def update(at: float, name: str = "OutboxDrill", state: DeliveredState = DeliveredState.FIRING) -> Update:
    ends_at = at + 600 if state is DeliveredState.RESOLVED else None
    return Update(replace(incident(name), starts_at=at, ends_at=ends_at), state)


def no_question(_: Message) -> HttpResponse:
    raise AssertionError


def values(found: Drill) -> dict[str, float]:
    return {
        ":".join((each.metric.name.removeprefix("outbox_drill_"), *each.labels)): each.value
        for each in found.readings()
    }


LAST = "last_success_timestamp_seconds:pagerduty"


def test_a_successful_drill(tmp_path):
    """The gauge is 1 for ten minutes; the success counts at once and for a week."""
    clock = Clock(TUESDAY - DAY)
    found = drill(tmp_path, clock)
    assert values(found) == {"active:page": 0}
    clock.at = TUESDAY
    assert values(found) == {"active:page": 1}
    clock.at = TUESDAY + 20
    assert found.delivered(PAGERDUTY, (update(TUESDAY + 15),), no_question)
    assert values(found) == {"active:page": 1, "success:pagerduty": 1, LAST: TUESDAY + 20}
    clock.at = TUESDAY + WEEK + 599
    assert values(found) == {"active:page": 1, "success:pagerduty": 1, LAST: TUESDAY + 20}


def test_a_missed_drill(tmp_path):
    """It has failed as soon as it is over, whoever was down; the next success ends that."""
    clock = Clock(TUESDAY - DAY)
    found = drill(tmp_path, clock)
    clock.at = TUESDAY + 599
    assert values(found) == {"active:page": 1}
    clock.at = TUESDAY + 600
    assert values(found) == {"active:page": 0, "success:pagerduty": 0}
    clock.at = TUESDAY + WEEK + 30
    assert values(found) == {"active:page": 1, "success:pagerduty": 0}
    found.delivered(PAGERDUTY, (update(TUESDAY + WEEK + 15),), no_question)
    assert values(found) == {"active:page": 1, "success:pagerduty": 1, LAST: TUESDAY + WEEK + 30}


def test_a_drill_before_the_installation_was_not_missed(tmp_path):
    """Until the first drill nothing is known."""
    assert values(drill(tmp_path, Clock(TUESDAY + DAY))) == {"active:page": 0}


def test_installed_during_a_drill(tmp_path):
    """Its success counts; its failure does not, as the exporter was there for a part of it."""
    clock = Clock(TUESDAY + 300)
    found = drill(tmp_path, clock)
    clock.at = TUESDAY + 700
    assert values(found) == {"active:page": 0}
    clock.at = TUESDAY + 400
    found.delivered(PAGERDUTY, (update(TUESDAY + 310),), no_question)
    clock.at = TUESDAY + 700
    assert values(found) == {"active:page": 0, "success:pagerduty": 1, LAST: TUESDAY + 400}


def test_a_restart_forgets_nothing(tmp_path):
    """Neither a success nor that the exporter was down at the time of a drill."""
    clock = Clock(TUESDAY - DAY)
    first = drill(tmp_path, clock)
    clock.at = TUESDAY + 20
    first.delivered(PAGERDUTY, (update(TUESDAY + 15),), no_question)
    first.records.save()
    for at, success in ((TUESDAY + DAY, 1), (TUESDAY + WEEK + DAY, 0)):
        later = drill(tmp_path, Clock(at))
        later.records.load()
        assert values(later) == {"active:page": 0, "success:pagerduty": success, LAST: TUESDAY + 20}


def test_other_updates_prove_nothing(tmp_path):
    """Neither another alert, nor the end of a drill, nor a drill that is delivered after its end."""
    clock = Clock(TUESDAY + 700)
    found = drill(tmp_path, clock)
    updates = (update(TUESDAY, "OutboxStalled"), update(TUESDAY, state=DeliveredState.RESOLVED))
    assert not found.delivered(PAGERDUTY, updates, no_question)
    late = update(TUESDAY, state=DeliveredState.RESOLVED)
    assert not found.delivered(PAGERDUTY, (replace(late, new_state=DeliveredState.FIRING),), no_question)
    assert values(found) == {"active:page": 0}


def test_alertmanager_is_asked_until_it_confirms(tmp_path):
    """At each resend; then no more."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    label = fingerprint(incident("OutboxDrill").labels)
    listed = json.dumps([{"fingerprint": label, "status": status, "receivers": [{"name": "pager"}]}])
    answers: list[str | None] = [None, "[]", listed]

    def ask(_: Message) -> HttpResponse:
        answer = answers.pop(0)
        if answer is None:
            raise NoResponse("no answer in time")
        return HttpResponse(200, None, answer)

    clock = Clock(TUESDAY)
    found = drill(tmp_path, clock, ALERTMANAGER)
    problems = []
    for resend in range(4):
        clock.at = TUESDAY + 60 * (resend + 1)
        found.delivered(ALERTMANAGER, (update(TUESDAY),), ask)
        (receiver,) = found.status()["receivers"]
        problems.append((receiver["problem"], receiver["proved"]))
    proved = ("", "the alert is active there, for receivers pager")
    assert problems == [("no answer in time", ""), ("it accepted the alert and does not list it", ""), proved, proved]
    assert not answers


@pytest.mark.parametrize(
    ("severity", "tested"),
    [(Severity.PAGE, ["alertmanager", "pagerduty", "webhook"]), (Severity.INFO, ["alertmanager", "webhook"])],
)
def test_the_receivers_of_its_severity(tmp_path, severity, tested):
    """PagerDuty receives pages alone, so another severity proves nothing about it."""
    found = drill(tmp_path, Clock(TUESDAY), ALERTMANAGER, PAGERDUTY, Webhook("http://hook/"), severity=severity)
    assert [each["receiver"] for each in found.status()["receivers"]] == tested


def test_the_status(tmp_path):
    """For the status page."""
    assert drill(tmp_path, Clock(TUESDAY + 60)).status() == {
        "active": True,
        "next": TUESDAY + WEEK,
        "severity": "page",
        "receivers": [
            {"receiver": "pagerduty", "succeeded": None, "succeeded_at": None, "proved": "", "problem": ""},
        ],
    }
