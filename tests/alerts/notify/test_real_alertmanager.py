"""A real Alertmanager accepts our alerts as those of Prometheus, and its webhook body equals ours."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.model import Alert, Severity
from alerts.notify.delivery.outcome import RetryTiming
from alerts.notify.delivery.workers import DeliveryOptions
from alerts.notify.drill.drill import Drill
from alerts.notify.message.format import fingerprint
from alerts.notify.message.incidents import DeliveredState, Update
from alerts.notify.notifier import Notifier
from alerts.notify.receivers import alertmanager
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import WeeklyTime, Zone
from exporter.metrics.readings import Reading
from tests import webtools
from tests.alerts.alertmanager import AlertmanagerServer, run_alertmanager
from tests.alerts.notify.local import Local, receiving
from tests.alerts.notify.samples import alert, evaluation, incident
from tests.end_to_end.program import eventually
from tests.newest import Require, require_newest, version
from tests.requirements import require_program

# Alerts expire after four seconds of our silence.
PACE: Final = RetryTiming(resend=1, retention=20, initial_retry_interval=0.1, max_retry_interval=0.3)
WATCHDOG: Final = alert("OutboxWatchdog", Severity.NONE)


def config(hook: str) -> dict[str, Any]:
    """Every alert is a group of its own and is notified at once."""
    route = {"receiver": "webhook", "group_by": ["..."], "group_wait": "1ms", "group_interval": "200ms"}
    return {
        "route": route | {"repeat_interval": "1h"},
        "receivers": [{"name": "webhook", "webhook_configs": [{"url": hook, "send_resolved": True}]}],
    }


@pytest.fixture(params=[require_program, require_newest], ids=["debian", "newest"])
def require(request: pytest.FixtureRequest) -> Require:
    """Which AlertmanagerServer: Debian's 0.25 or today's."""
    found: Require = request.param
    return found


@pytest.fixture
def webhook() -> Iterator[Local]:
    """The webhook receiver that Alertmanager notifies."""
    with receiving() as local:
        yield local


@pytest.fixture
def real(webhook: Local, require: Require, tmp_path: Path) -> Iterator[AlertmanagerServer]:
    with run_alertmanager(tmp_path, config(webhook.url), require=require) as server:
        yield server


@contextmanager
def notifying(directory: Path, *urls: str) -> Iterator[Notifier]:
    """Notifications for these Alertmanagers; stopped without a final message, as after a crash."""
    names = (f"alertmanager-{number}" for number in range(len(urls)))
    notifier = Notifier(
        [alertmanager.Alertmanager(name, url) for name, url in zip(names, urls, strict=False)],
        directory / "state",
        PACE,
    )
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()


def known(server: AlertmanagerServer) -> dict[str, Any]:
    """Active alerts by name."""
    answer = webtools.get(f"{server.url}/api/v2/alerts").json()
    return {each["labels"]["alertname"]: each for each in answer}


def received_statuses(webhook: Local) -> list[str]:
    """The notifications that were passed on, in order."""
    return [f"{body['commonLabels']['alertname']} {body['status']}" for body in webhook.bodies()]


def keep(notifier: Notifier, *alerts: Alert, seconds: float) -> None:
    """These fire on for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        notifier.accept(evaluation(time.time(), alerts))
        time.sleep(0.1)


def test_fires_stays_and_ends(real: AlertmanagerServer, webhook: Local, tmp_path: Path) -> None:
    """An alert arrives with its labels, stays while it fires, longer than one message is valid, and is resolved."""
    one = alert(since=time.time() - 60)
    with notifying(tmp_path, real.url) as notifier:
        notifier.accept(evaluation(time.time(), [one, WATCHDOG]))
        eventually(lambda: len(received_statuses(webhook)) == 2)
        keep(notifier, one, WATCHDOG, seconds=5)
        alerts = known(real)
        assert alerts.keys() == {"OutboxStalled", "OutboxWatchdog"}
        assert alerts["OutboxStalled"]["labels"] == dict(one.labels)
        assert alerts["OutboxStalled"]["annotations"] == one.annotations
        assert alerts["OutboxStalled"]["generatorURL"] == one.annotations["runbook_url"]
        notifier.accept(evaluation(time.time(), [WATCHDOG], resolved=[one]))
        eventually(lambda: "OutboxStalled resolved" in received_statuses(webhook))
        assert known(real).keys() == {"OutboxWatchdog"}
    assert sorted(received_statuses(webhook)) == [
        "OutboxStalled firing",
        "OutboxStalled resolved",
        "OutboxWatchdog firing",
    ]
    assert real.log_warnings() == []


def test_alerts_end_after_a_crash_of_the_exporter(real: AlertmanagerServer, webhook: Local, tmp_path: Path) -> None:
    """Without updates every alert ends, the watchdog too: the dead-man's switch alerts on its absence."""
    with notifying(tmp_path, real.url) as notifier:
        notifier.accept(evaluation(time.time(), [WATCHDOG]))
        eventually(lambda: "OutboxWatchdog" in known(real))
    eventually(lambda: "OutboxWatchdog resolved" in received_statuses(webhook))


def test_is_the_same_alert_as_prometheus_s(real: AlertmanagerServer, tmp_path: Path) -> None:
    """An alert of Prometheus and ours with the same labels are one alert, with our fingerprint."""
    one = alert(since=time.time() - 60)
    real.send([dict(one.labels)])
    with notifying(tmp_path, real.url) as notifier:
        notifier.accept(evaluation(time.time(), [one]))
        eventually(lambda: known(real)["OutboxStalled"]["annotations"] == one.annotations)
    answer = webtools.get(f"{real.url}/api/v2/alerts").json()
    assert [each["fingerprint"] for each in answer] == [fingerprint(one.labels)]


def test_alertmanagers_are_independent(webhook: Local, require: Require, tmp_path: Path) -> None:
    """One that is down does not delay another; when it starts, it receives all firing alerts."""
    one = alert(since=time.time())
    directories = [tmp_path / name for name in ("a", "b")]
    for directory in directories:
        directory.mkdir()
    with run_alertmanager(directories[0], config(webhook.url), require=require) as late:
        pass  # it is gone now, and its address is known
    with (
        run_alertmanager(directories[1], config(webhook.url), require=require) as first,
        notifying(tmp_path, late.url, first.url) as notifier,
    ):
        notifier.accept(evaluation(time.time(), [one]))
        eventually(lambda: "OutboxStalled" in known(first))
        waiting = {each.receiver: each.waiting for each in notifier.receiver_statuses()}
        assert waiting == {"alertmanager-0": 1, "alertmanager-1": 0}
        with again(directories[0], late, require) as late:
            eventually(lambda: "OutboxStalled" in known(late))


@contextmanager
def again(directory: Path, before: AlertmanagerServer, require: Require) -> Iterator[AlertmanagerServer]:
    """The same AlertmanagerServer, at the same address, after a restart."""
    port = int(before.url.rsplit(":", 1)[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.alerts.alertmanager.free_port", lambda: port)
        with run_alertmanager(
            directory, json.loads((directory / "alertmanager.yaml").read_text()), require=require
        ) as server:
            yield server


def test_a_restarted_alertmanager_receives_all_alerts_again(webhook: Local, require: Require, tmp_path: Path) -> None:
    """An Alertmanager that restarts without state knows all firing alerts after one resend."""
    one = alert(since=time.time())
    with (
        run_alertmanager(tmp_path, config(webhook.url), require=require) as server,
        notifying(tmp_path, server.url) as notifier,
    ):
        notifier.accept(evaluation(time.time(), [one]))
        eventually(lambda: "OutboxStalled" in known(server))
        server.program.end()
        with again(tmp_path, server, require) as restarted:
            keep(notifier, one, seconds=2)
            eventually(lambda: "OutboxStalled" in known(restarted))


def test_a_drill_is_proved(real: AlertmanagerServer, webhook: Local, tmp_path: Path) -> None:
    """A drill takes the way of an alert; Alertmanager lists it as active, for its receiver; a silence is a problem."""
    today = datetime.now(UTC)
    schedule = WeeklyTime(today.weekday(), today.hour, today.minute, Zone("UTC"))
    receiver = alertmanager.Alertmanager("alertmanager", real.url)
    drill = Drill(schedule, Severity.PAGE, [receiver], tmp_path / "state")
    notifier = Notifier([receiver], tmp_path / "state", PACE, options=DeliveryOptions(drill=drill))
    silence = {
        "matchers": [{"name": "alertname", "value": "Outbox.*", "isRegex": True}],
        "startsAt": datetime.now(UTC).isoformat(), "endsAt": (today + timedelta(hours=1)).isoformat(),
        "createdBy": "test", "comment": "too wide",
    }  # fmt: skip
    silence_id = webtools.ask("POST", f"{real.url}/api/v2/silences", json=silence).json()["silenceID"]
    test_alert = alert("OutboxDrill", since=time.time())

    def result() -> tuple[str, str]:
        notifier.accept(evaluation(time.time(), [test_alert]))
        (each,) = drill.status()["receivers"]
        return each["proved"], each["problem"]

    notifier.start()
    try:
        eventually(lambda: result() == ("", "the alert is silenced there"))
        webtools.ask("DELETE", f"{real.url}/api/v2/silence/{silence_id}")
        eventually(lambda: result() == ("the alert is active there, for receivers webhook", ""))
        eventually(lambda: received_statuses(webhook) == ["OutboxDrill firing"])
        values = {each.metric.name: each.value for each in notifier.readings() if isinstance(each, Reading)}
        assert values["outbox_drill_success"] == 1
        assert "outbox_alert_delay_seconds" not in values
        since = time.time() - 30  # its condition began a minute earlier
        notifier.accept(evaluation(time.time(), [test_alert, alert(since=since)]))
        eventually(lambda: delay(notifier) is not None)
        assert 90 <= (delay(notifier) or 0) < 120
    finally:
        notifier.stop()


def delay(notifier: Notifier) -> float | None:
    """The delay of the latest alert."""
    return notifier.receiver_statuses()[0].alert_delay


# Alertmanager refuses an invalid URI with 422, and an invalid label with 400.
BAD: Final = {
    "a link that is no URI": lambda each: replace(each, annotations={"runbook_url": "https://wiki.example/100%"}),
    "a label that is none": lambda each: replace(each, labels=(*each.labels, ("", "x"))),
}


@pytest.mark.parametrize("flaw", BAD)
def test_a_refused_alert_delays_no_other(real: AlertmanagerServer, tmp_path: Path, flaw: str) -> None:
    """An alert that Alertmanager refuses is named; all others arrive, stay and end, and so does it once it is fixed."""
    since = time.time() - 60
    names = [f"Outbox{letter}" for letter in "ABCDEFG"]
    good = [alert(name, since=since) for name in names]
    repaired = alert("OutboxBad", since=since)
    alerts = [*good[:3], BAD[flaw](repaired), *good[3:]]
    with notifying(tmp_path, real.url) as notifier:
        keep(notifier, *alerts, seconds=5)  # longer than one message is valid
        assert known(real).keys() == set(names)
        (receiver_status,) = notifier.receiver_statuses()
        assert receiver_status.waiting == 1
        assert re.match(r"OutboxBad \(page\) is refused: HTTP 4(00|22): ", receiver_status.problem)
        notifier.accept(evaluation(time.time(), alerts[1:], resolved=[good[0]]))
        eventually(lambda: known(real).keys() == set(names[1:]))
        resolved = [alerts[3]] if repaired.labels != alerts[3].labels else []
        notifier.accept(evaluation(time.time(), [repaired, *good[1:]], resolved=resolved))
        eventually(lambda: known(real).keys() == {"OutboxBad", *names[1:]})


def test_our_webhook_speaks_as_alertmanager_does(
    real: AlertmanagerServer, webhook: Local, require: Require, tmp_path: Path
) -> None:
    """For the same alert, the payloads of Alertmanager and of our webhook are equal: start, end, start."""
    one = alert(since=time.time() - 60)
    with notifying(tmp_path, real.url) as notifier:
        notifier.accept(evaluation(time.time(), [one]))
        eventually(lambda: received_statuses(webhook) == ["OutboxStalled firing"])
        notifier.accept(evaluation(time.time(), resolved=[one]))
        eventually(lambda: len(received_statuses(webhook)) == 2)
        again = alert(since=time.time())
        notifier.accept(evaluation(time.time(), [again]))
        eventually(lambda: len(received_statuses(webhook)) == 3)
    bodies, begins = webhook.bodies(), [one.firing_since, one.firing_since, again.firing_since]
    ended = bodies[1]["alerts"][0]["endsAt"]
    for theirs, new_state, since in zip(
        bodies, (DeliveredState.FIRING, DeliveredState.RESOLVED, DeliveredState.FIRING), begins, strict=True
    ):
        each = replace(incident(), labels=one.labels, starts_at=since or 0.0, ends_at=time.time())
        ours = json.loads(
            Webhook("http://hook/", page=theirs["externalURL"]).message((Update(each, new_state),), 0).body
        )
        ours["alerts"][0]["generatorURL"] = one.annotations["runbook_url"]
        if new_state is DeliveredState.RESOLVED:
            ours["alerts"][0]["endsAt"] = ended
        if version(require("prometheus-alertmanager")) < (0, 33):
            theirs["notification_reason"] = ours["notification_reason"]  # newer than this Alertmanager
        assert ours == theirs
