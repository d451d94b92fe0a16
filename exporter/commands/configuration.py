"""The configuration of a command: file, environment and options of the command line."""

import argparse
import os
from collections.abc import Callable, Iterable
from importlib import import_module

from exporter.config import loader
from exporter.config.keys import secrets, variable
from exporter.config.settings import Config, Override, WatchCheck
from exporter.config.watch_checks import CheckError
from exporter.core import logs
from exporter.core.errors import ConfigError
from exporter.outbox.mapping import DEFAULT

# The keys that options of the command line replace, by their dotted names: these are the names of the options' values.
OPTIONS = ("web.listen", "web.config_file", "log.level", "log.format")


def load(options: argparse.Namespace, dsn_problem: Callable[[str], str | None] = lambda _: None) -> Config:
    """The configuration; logging follows it at once. `dsn_problem` checks a connection string.

    Raises: ConfigError with every problem. The paths of the file and of what it names are whole.
    """
    path = options.config.absolute() if options.config else None
    single = {"alerting.objective_time": _objective_problem}
    checks = loader.ExternalChecks(dsn_problem, _override_problem, single, _check_errors)
    config = loader.load(path, _environ(options), checks)
    if config.watch.start == "migration" and config.outbox.mapping() != DEFAULT:
        raise ConfigError(("watch.start: migration: only the default tables have this migration; expected manual",))
    logs.configure(secrets(config), level=config.log.level, style=config.log.format)
    return config


def _environ(options: argparse.Namespace) -> dict[str, str]:
    """The environment, in which options take the place of variables."""
    given = {path: getattr(options, path, None) for path in OPTIONS}
    return {**os.environ, **{variable(*path.split(".")): text for path, text in given.items() if text is not None}}


def _override_problem(override: Override) -> str | None:
    """The rules are read only for a configuration that changes one."""
    problem: str | None = import_module("alerts.policy.load").override_error_in_default_policy(override)
    return problem


def _check_errors(entry: WatchCheck) -> Iterable[CheckError]:
    """Signals, metrics and rules are read only for a configuration that has checks of the watch."""
    errors: Iterable[CheckError] = import_module("alerts.watch.checks.entry_errors").errors_by_default_policy(entry)
    return errors


def _objective_problem(seconds: float) -> str | None:
    problem: str | None = import_module("alerts.policy.objective").bound_error(seconds)
    return problem
