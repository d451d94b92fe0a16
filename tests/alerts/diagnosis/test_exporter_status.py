"""The status of an exporter, requested from real servers."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.diagnosis import exporter_status
from alerts.diagnosis.exporter_status import read
from exporter.config.settings import WebSettings
from exporter.core.types import Address
from exporter.lab.ports import LOOPBACK, free_port
from tests.alerts.notify.local import Reply, receiving


def web(url: str, host: str = LOOPBACK) -> WebSettings:
    return WebSettings(listen=Address(f"{host}:{url.rpartition(':')[2]}"))


@pytest.mark.parametrize("host", [LOOPBACK, "0.0.0.0", ""])
def test_the_document(host):
    """On this machine, whatever interface the exporter listens on."""
    with receiving() as server:
        server.answer = lambda _: Reply(200, body=b'{"started": 5}')
        found = read(web(server.url, host))
    assert (found.accepts, found.answers, found.document) == (True, True, {"started": 5})
    assert server.received[0].path == "/api/v1/status"


@pytest.mark.parametrize("reply", [Reply(401), Reply(200, body=b"[]"), Reply(200, body=b"hello")])
def test_an_answer_without_a_document(reply):
    """It asks for credentials, or is another program: it answers, and nothing is known."""
    with receiving() as server:
        server.answer = lambda _: reply
        found = read(web(server.url))
    assert (found.answers, found.document) == (True, {})


def test_with_tls_only_a_connection_is_made():
    """The certificate and the password are not this program's to know."""
    with receiving() as server:
        found = read(replace(web(server.url), config_file=Path("web.yaml")))
        assert (found.accepts, found.answers, found.document) == (True, True, {})
        assert server.received == []


def test_nothing_listens_or_nothing_answers(monkeypatch):
    """Told apart."""
    refused = read(web(f":{free_port()}"))
    assert (refused.accepts, refused.answers, refused.problem) == (False, False, "Connection refused")
    monkeypatch.setattr(exporter_status, "TIMEOUT", 0.05)
    with socket.create_server((LOOPBACK, 0)) as silent:
        found = read(web(f":{silent.getsockname()[1]}"))
    assert (found.accepts, found.answers, found.problem) == (True, False, "no answer within 50 ms")
