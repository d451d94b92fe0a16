"""Receivers are probed without sending a notification; over real sockets, and with a real Alertmanager."""

from __future__ import annotations

import dataclasses

import pytest

from alerts.notify import probe
from alerts.notify.probe import ProbeResult
from exporter.config.settings import AlertingSettings
from exporter.core.types import Secret, Url
from exporter.lab.ports import free_port
from tests.alerts.alertmanager import run_alertmanager, scaled_config
from tests.alerts.notify.local import HANG_UP, NONSENSE, SILENCE, Reply, receiving
from tests.alerts.pager import Pager

TOKEN = "a-token-for-nobody"


def probed(**settings) -> list[ProbeResult]:
    return list(probe.ask(AlertingSettings(**settings)))


def test_without_receivers_there_is_no_probe():
    """This is no problem: firing alerts are on /metrics as well."""
    assert probed() == []


def test_an_alertmanager_answers(tmp_path):
    """By its status request; no alert is sent."""
    with run_alertmanager(tmp_path, scaled_config(Pager(f"http://127.0.0.1:{free_port()}"))) as real:
        assert probed(alertmanager_url=(Url(real.url),)) == [ProbeResult("alertmanager", "answers")]
        assert real.inhibited() == []


def test_a_probe_contains_no_notification():
    """Alertmanager is asked for its status, with the token; the others for their headers alone."""
    with receiving() as local:
        probed(
            alertmanager_url=(Url(local.url),),
            alertmanager_bearer_token=Secret(TOKEN),
            pagerduty_routing_key=Secret("0" * 32),
            pagerduty_url=Url(f"{local.url}/enqueue"),
            webhook_url=Url(f"{local.url}/hook"),
            webhook_bearer_token=Secret(TOKEN),
        )
    sent = [(each.method, each.path, each.headers.get("authorization")) for each in local.received]
    assert sent == [
        ("GET", "/api/v2/status", f"Bearer {TOKEN}"),
        ("HEAD", "/enqueue", None),
        ("HEAD", "/hook", f"Bearer {TOKEN}"),
    ]


@pytest.mark.parametrize(
    ("status", "problem", "answered"),
    [
        (200, None, True),
        (404, "answers HTTP 404, unlike an Alertmanager; check its address", True),
        (503, "answers HTTP 503", False),
        (401, "refuses access with HTTP 401; check its token", True),
        (403, "refuses access with HTTP 403; check its token", True),
    ],
)
def test_answers_of_an_alertmanager(status, problem, answered):
    """Only 200 is a valid status of an Alertmanager; a proxy without one behind it does not count."""
    with receiving() as local:
        local.answer = lambda _: Reply(status)
        (answer,) = probed(alertmanager_url=(Url(local.url),), alertmanager_bearer_token=Secret(TOKEN))
    assert (answer.problem, answer.answered) == (problem, answered)


def test_an_alertmanager_that_requires_credentials_without_any():
    """As with basic authentication, which cannot be given: to check a token would be no advice."""
    with receiving() as local:
        local.answer = lambda _: Reply(401)
        (answer,) = probed(alertmanager_url=(Url(local.url),))
    assert answer.problem == "refuses access with HTTP 401; it requires credentials, and only a token is supported"


@pytest.mark.parametrize(
    ("status", "problem", "answered"),
    [
        (200, None, True),
        (405, None, True),
        (401, "refuses access with HTTP 401; check its token", True),
        (502, "answers HTTP 502", False),
    ],
)
def test_answers_of_a_webhook(status, problem, answered):
    """It may not know the method; a gateway without a server behind it proves nothing."""
    with receiving() as local:
        local.answer = lambda _: Reply(status)
        (answer,) = probed(webhook_url=Url(local.url))
    assert (answer.receiver, answer.problem, answer.answered) == ("webhook", problem, answered)


@pytest.mark.parametrize("reply", [HANG_UP, NONSENSE, SILENCE], ids=["hangs up", "no HTTP", "silent"])
def test_no_answer_is_unknown(reply, monkeypatch):
    """Within a time limit; each of several is asked all the same."""
    monkeypatch.setattr(probe, "TIMEOUT", 0.5)
    with receiving() as local, receiving() as well:
        local.answer, well.answer = lambda _: reply, lambda _: Reply(200)
        first, second = probed(alertmanager_url=(Url(local.url), Url(well.url)))
    assert dataclasses.replace(first, problem=None) == ProbeResult("alertmanager-1", "", None, answered=False)
    assert first.problem
    assert second.problem is None
