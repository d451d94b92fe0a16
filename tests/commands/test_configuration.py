"""The configuration of a command: its sources, and the paths in its messages."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from exporter.commands import configuration, database_configuration
from exporter.commands.parser import parser
from exporter.config.settings import Config
from exporter.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith("OUTBOX_EXPORTER_"):
            monkeypatch.delenv(name)


def load(*arguments: str) -> Config:
    return configuration.load(parser().parse_args(["serve", *arguments]))


def test_an_option_wins_over_the_variable_and_the_file(monkeypatch, tmp_path):
    """As a variable wins over the file."""
    config = tmp_path / "config.yaml"
    config.write_text("web: {listen: '127.0.0.1:1'}\nlog: {level: error, format: json}\n")
    monkeypatch.setenv("OUTBOX_EXPORTER_WEB_LISTEN", "127.0.0.1:2")
    arguments = ("--config", str(config))
    found = load(*arguments)
    assert (found.web.listen, found.log.level, found.log.format) == ("127.0.0.1:2", "error", "json")
    found = load(*arguments, "--web.listen-address", ":3", "--log.level", "debug", "--web.config.file", "/web.yaml")
    assert (found.web.listen, found.log.level, found.log.format) == (":3", "debug", "json")
    assert found.web.config_file == Path("/web.yaml")
    assert logging.getLogger("exporter").level == logging.DEBUG


def test_paths_are_whole(monkeypatch, tmp_path):
    """Of the configuration, and of what it names."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("web: {config_file: web.yaml}\n")
    found = load("--config", "config.yaml")
    assert found.web.config_file == tmp_path / "web.yaml"
    Path("config.yaml").write_text("web: {listens: 1}\n")
    with pytest.raises(ConfigError) as raised:
        load("--config", "config.yaml")
    assert raised.value.problems == (f'{tmp_path}/config.yaml:1: web.listens: unknown key; did you mean "listen"?',)


def test_a_changed_threshold_is_checked(monkeypatch):
    """For every command, although most of them read no rules."""
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", "{OutboxStaled: {page: 10m}}")
    with pytest.raises(ConfigError, match="OutboxStalled"):
        load()


def test_only_a_command_with_a_database_checks_the_connection_string(monkeypatch):
    """libpq, which takes a fifth of a second to load, understands it."""
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", "nonsense")
    assert load().database.dsn.latest == "nonsense"
    with pytest.raises(ConfigError, match="OUTBOX_EXPORTER_DATABASE_DSN"):
        database_configuration.load(parser().parse_args(["serve"]))


def test_the_migration_starts_no_watch_of_another_outbox(monkeypatch):
    """Only the default tables have this migration; every command refuses the configuration in one sentence."""
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_START", "migration")
    assert load().watch.start == "migration"
    monkeypatch.setenv("OUTBOX_EXPORTER_OUTBOX_PROFILE", "river")
    with pytest.raises(ConfigError) as error:
        load()
    message = "watch.start: migration: only the default tables have this migration; expected manual"
    assert error.value.problems == (message,)
