"""Notifications as the exporter uses them: threads, several receivers, restarts, and metrics."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from alerts.notify.delivery.outcome import RetryTiming
from alerts.notify.notifier import Notifier, create_notifier, receivers
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.config.settings import AlertingSettings
from exporter.core.secret_source import SecretFile
from exporter.core.types import Certificates, Secret, Url
from tests.alerts.notify.local import LOOPBACK, OK, SILENCE, Local, Reply, receiving
from tests.alerts.notify.samples import ROUTING_KEY, alert, evaluation
from tests.end_to_end.program import eventually

TOKEN: Final = "tell-nobody-at-all"
QUICK: Final = RetryTiming(
    resend=0.3, retention=1, timeout=20, initial_retry_interval=0.05, max_retry_interval=0.2, save_timeout=60
)
STALLED = alert(since=time.time())


@pytest.fixture
def local() -> Iterator[Local]:
    with receiving() as local:
        yield local


@contextmanager
def running(directory: Path, *receivers: Receiver) -> Iterator[Notifier]:
    notifier = Notifier(receivers, directory, QUICK)
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()


def waiting(notifier: Notifier) -> dict[str, int]:
    return {each.receiver: each.waiting for each in notifier.receiver_statuses()}


def values(notifier: Notifier) -> dict[tuple[str, ...], float]:
    return {(each.metric.name, *each.labels): getattr(each, "value") for each in notifier.readings()}  # noqa: B009 - a union


def attempted(notifier: Notifier) -> bool:
    return any(values(notifier)["outbox_notifications_total", "webhook", result] for result in ("delivered", "failed"))


def test_configured_receivers() -> None:
    """No receiver without configuration; otherwise those, with their secrets; several Alertmanagers are numbered."""
    assert receivers(AlertingSettings()) == ()
    settings = AlertingSettings(
        alertmanager_url=(Url("http://a:9093"), Url("http://b:9093")),
        alertmanager_bearer_token=Secret("am"),
        pagerduty_routing_key=Secret(ROUTING_KEY),
        pagerduty_url=Url("https://events.eu.pagerduty.com/v2/enqueue"),
        webhook_url=Url("http://hook/"),
        webhook_bearer_token=Secret("hook"),
    )
    assert receivers(settings, "http://us/") == (
        Alertmanager("alertmanager-1", "http://a:9093", Secret("am"), "http://us/"),
        Alertmanager("alertmanager-2", "http://b:9093", Secret("am"), "http://us/"),
        PagerDuty(Secret(ROUTING_KEY), "https://events.eu.pagerduty.com/v2/enqueue", "http://us/"),
        Webhook("http://hook/", Secret("hook"), "http://us/"),
    )
    one = receivers(AlertingSettings(alertmanager_url=(Url("http://a:9093"),)))
    assert [each.name for each in one] == ["alertmanager"]


def test_no_receivers(tmp_path: Path) -> None:
    """Without receivers there is no thread, no file and no series."""
    before = threading.active_count()
    notifier = create_notifier(AlertingSettings(), tmp_path / "state")
    notifier.start()
    notifier.accept(evaluation(time.time(), [STALLED]))
    assert threading.active_count() == before
    assert notifier.readings() == ()
    assert notifier.receiver_statuses() == ()
    notifier.stop()
    assert not (tmp_path / "state").exists()


def test_receivers_with_certificates_of_a_private_authority(tmp_path: Path) -> None:
    """Updates are sent once the configuration names the authority; until then they wait."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK).configure_cert(tls)
    with receiving(tls=tls) as local:
        strange = AlertingSettings(webhook_url=Url(local.url))
        known = replace(strange, ca_file=Certificates(authority.cert_pem.bytes().decode()))
        for settings, expected_requests in ((strange, 0), (known, 1)):
            notifier = create_notifier(settings, tmp_path, timing=QUICK)
            notifier.start()
            notifier.accept(evaluation(time.time(), [STALLED]))
            eventually(partial(attempted, notifier))
            notifier.stop()
            assert len(local.received) == expected_requests


def test_stopped_before_it_was_started(tmp_path: Path) -> None:
    """It can be stopped before it was started."""
    create_notifier(AlertingSettings(webhook_url=Url("http://127.0.0.1:1")), tmp_path).stop()


def test_all_receivers_receive_all_updates(local: Local, tmp_path: Path) -> None:
    """A beginning and an end reach Alertmanager, PagerDuty and the webhook; all of that is on /metrics."""
    kinds = (
        Alertmanager("alertmanager", local.url),
        PagerDuty(Secret(ROUTING_KEY), f"{local.url}/v2/enqueue"),
        Webhook(f"{local.url}/hook"),
    )
    with running(tmp_path, *kinds) as notifier:
        assert set(values(notifier).values()) == {0}
        assert len(values(notifier)) == 3 * 4  # waiting, and three results
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: len({each.path for each in local.received}) == 3)
        notifier.accept(evaluation(time.time(), resolved=[STALLED]))
        eventually(lambda: sum("resolve" in str(each.body) for each in local.received) >= 2)
        eventually(lambda: set(waiting(notifier).values()) == {0})
        seen = values(notifier)
    assert seen["outbox_notifications_total", "pagerduty", "delivered"] == 2
    assert seen["outbox_notifications_total", "webhook", "delivered"] == 2
    assert seen["outbox_notifications_total", "alertmanager", "delivered"] >= 2
    assert {seen["outbox_notifications_total", each.name, "dropped"] for each in kinds} == {0}


def test_none_waits_for_another(tmp_path: Path) -> None:
    """Receivers that are silent hold up neither who evaluates nor any other receiver."""
    with ExitStack() as stack:
        silent = [stack.enter_context(receiving()) for _ in range(3)]
        healthy = stack.enter_context(receiving())
        for each in silent:
            each.answer = lambda _: SILENCE
        kinds = [Alertmanager(f"alertmanager-{number}", each.url) for number, each in enumerate(silent)]
        notifier = stack.enter_context(running(tmp_path, *kinds, Webhook(healthy.url)))
        slowest = 0.0
        for number in range(20):
            fresh = alert("OutboxBlind", since=time.time(), queue=str(number))
            began = time.monotonic()
            notifier.accept(evaluation(time.time(), [fresh]))
            slowest = max(slowest, time.monotonic() - began)
            notifier.accept(evaluation(time.time(), resolved=[fresh]))
        eventually(lambda: len(healthy.bodies()) == 40)
        assert slowest < 1  # the silent ones take twenty seconds
        assert all(waiting(notifier)[each.name] > 0 for each in kinds)


def test_stops_soon_and_continues_later(local: Local, tmp_path: Path) -> None:
    """It stops in time though a receiver hangs; undelivered updates are sent after the next start."""
    local.answer = lambda _: SILENCE
    with running(tmp_path, Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: local.received)
        notifier.accept(evaluation(time.time(), resolved=[STALLED]))
        began = time.monotonic()
        notifier.stop()
        assert time.monotonic() - began < 5  # of the 20 seconds that the receiver may take
        eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("notify-")], 5)
    local.answer = lambda _: OK
    with running(tmp_path, Webhook(local.url)):
        eventually(lambda: len(local.bodies()) == 2)
    assert [body["status"] for body in local.bodies()] == ["firing", "resolved"]


def test_delivery_recovers_by_itself(local: Local, tmp_path: Path) -> None:
    """A failed notification is sent again without any new evaluation."""
    local.answer = lambda _: Reply(500) if len(local.received) < 4 else OK
    with running(tmp_path, Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: waiting(notifier) == {"webhook": 0})
    assert values(notifier)["outbox_notifications_total", "webhook", "failed"] == 4


def test_alerts_are_resent_to_alertmanager(local: Local, tmp_path: Path) -> None:
    """Evaluations without changes repeat the firing alerts."""
    with running(tmp_path, Alertmanager("alertmanager", local.url)) as notifier:

        def received_three() -> bool:
            notifier.accept(evaluation(time.time(), [STALLED]))
            return len(local.received) >= 3

        eventually(received_three)


def test_an_answer_under_way_is_waited_for(local: Local, tmp_path: Path) -> None:
    """A request in flight may finish while the notifier stops, and is not sent again."""
    under_way = threading.Event()

    def slowly(_: Any) -> Reply:
        under_way.set()
        time.sleep(0.3)
        return OK

    local.answer = slowly
    with running(tmp_path, Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        assert under_way.wait(15)
    with running(tmp_path, Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: waiting(notifier) == {"webhook": 0})
    assert len(local.received) == 1


def test_without_a_state_directory(local: Local, tmp_path: Path) -> None:
    """Without a writable directory all updates are sent, and the status shows the problem."""
    (tmp_path / "state").write_text("a file is in the way")
    with running(tmp_path / "state", Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        notifier.accept(evaluation(time.time(), resolved=[STALLED]))
        eventually(lambda: len(local.bodies()) == 2)
        assert "cannot be written" in notifier.receiver_statuses()[0].save_problem


def test_a_damaged_file_stops_nothing(local: Local, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A saved file that cannot be parsed is renamed and logged; notification works."""
    (tmp_path / "notifications-webhook.json").write_text("{")
    with running(tmp_path, Webhook(local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(local.bodies)
    assert (tmp_path / "notifications-webhook.unreadable").exists()
    assert "saved notifications not loaded" in caplog.text


def test_a_fixed_key_is_used_after_a_restart(local: Local, tmp_path: Path) -> None:
    """An update that was refused for a wrong key is sent with the right one."""
    local.answer = lambda body: OK if body["routing_key"] == ROUTING_KEY else Reply(400, body=b"invalid routing key")
    with running(tmp_path, PagerDuty(Secret("0" * 32), local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: notifier.receiver_statuses()[0].problem == "HTTP 400: invalid routing key")
    with running(tmp_path, PagerDuty(Secret(ROUTING_KEY), local.url)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(local.bodies)


def test_no_secret_anywhere(local: Local, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys, tokens and the webhook's URL appear in no log, file, metric or status, even if a receiver echoes them."""
    caplog.set_level(logging.DEBUG)
    hook = f"{local.url}/T000/B000/{TOKEN}"
    local.answer = lambda body: Reply(400, body=f"bad {body} at {hook} for {ROUTING_KEY} {TOKEN}".encode())
    kinds = (
        Alertmanager("alertmanager", local.url, Secret(TOKEN)),
        PagerDuty(Secret(ROUTING_KEY), local.url),
        Webhook(hook, Secret(TOKEN)),
    )
    with running(tmp_path, *kinds) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: all(each.problem for each in notifier.receiver_statuses()))
        seen = [repr(notifier.readings()), repr(notifier.receiver_statuses())]
    seen += [path.read_text() for path in tmp_path.iterdir()]
    seen += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert len(list(tmp_path.glob("notifications-*.json"))) == 3
    assert not [text for text in seen if TOKEN in text or ROUTING_KEY in text]
    assert any("[hidden]" in text for text in seen)


def test_a_token_that_changes(local: Local, tmp_path: Path) -> None:
    """Each request has the token of its time. Without its file nothing is sent, and the status says why."""
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}-1")
    secret = Secret(SecretFile("alerting.alertmanager_bearer_token_file", token, lambda _: None))
    with running(tmp_path / "state", Alertmanager("alertmanager", local.url, secret)) as notifier:
        notifier.accept(evaluation(time.time(), [STALLED]))
        eventually(lambda: local.received)
        assert local.received[0].headers["authorization"] == f"Bearer {TOKEN}-1"
        token.unlink()
        notifier.accept(evaluation(time.time(), [STALLED, alert("OutboxBlind", since=time.time())]))
        problem = "alerting.alertmanager_bearer_token_file: the file cannot be read: No such file or directory"
        eventually(lambda: notifier.receiver_statuses()[0].problem == problem)
        token.write_text(f"{TOKEN}-2")
        eventually(lambda: notifier.receiver_statuses()[0].problem == "")
        assert local.received[-1].headers["authorization"] == f"Bearer {TOKEN}-2"


def test_two_exporters_in_one_directory(local: Local, tmp_path: Path) -> None:
    """The second one neither loads nor saves, says so, and notifies; it continues once the first has ended."""
    first = Notifier((Webhook(local.url),), tmp_path, QUICK)
    first.start()
    first.accept(evaluation(time.time(), [STALLED]))
    eventually(lambda: len(local.received) == 1)
    eventually((tmp_path / "notifications-webhook.json").exists)
    with running(tmp_path, Webhook(local.url)) as second:
        (status,) = second.receiver_statuses()
        expected = f"{tmp_path} is in use by another exporter: give each its own watch.state_dir"
        assert status.save_problem == expected
        blind = alert("OutboxBlind", since=time.time())
        second.accept(evaluation(time.time(), [blind]))
        eventually(lambda: len(local.received) == 2)
        assert "OutboxBlind" not in (tmp_path / "notifications-webhook.json").read_text()
        first.stop()
        second._persistence_worker.wake()  # sooner than after half a minute
        eventually(lambda: second.receiver_statuses()[0].save_problem == "")
        eventually(lambda: "OutboxBlind" in (tmp_path / "notifications-webhook.json").read_text())
        # It also ends what the first one has begun.
        second.accept(evaluation(time.time(), [blind], [STALLED]))
        eventually(lambda: len(local.received) == 3)
        assert local.bodies()[-1]["status"] == "resolved"


def test_many_threads_at_once(local: Local, tmp_path: Path) -> None:
    """Concurrent evaluations, scrapes and page requests cause no error."""
    errors: list[Exception] = []
    done = threading.Event()
    with running(tmp_path, Webhook(local.url), Alertmanager("alertmanager", local.url)) as notifier:

        def look() -> None:
            try:
                while not done.wait(0.001):
                    assert len(notifier.readings()) in (8, 9, 10)  # the delay of each receiver from its first alert on
                    notifier.receiver_statuses()
            except Exception as error:  # noqa: BLE001 - to be seen in the test's own thread
                errors.append(error)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(20):
            fresh = alert("OutboxBlind", since=time.time(), queue=str(number))
            notifier.accept(evaluation(time.time(), [fresh]))
            notifier.accept(evaluation(time.time(), resolved=[fresh]))
        try:
            eventually(lambda: waiting(notifier) == {"webhook": 0, "alertmanager": 0})
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert errors == []


def test_the_last_incident_is_removed_from_the_file(tmp_path: Path, local: Local) -> None:
    """Once its retention is over, by an evaluation without alerts."""
    with running(tmp_path, Alertmanager("alertmanager", local.url)) as notifier:
        file = tmp_path / "notifications-alertmanager.json"
        now = time.time()
        notifier.accept(evaluation(now, [STALLED]))
        eventually(lambda: file.exists() and '"told": "firing"' in file.read_text())
        notifier.accept(evaluation(now + 1, [], [STALLED]))
        eventually(lambda: '"told": "resolved"' in file.read_text())
        notifier.accept(evaluation(now + 10))
        eventually(lambda: '"episodes": []' in file.read_text())
