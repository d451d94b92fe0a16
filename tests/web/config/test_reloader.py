"""Reloading of the web configuration file: accepted and refused changes."""

import logging

import pytest

from exporter.core.errors import ConfigError
from exporter.web.config import reloader
from exporter.web.config.reloader import WebConfigReloader
from exporter.web.server import WebServer
from tests import webtools
from tests.web.clock import Clock
from tests.web.passwords import PASSWORD, hashed
from tests.web.tls_server import exchange_message
from tests.webtools import get


def test_an_invalid_file_keeps_the_old_content_and_is_logged_once(config, caplog):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before, good = followed.current(), config.read_text()
    for broken in ("basic_auth_users:\n  alice: hunter2\n", "nonsense: 1\n"):
        config.write_text(broken)
        for _ in range(3):
            clock.now += 1.0
            assert followed.current() is before
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert f"{config.parent}/web.yml:2: basic_auth_users.alice: not a bcrypt hash" in caplog.text
    assert "hunter2" not in caplog.text
    config.write_text(good + f"  bob: {hashed('x')}\n")
    clock.now += 1.0
    assert set(followed.current().config.users) == {"alice", "bob"}


def test_the_file_is_checked_once_a_second(config):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before = followed.current()
    config.write_text(f"basic_auth_users:\n  bob: {hashed(PASSWORD)}\n")
    clock.now += 0.5
    assert followed.current() is before
    clock.now += 0.5
    assert set(followed.current().config.users) == {"bob"}


@pytest.mark.parametrize("text", ["", "basic_auth_users: {}\n", "http_server_config:\n  http2: true\n"])
def test_no_file_disables_the_protection_of_a_running_server(config, text, caplog):
    """A half-written file is often an empty one."""
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    before = followed.current()
    config.write_text(text)
    clock.now += 1.0
    assert followed.current() is before
    assert "no longer holds users; disabling that needs a restart" in caplog.text


def test_a_file_that_vanishes_and_returns(config):
    clock = Clock()
    followed = WebConfigReloader(config, clock)
    away = config.rename(config.with_suffix(".away"))
    clock.now += 1.0
    assert followed.current().config.users
    away.rename(config)
    clock.now += 1.0
    assert followed.current().config.users


def test_an_invalid_file_fails_the_start(config):
    config.write_text("nonsense: 1\n")
    with pytest.raises(ConfigError, match="unknown key"):
        WebServer(webtools.site(), "127.0.0.1:0", config).start()


def test_a_changed_password_is_used_at_once(config, monkeypatch):
    monkeypatch.setattr(reloader, "CHECK_INTERVAL", 0)
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        before = get(server.url, auth=("alice", PASSWORD.encode())).status_code
        config.write_text(f"basic_auth_users:\n  alice: {hashed('new')}\n")
        after = [get(server.url, auth=("alice", password)).status_code for password in (PASSWORD.encode(), "new")]
    assert (before, after) == (200, [401, 200])


def test_a_new_certificate_is_used_without_a_restart(tls_server, monkeypatch):
    monkeypatch.setattr(reloader, "CHECK_INTERVAL", 0)
    with tls_server.serving() as port:
        first = exchange_message(port, tls_server.client()).certificate["serialNumber"]
        tls_server.issue("server", "localhost")
        second = exchange_message(port, tls_server.client()).certificate["serialNumber"]
        (tls_server.directory / "server.crt").write_text("half-writ")
        third = exchange_message(port, tls_server.client()).certificate["serialNumber"]
    assert first != second
    assert second == third
